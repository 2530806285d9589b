"""Records a session as a fixture while it goes on: the very packets, their capture times, and all that was said.

`Tape` decides what is written where and knows no file; `record_into` is the rim that opens the folder, appends each
piece at once, and drafts `fixture.toml` at the end. What a crash leaves is finished by `voicecli.draft.finish`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path

import msgspec

from voicecli import draft, journal, viewstate
from voicecli.fixture import JOURNAL_NAME, AudioCodec, FixtureError, audio_path
from voicecli.journal import REPLIES_NAME, Entry, Header
from voicecli.oggopus import OggOpusPages
from voicewire.clock import ms, utc_now
from voicewire.formats import Codec
from voicewire.frames import AudioFrame, unpack_packets
from voicewire.messages import Message, SessionReady, SessionStart, Up

Sink = Callable[[bytes], object]
"""Appends to a file."""

REDACTED = "redacted"


class Tape:
    """A Listener of a session, that is told besides what the user does.

    The session is never ended by its recording: what cannot be written any more is not, and `failure` says why.
    """

    def __init__(self, audio: Sink, replies: Sink, lines: Sink, header: Header, pre_skip: int, now_ns: int) -> None:
        """`pre_skip` is the encoder's delay at 48 kHz; times are written since `now_ns`."""
        self.failure: str | None = None
        """A sentence on why the recording stopped before the session did."""
        self.packets = 0
        """Of the microphone, so far."""
        self._audio = audio
        self._replies = replies
        self._lines = lines
        self._origin_ns = now_ns
        self._pages = OggOpusPages(pre_skip)
        # All that a reply's decoder gives is heard.
        self._reply_pages = OggOpusPages(0)
        self._write(lines, journal.line(header))
        self._write(audio, self._pages.begin())
        self._write(replies, self._reply_pages.begin())

    def audio_sent(self, packets: Sequence[bytes], captured_ns: int, now_ns: int, *, skipped_ms: int = 0) -> None:
        """One message with microphone audio was sent; its first sample was captured at `captured_ns`, and so much of
        the session's audio was left out before it."""
        sent = journal.AudioSent(
            t_ms=self._ms(now_ns), captured_ms=self._ms(captured_ns), packets=len(packets), skipped_ms=skipped_ms
        )
        self._note(sent)
        for packet in packets:
            self._write(self._audio, self._pages.add(packet))
            self.packets += 1

    def sent(self, message: Up, now_ns: int) -> None:
        """The client said this: typed text, a button released, an interruption; pings are left out."""
        if isinstance(message, SessionStart):
            message = msgspec.structs.replace(message, token=None, resume_token=None)
        if isinstance(message, journal.Sent):
            self._note(journal.MessageSent(t_ms=self._ms(now_ns), message=message))

    def muted(self, is_muted: bool, now_ns: int) -> None:
        self._note(journal.Muted(t_ms=self._ms(now_ns), muted=is_muted))

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        t_ms = self._ms(now_ns)
        if isinstance(message, AudioFrame):
            self._reply_received(message, t_ms)
            return
        if isinstance(message, SessionReady):
            message = msgspec.structs.replace(message, resume_token=REDACTED)
        if isinstance(message, journal.Received):
            self._note(journal.MessageReceived(t_ms=t_ms, message=message))

    def noted(self, event: viewstate.Event, now_ns: int) -> None:
        t_ms = self._ms(now_ns)
        match event:
            case viewstate.MarkNoted(turn_id, mark, at_ns):
                at_ms = None if at_ns is None else self._ms(at_ns)
                self._note(journal.MarkNoted(t_ms=t_ms, turn_id=turn_id, mark=mark, at_ms=at_ms))
            case viewstate.ReplyScheduled(turn_id, play_ns):
                self._note(journal.ReplyScheduled(t_ms=t_ms, turn_id=turn_id, at_ms=self._ms(play_ns)))
            case viewstate.ClockMeasured(offset_ns, round_trip_ns):
                offset_ms = ms(offset_ns + self._origin_ns)
                self._note(journal.ClockMeasured(t_ms=t_ms, offset_ms=offset_ms, round_trip_ms=ms(round_trip_ns)))
            case viewstate.PlayheadMoved(turn_id, played_ms, buffered_ms):
                moved = journal.PlayheadMoved(t_ms=t_ms, turn_id=turn_id, played_ms=played_ms, buffered_ms=buffered_ms)
                self._note(moved)

    def end(self) -> None:
        """Nothing more is recorded."""
        self._write(self._audio, self._pages.end())
        self._write(self._replies, self._reply_pages.end())

    def _reply_received(self, frame: AudioFrame, t_ms: float) -> None:
        packets = unpack_packets(frame.payload) if frame.codec is Codec.OPUS else []
        count = len(packets)
        self._note(journal.ReplyAudioReceived(t_ms=t_ms, turn_id=frame.turn_id, pts=frame.pts, packets=count))
        for packet in packets:
            self._write(self._replies, self._reply_pages.add(packet))

    def _note(self, entry: Entry) -> None:
        self._write(self._lines, journal.line(entry))

    def _write(self, sink: Sink, data: bytes) -> None:
        if self.failure is not None or not data:
            return
        try:
            sink(data)
        except OSError as error:
            self.failure = f"the recording stopped: {error.strerror or error}"

    def _ms(self, at_ns: int) -> float:
        return ms(at_ns - self._origin_ns)


