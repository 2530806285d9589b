"""One end of a voicewire connection, without I/O: what may be received and sent, in which state, and how much of it."""

from enum import StrEnum

from voicewire import VERSION, clock
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import FRAME_MS, AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind, packet_duration_ms, unpack_packets
from voicewire.messages import (
    Down,
    Error,
    Limits,
    Message,
    SessionReady,
    SessionStart,
    Up,
    decode_down,
    decode_up,
    encode,
    unsupported_version,
)

MAX_LEAP_S = 60
"""A sequence or a position that leaps further ahead of what real time allows is an error, not a gap."""

_RATE_WINDOW_S = 2


class Side(StrEnum):
    CLIENT = "client"
    SERVER = "server"


class State(StrEnum):
    OPENING = "opening"
    """Until `session_ready`. Every error here is fatal: there is no session that could go on."""
    OPEN = "open"
    CLOSED = "closed"
    """After a fatal error, found or told: nothing more is received. What was queued may still be sent, and last the
    `error` that tells why; then the transport is to be closed with the error's close code."""


class TokenBucket:
    """Allows `rate` events a second, averaged over two seconds."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._capacity_ns = _RATE_WINDOW_S * rate * clock.NS_PER_S
        # One event costs NS_PER_S, so that a nanosecond refills exactly `rate`.
        self._level_ns = self._capacity_ns
        self._at_ns: int | None = None

    def take(self, now_ns: int) -> bool:
        """Whether one more event is allowed now."""
        if self._at_ns is not None:
            self._level_ns = min(self._capacity_ns, self._level_ns + (now_ns - self._at_ns) * self._rate)
        self._at_ns = now_ns
        if self._level_ns < clock.NS_PER_S:
            return False
        self._level_ns -= clock.NS_PER_S
        return True


class _Intake:
    """Accounts for the audio of one direction: nothing comes twice or backwards, and microphone audio not ahead of
    real time.

    A gap is legal: a client that sheds audio goes on counting, so sequence and position jump ahead together. Whatever
    is refused leaves no trace here.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last: AudioFrame | None = None
        self._last_ns = 0
        self._first_ns = 0
        self._first_pts = 0
        self._audio_ms = 0.0

    def check(self, frame: AudioFrame, rate: int, duration_ms: float, now_ns: int) -> None:
        """Take a microphone frame of known duration (0 for a container's piece), or raise ProtocolError."""
        first_ns, first_pts = (now_ns, frame.pts) if self._last is None else (self._first_ns, self._first_pts)
        self._check_order(frame, now_ns, duration_ms)
        position_ms = (frame.pts - first_pts) * 1000 / rate + duration_ms
        ahead_ms = max(position_ms, self._audio_ms + duration_ms) - (now_ns - first_ns) / clock.NS_PER_MS
        if ahead_ms > self._limits.max_audio_ahead_ms + MAX_LEAP_S * 1000:
            raise ProtocolError(
                ErrorCode.BAD_SEQUENCE, f"the audio's position leaps {ahead_ms:.0f} ms ahead of real time", field="pts"
            )
        if ahead_ms > self._limits.max_audio_ahead_ms:
            raise self._too_far_ahead(ahead_ms)
        self._first_ns, self._first_pts = first_ns, first_pts
        self._last, self._last_ns = frame, now_ns
        self._audio_ms += duration_ms

    def check_reply(self, frame: AudioFrame) -> None:
        """Take a frame of a reply: the server is not held to real time."""
        if self._last is not None and frame.sequence <= self._last.sequence:
            raise _backwards("sequence", frame.sequence, self._last.sequence)
        if self._last is not None and frame.turn_id == self._last.turn_id and frame.pts < self._last.pts:
            raise _backwards("pts", frame.pts, self._last.pts)
        self._last = frame

    def check_decoded(self, duration_ms: float, now_ns: int) -> None:
        """Count audio that a container turned out to hold. Being ahead is fatal here: no piece can be left out."""
        self._audio_ms += duration_ms
        ahead_ms = self._audio_ms - (now_ns - self._first_ns) / clock.NS_PER_MS
        if ahead_ms > self._limits.max_audio_ahead_ms:
            error = self._too_far_ahead(ahead_ms)
            error.fatal = True
            raise error

    def _check_order(self, frame: AudioFrame, now_ns: int, duration_ms: float) -> None:
        if self._last is None:
            return
        if frame.sequence <= self._last.sequence:
            raise _backwards("sequence", frame.sequence, self._last.sequence)
        since_s = (now_ns - self._last_ns) / clock.NS_PER_S
        leap = frame.sequence - self._last.sequence
        if leap > self._limits.max_frames_per_second * (since_s + MAX_LEAP_S):
            raise ProtocolError(ErrorCode.BAD_SEQUENCE, f"the sequence leaps {leap} frames ahead", field="sequence")
        if duration_ms > 0 and frame.pts <= self._last.pts:
            raise _backwards("pts", frame.pts, self._last.pts)

    def _too_far_ahead(self, ahead_ms: float) -> ProtocolError:
        return ProtocolError(
            ErrorCode.TOO_FAR_AHEAD,
            f"the audio is {ahead_ms:.0f} ms ahead of real time; the limit is {self._limits.max_audio_ahead_ms} ms",
        )


class Connection:
    """The protocol's state at one end: give it what the peer sent, and it gives back what that means.

    It neither reads a clock nor knows a socket; both ends use it. `limits` are the server's, and told in
    `session_ready`. What the peer does wrong is a ProtocolError; what its own side does wrong is an AssertionError.
    """

    def __init__(self, side: Side, limits: Limits | None = None) -> None:
        self._side = side
        self._limits = limits or Limits()
        self._state = State.OPENING
        self._start: SessionStart | None = None
        self._ready: SessionReady | None = None
        self._closed_by: tuple[ErrorCode, str, str] | None = None
        self._received = _Intake(self._limits)
        self._sent_sequence = -1
        self._sent_last = False
        self._accepted = TokenBucket(self._limits.max_frames_per_second)
        self._refused = TokenBucket(self._limits.max_frames_per_second)

    @property
    def state(self) -> State:
        return self._state

    def receive(self, data: str | bytes, now_ns: int) -> Message | AudioFrame:
        """What the peer's WebSocket message says.

        Raises ProtocolError: when it is not fatal, the message is dropped and the session goes on; when it is, the
        state is CLOSED, and whatever is received from then on raises the same error again.
        """
        if self._closed_by is not None:
            code, message, field = self._closed_by
            raise ProtocolError(code, message, field=field, fatal=True)
        try:
            received = self._receive(data, now_ns)
        except ProtocolError as error:
            error.fatal = error.fatal or self._state is State.OPENING
            if error.fatal:
                self._close(error)
            raise
        if isinstance(received, Error) and received.fatal:
            self._close(received)
        return received

    def audio_decoded(self, duration_ms: float, now_ns: int) -> None:
        """Count microphone audio that came out of a container, whose pieces do not tell how much they hold.

        Raises ProtocolError (`too_far_ahead`, fatal): a piece of a byte stream cannot be left out.
        """
        try:
            self._received.check_decoded(duration_ms, now_ns)
        except ProtocolError as error:
            self._close(error)
            raise

    def send(self, message: Message | AudioFrame) -> str | bytes:
        """The WebSocket message to send. A fatal `error` is the last."""
        assert not self._sent_last, "nothing follows a fatal error"
        if isinstance(message, AudioFrame):
            self._check_sent_audio(message)
            return message.serialize()
        assert isinstance(message, Up if self._side is Side.CLIENT else Down), f"{message} goes the other way"
        match message:
            case SessionStart():
                assert self._start is None, "the session was started already"
                assert self._state is State.OPENING
                self._start = message
            case SessionReady():
                assert self._start is not None, "no session was asked for"
                assert self._state is State.OPENING
                assert message.input in self._start.input, "the input format was not offered"
                assert message.output in self._start.output, "the output format was not offered"
                assert message.limits == self._limits, "these limits are not the ones enforced"
                self._open(message)
            case Error():
                if message.fatal:
                    self._sent_last = True
                    self._close(message)
            case _:
                assert self._ready is not None, f"{message} before session_ready"
        return encode(message)

    def _receive(self, data: str | bytes, now_ns: int) -> Message | AudioFrame:
        if self._side is Side.SERVER:
            self._check_limits(data, now_ns)
        if isinstance(data, bytes):
            return self._receive_audio(AudioFrame.parse(data), now_ns)
        message = decode_up(data) if self._side is Side.SERVER else decode_down(data)
        match message:
            case SessionStart():
                self._receive_start(message)
            case SessionReady():
                self._receive_ready(message)
            case Error():
                pass
            case _:
                self._check_open()
        return message

    def _check_limits(self, data: str | bytes, now_ns: int) -> None:
        if not self._accepted.take(now_ns):
            raise ProtocolError(
                ErrorCode.TOO_MANY_FRAMES,
                f"more than {self._limits.max_frames_per_second} messages a second; slow down",
                fatal=not self._refused.take(now_ns),
            )
        size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode(errors="surrogatepass"))
        if size > self._limits.max_message_bytes:
            raise ProtocolError(
                ErrorCode.MESSAGE_TOO_LARGE,
                f"a message of {size} bytes; at most {self._limits.max_message_bytes} are taken",
            )

    def _check_open(self) -> None:
        if self._state is State.OPENING:
            first = "session_start" if self._start is None and self._side is Side.SERVER else "session_ready"
            raise ProtocolError(ErrorCode.NOT_STARTED, f"nothing else may be sent before `{first}`")

    def _receive_start(self, message: SessionStart) -> None:
        if self._start is not None:
            raise ProtocolError(ErrorCode.ALREADY_STARTED, "the session is started already", field="type")
        _check_version(message.version)
        self._start = message

    def _receive_ready(self, message: SessionReady) -> None:
        if self._start is None:
            raise ProtocolError(ErrorCode.NOT_STARTED, "no session was asked for", field="type")
        if self._ready is not None:
            raise ProtocolError(ErrorCode.ALREADY_STARTED, "the session is ready already", field="type")
        _check_version(message.version)
        for field, chosen, offered in (
            ("input", message.input, self._start.input),
            ("output", message.output, self._start.output),
        ):
            if chosen not in offered:
                raise ProtocolError(ErrorCode.UNSUPPORTED_FORMAT, f"{chosen} was not offered", field=field)
        self._open(message)

    def _receive_audio(self, frame: AudioFrame, now_ns: int) -> AudioFrame:
        self._check_open()
        assert self._ready is not None
        if self._side is Side.CLIENT:
            _check_header(frame, FrameKind.TTS_AUDIO_CHUNK, self._ready.output)
            _duration_ms(frame, self._ready.output.rate)
            self._received.check_reply(frame)
        else:
            _check_header(frame, FrameKind.AUDIO_CHUNK, self._ready.input)
            if not frame.payload:
                raise ProtocolError(ErrorCode.MALFORMED_FRAME, "microphone audio has a payload", field="payload")
            rate = self._ready.input.rate
            self._received.check(frame, rate, _duration_ms(frame, rate), now_ns)
        return frame

    def _check_sent_audio(self, frame: AudioFrame) -> None:
        assert self._ready is not None, "audio before session_ready"
        upward = self._side is Side.CLIENT
        assert frame.kind is (FrameKind.AUDIO_CHUNK if upward else FrameKind.TTS_AUDIO_CHUNK)
        assert frame.codec is (self._ready.input if upward else self._ready.output).codec
        assert (frame.turn_id == 0) is upward
        assert frame.payload or not upward, "microphone audio has a payload"
        assert frame.sequence > self._sent_sequence, "a sequence number is used once"
        self._sent_sequence = frame.sequence

    def _open(self, ready: SessionReady) -> None:
        self._ready = ready
        self._state = State.OPEN

    def _close(self, error: ProtocolError | Error) -> None:
        self._closed_by = self._closed_by or (error.code, error.message, error.field)
        self._state = State.CLOSED