@contextmanager
def record_into(
    folder: Path, now_ns: int, *, pre_skip: int, microphone: str = "", sent_before_ms: float = 0.0
) -> Iterator[Tape]:
    """A tape that writes into a new folder; its fixture is drafted at the end, however that comes about.

    `sent_before_ms` is how much microphone audio of the session was sent before. Raises FixtureError: before anything
    is recorded where the folder holds something or cannot be written, and at the end where nothing was recorded.
    """
    prepare(folder)
    created = utc_now().isoformat(timespec="seconds")
    header = Header(created=created, microphone=microphone, sent_before_ms=sent_before_ms)
    paths = _paths(folder)
    with ExitStack() as opened:
        try:
            audio, replies, lines = (_appending(opened.enter_context(path.open("xb", buffering=0))) for path in paths)
        except OSError as error:
            raise FixtureError(folder, f"cannot be recorded into: {error.strerror}") from None
        tape = Tape(audio, replies, lines, header, pre_skip, now_ns)
        files = opened.pop_all()
    try:
        with files:
            try:
                yield tape
            finally:
                tape.end()
    except BaseException:
        # Why the session ended is what the user has to know.
        with suppress(FixtureError):
            _finish(folder, tape.packets)
        raise
    _finish(folder, tape.packets)


def _finish(folder: Path, packets: int) -> None:
    if packets:
        draft.finish(folder)
        return
    # Whatever else somebody put there, or took away, is left as it is.
    with suppress(OSError):
        for path in _paths(folder):
            path.unlink(missing_ok=True)
        folder.rmdir()
    raise FixtureError(folder, "nothing was recorded")


def _paths(folder: Path) -> list[Path]:
    """What is written as the session goes on: the microphone's audio, the replies' and the journal."""
    return [audio_path(folder, AudioCodec.OPUS), folder / REPLIES_NAME, folder / JOURNAL_NAME]


def _appending(file: FileIO) -> Sink:
    """Unbuffered, so that a crash of the process loses nothing that was written."""

    def append(data: bytes) -> None:
        while data:
            data = data[file.write(data) :]

    return append


def prepare(folder: Path) -> None:
    """Make the folder of a recording. Raises FixtureError where it holds something already or cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FixtureError(folder, "holds something already; record into a new folder")
    except OSError as error:
        raise FixtureError(folder, f"cannot be recorded into: {error.strerror}") from None