def _check_version(version: int) -> None:
    if version != VERSION:
        raise unsupported_version(version)


def _check_header(frame: AudioFrame, kind: FrameKind, agreed: AudioFormat) -> None:
    """The parts of a header that are fixed for a direction."""
    if frame.kind is not kind:
        raise ProtocolError(ErrorCode.MALFORMED_FRAME, f"{frame.kind.name.lower()} goes the other way", field="kind")
    if frame.codec is not agreed.codec:
        raise ProtocolError(
            ErrorCode.WRONG_CODEC, f"{frame.codec.value} was sent and {agreed.codec.value} agreed", field="codec"
        )
    if (frame.turn_id == 0) is not (kind is FrameKind.AUDIO_CHUNK):
        raise ProtocolError(
            ErrorCode.MALFORMED_FRAME, "the turn id is 0 in microphone audio and from 1 in a reply", field="turn_id"
        )
    if agreed.codec.is_container and frame.pts != 0:
        raise ProtocolError(ErrorCode.MALFORMED_FRAME, "a container's pieces have pts 0", field="pts")


def _duration_ms(frame: AudioFrame, rate: int) -> float:
    """How much audio the payload holds; 0 for a container's piece. Raises ProtocolError where the framing is broken."""
    if frame.codec is Codec.PCM_S16LE:
        if len(frame.payload) % 2:
            raise ProtocolError(ErrorCode.MALFORMED_FRAME, "a 16-bit sample is cut in half", field="payload")
        return len(frame.payload) // 2 * 1000 / rate
    if frame.codec is not Codec.OPUS:
        return 0.0
    packets = unpack_packets(frame.payload)
    for packet in packets:
        if (duration_ms := packet_duration_ms(packet)) != FRAME_MS:
            raise ProtocolError(
                ErrorCode.MALFORMED_FRAME, f"an Opus packet of {duration_ms:g} ms; send {FRAME_MS} ms", field="payload"
            )
    return len(packets) * float(FRAME_MS)


def _backwards(field: str, value: int, last: int) -> ProtocolError:
    return ProtocolError(ErrorCode.BAD_SEQUENCE, f"{field} {value} comes after {last}", field=field)
