from collections.abc import Callable
from typing import NamedTuple, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicewire.clock import NS_PER_MS, NS_PER_S
from voicewire.connection import Connection, Side, State, TokenBucket
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind, pack_packets
from voicewire.messages import (
    AudioAck,
    AudioEnd,
    Clock,
    EngineInfo,
    Engines,
    Error,
    GoingAway,
    Interrupt,
    Limits,
    Message,
    Playback,
    SessionReady,
    SessionStart,
    TextInput,
    TranscriptFinal,
    encode,
)

PACKET = bytes.fromhex("f8fffe")
OPUS = AudioFormat(Codec.OPUS)
PCM = AudioFormat(Codec.PCM_S16LE, 16_000)
WEBM = AudioFormat(Codec.WEBM_OPUS)
MS_OF_PCM = 32
"""Bytes of a millisecond of `PCM`."""


class Refusal(NamedTuple):
    code: ErrorCode
    field: str = ""
    fatal: bool = False


class Pair:
    """A client and a server that speak to each other directly."""

    def __init__(self, input: AudioFormat = OPUS, output: AudioFormat = OPUS, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.client, self.server = Connection(Side.CLIENT), Connection(Side.SERVER, self.limits)
        self.input, self.output = input, output

    def opened(self, now_ns: int = 0) -> "Pair":
        start = SessionStart(input=[self.input], output=[self.output])
        assert self.up(start, now_ns) == start
        ready = self.ready()
        assert self.down(ready, now_ns) == ready
        return self

    def ready(self) -> SessionReady:
        engine = EngineInfo("scripted")
        return SessionReady(
            session_id="s-1",
            resume_token="r-1",
            input=self.input,
            output=self.output,
            engines=Engines(vad=engine, stt=engine, llm=engine, tts=engine),
            limits=self.limits,
            lead_ms=500,
        )

    def up(self, sent: Message | AudioFrame, now_ns: int = 0) -> Message | AudioFrame:
        return self.server.receive(self.client.send(sent), now_ns)

    def down(self, sent: Message | AudioFrame, now_ns: int = 0) -> Message | AudioFrame:
        return self.client.receive(self.server.send(sent), now_ns)


def microphone(
    sequence: int, pts: int = 0, payload: bytes | None = None, *, codec: Codec = Codec.OPUS, turn_id: int = 0
) -> AudioFrame:
    payload = pack_packets([PACKET]) if payload is None else payload
    return AudioFrame(FrameKind.AUDIO_CHUNK, codec, turn_id, sequence, pts, payload)


def reply(sequence: int, pts: int = 0, payload: bytes | None = None, *, turn_id: int = 1) -> AudioFrame:
    payload = pack_packets([PACKET]) if payload is None else payload
    return AudioFrame(FrameKind.TTS_AUDIO_CHUNK, Codec.OPUS, turn_id, sequence, pts, payload)


def refusal(connection: Connection, data: str | bytes | AudioFrame | Message, now_ns: int = 0) -> Refusal:
    """How `connection` refuses what no honest peer's `send` would let through."""
    if isinstance(data, AudioFrame):
        data = data.serialize()
    elif not isinstance(data, str | bytes):
        data = encode(data)
    with pytest.raises(ProtocolError) as caught:
        connection.receive(data, now_ns)
    return Refusal(caught.value.code, caught.value.field, caught.value.fatal)


# --- opening


def test_a_session_opens_with_start_and_ready() -> None:
    pair = Pair()
    assert (pair.client.state, pair.server.state) == (State.OPENING, State.OPENING)
    pair.up(SessionStart())
    assert (pair.client.state, pair.server.state) == (State.OPENING, State.OPENING)
    pair.down(pair.ready())
    assert (pair.client.state, pair.server.state) == (State.OPEN, State.OPEN)


@pytest.mark.parametrize(
    "first", [AudioEnd(), TextInput(text="hello"), Clock(ping_id=0, sent_ms=0.0), microphone(0)], ids=repr
)
def test_nothing_comes_before_session_start(first: Message | AudioFrame) -> None:
    server = Connection(Side.SERVER)
    assert refusal(server, first) == Refusal(ErrorCode.NOT_STARTED, fatal=True)
    assert server.state is State.CLOSED


def test_nothing_but_the_answer_is_waited_for_after_session_start() -> None:
    pair = Pair()
    pair.up(SessionStart())
    assert refusal(pair.server, microphone(0)) == Refusal(ErrorCode.NOT_STARTED, fatal=True)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("hello", Refusal(ErrorCode.MALFORMED_JSON, fatal=True)),
        ('{"type":"session_start","input":[]}', Refusal(ErrorCode.INVALID_FIELD, "input", fatal=True)),
        (b"\x11", Refusal(ErrorCode.MALFORMED_FRAME, "header", fatal=True)),
        (SessionStart(version=2), Refusal(ErrorCode.UNSUPPORTED_VERSION, "version", fatal=True)),
    ],
    ids=["no JSON", "a field", "a frame", "a version"],
)
def test_every_error_before_the_session_is_fatal(data: str | bytes | Message, expected: Refusal) -> None:
    server = Connection(Side.SERVER)
    assert refusal(server, data) == expected
    assert server.state is State.CLOSED


def test_a_second_session_start_is_refused_and_the_session_goes_on() -> None:
    pair = Pair().opened()
    assert refusal(pair.server, SessionStart()) == Refusal(ErrorCode.ALREADY_STARTED, "type")
    assert pair.up(AudioEnd()) == AudioEnd()


def test_another_version_costs_no_session_that_is_open() -> None:
    pair = Pair().opened()
    assert refusal(pair.server, '{"type":"session_start","version":2,"input":0}') == Refusal(
        ErrorCode.UNSUPPORTED_VERSION, "version"
    )


def test_a_client_waits_for_session_ready() -> None:
    pair = Pair()
    pair.client.send(SessionStart())
    assert refusal(pair.client, TranscriptFinal(turn_id=1, text="")) == Refusal(ErrorCode.NOT_STARTED, fatal=True)


def test_a_client_that_asked_for_nothing_gets_nothing() -> None:
    pair = Pair()
    assert refusal(pair.client, pair.ready()) == Refusal(ErrorCode.NOT_STARTED, "type", fatal=True)


def test_a_second_session_ready_is_refused() -> None:
    pair = Pair().opened()
    assert refusal(pair.client, pair.ready()) == Refusal(ErrorCode.ALREADY_STARTED, "type")


def test_a_client_takes_only_its_own_version_and_formats() -> None:
    for change, expected in (
        ({"version": 2}, Refusal(ErrorCode.UNSUPPORTED_VERSION, "version", fatal=True)),
        ({"input": PCM}, Refusal(ErrorCode.UNSUPPORTED_FORMAT, "input", fatal=True)),
        ({"output": PCM}, Refusal(ErrorCode.UNSUPPORTED_FORMAT, "output", fatal=True)),
    ):
        pair = Pair()
        pair.client.send(SessionStart())
        assert refusal(pair.client, msgspec.structs.replace(pair.ready(), **change)) == expected


# --- closing


def test_a_fatal_error_of_the_server_closes_both_ends() -> None:
    pair = Pair().opened()
    error = Error(code=ErrorCode.IDLE_TIMEOUT, message="nothing was heard", fatal=True)
    assert pair.down(error) == error
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)
    assert refusal(pair.client, AudioAck(sequence=0, position_ms=0.0)) == Refusal(ErrorCode.IDLE_TIMEOUT, fatal=True)
    assert refusal(pair.server, AudioEnd()) == Refusal(ErrorCode.IDLE_TIMEOUT, fatal=True)


def test_an_error_that_is_not_fatal_closes_nothing() -> None:
    pair = Pair().opened()
    pair.down(Error(code=ErrorCode.TTS_FAILED, message="the voice is gone", turn_id=1))
    assert (pair.client.state, pair.server.state) == (State.OPEN, State.OPEN)


def test_a_session_may_be_refused_before_it_opens() -> None:
    pair = Pair()
    pair.up(SessionStart())
    pair.down(Error(code=ErrorCode.SERVER_FULL, message="no session is free", fatal=True))
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)


def test_what_was_queued_is_still_sent_after_a_fatal_error_was_found_and_nothing_once_it_was_told() -> None:
    pair = Pair(limits=Limits(max_frames_per_second=1)).opened()
    for _ in range(3):
        refused = refusal_or_none(pair.server, AudioEnd())
    assert refused == Refusal(ErrorCode.TOO_MANY_FRAMES, fatal=False)
    refused = refusal_or_none(pair.server, AudioEnd())
    assert refused == Refusal(ErrorCode.TOO_MANY_FRAMES, fatal=True)
    pair.server.send(AudioAck(sequence=0, position_ms=0.0))
    pair.server.send(reply(0))
    pair.server.send(Error(code=ErrorCode.TOO_MANY_FRAMES, message="slow down", fatal=True))
    with pytest.raises(AssertionError):
        pair.server.send(AudioAck(sequence=0, position_ms=0.0))


def refusal_or_none(connection: Connection, message: Message, now_ns: int = 0) -> Refusal | None:
    try:
        connection.receive(encode(message), now_ns)
    except ProtocolError as error:
        return Refusal(error.code, error.field, error.fatal)
    return None


# --- messages in an open session


def test_messages_go_both_ways() -> None:
    pair = Pair().opened()
    for upward in (
        AudioEnd(),
        Interrupt(turn_id=1, played_ms=10.0),
        Playback(turn_id=1, played_ms=10.0, buffered_ms=5.0),
        TextInput(text="hello"),
        Clock(ping_id=0, sent_ms=1.0),
    ):
        assert pair.up(upward) == upward
    for downward in (
        AudioAck(sequence=3, position_ms=80.0),
        Clock(ping_id=0, sent_ms=1.0, received_ms=2.0, replied_ms=3.0),
        GoingAway(time_left_ms=1000.0, resume_token="r-1"),
    ):
        assert pair.down(downward) == downward


def test_a_malformed_message_is_dropped_and_the_session_goes_on() -> None:
    pair = Pair().opened()
    assert refusal(pair.server, "{}") == Refusal(ErrorCode.INVALID_FIELD, "type")
    assert refusal(pair.server, AudioAck(sequence=0, position_ms=0.0)) == Refusal(ErrorCode.UNKNOWN_TYPE, "type")
    assert refusal(pair.client, AudioEnd()) == Refusal(ErrorCode.UNKNOWN_TYPE, "type")
    assert refusal(pair.server, b"\x21" + bytes(15)) == Refusal(ErrorCode.MALFORMED_FRAME, "version")
    assert pair.up(AudioEnd()) == AudioEnd()


def test_a_message_of_exactly_the_limit_is_taken() -> None:
    pair = Pair(input=PCM, limits=Limits(max_message_bytes=500)).opened()
    assert refusal(pair.server, microphone(0, payload=bytes(486), codec=Codec.PCM_S16LE)) == Refusal(
        ErrorCode.MESSAGE_TOO_LARGE
    )
    pair.up(microphone(0, payload=bytes(484), codec=Codec.PCM_S16LE))


def test_the_size_of_a_text_is_counted_in_bytes() -> None:
    pair = Pair(limits=Limits(max_message_bytes=500)).opened()
    overhead = len(encode(TextInput(text="x"))) - 1
    pair.up(TextInput(text="é" * ((500 - overhead) // 2)))
    assert refusal(pair.server, TextInput(text="é" * ((500 - overhead) // 2 + 1))) == Refusal(
        ErrorCode.MESSAGE_TOO_LARGE
    )


def test_a_server_is_not_held_to_a_clients_limits() -> None:
    pair = Pair(limits=Limits(max_message_bytes=300, max_frames_per_second=1)).opened()
    for _ in range(10):
        pair.down(TranscriptFinal(turn_id=1, text="x" * 1000))


# --- frames per second


def test_two_seconds_worth_may_come_at_once_and_then_the_rate() -> None:
    pair = Pair(limits=Limits(max_frames_per_second=10)).opened()
    taken = [refusal_or_none(pair.server, AudioEnd()) for _ in range(20)]
    too_many = Refusal(ErrorCode.TOO_MANY_FRAMES)
    # The first of twenty was `session_start`.
    assert taken == [None] * 19 + [too_many]
    assert refusal_or_none(pair.server, AudioEnd(), 100 * NS_PER_MS - 1) == too_many
    assert refusal_or_none(pair.server, AudioEnd(), 100 * NS_PER_MS) is None
    assert refusal_or_none(pair.server, AudioEnd(), 100 * NS_PER_MS) == too_many


def test_who_goes_on_at_more_than_twice_the_limit_is_disconnected() -> None:
    for per_second, goes_on in ((20, True), (30, False)):
        pair = Pair(limits=Limits(max_frames_per_second=10)).opened()
        for number in range(per_second * 60):
            refused = refusal_or_none(pair.server, AudioEnd(), number * NS_PER_S // per_second)
            if refused is not None and refused.fatal:
                break
        assert (pair.server.state is State.OPEN) is goes_on


@given(st.integers(1, 1000), st.lists(st.integers(0, 3 * NS_PER_S), max_size=50))
def test_a_bucket_never_gives_more_than_two_seconds_worth_over_its_rate(rate: int, waits: list[int]) -> None:
    bucket = TokenBucket(rate)
    now_ns, taken = 0, 0
    for wait_ns in waits:
        now_ns += wait_ns
        taken += sum(bucket.take(now_ns) for _ in range(rate))
        assert taken <= 2 * rate + rate * now_ns / NS_PER_S


# --- microphone audio


def test_microphone_audio_is_what_was_sent() -> None:
    pair = Pair().opened()
    frame = microphone(0, 0, pack_packets([PACKET, PACKET]))
    assert pair.up(frame) == frame
    following = microphone(1, 1920)
    assert pair.up(following, 40 * NS_PER_MS) == following


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (reply(0), Refusal(ErrorCode.MALFORMED_FRAME, "kind")),
        (microphone(0, codec=Codec.PCM_S16LE), Refusal(ErrorCode.WRONG_CODEC, "codec")),
        (microphone(0, turn_id=1), Refusal(ErrorCode.MALFORMED_FRAME, "turn_id")),
        (microphone(0, payload=b""), Refusal(ErrorCode.MALFORMED_FRAME, "payload")),
        (microphone(0, payload=b"\x00\x05\xf8"), Refusal(ErrorCode.MALFORMED_FRAME, "payload")),
        (microphone(0, payload=pack_packets([b"\xe0\x01"])), Refusal(ErrorCode.MALFORMED_FRAME, "payload")),
        (microphone(0, payload=pack_packets([b"\xfb"])), Refusal(ErrorCode.MALFORMED_FRAME, "payload")),
    ],
    ids=["kind", "codec", "turn", "empty", "cut off", "2.5 ms", "no frame count"],
)
def test_a_bad_frame_is_dropped_without_a_trace(frame: AudioFrame, expected: Refusal) -> None:
    pair = Pair().opened()
    assert refusal(pair.server, frame) == expected
    assert pair.up(microphone(0)) == microphone(0)


def test_a_sample_is_never_cut_in_half() -> None:
    pair = Pair(input=PCM).opened()
    odd = microphone(0, payload=bytes(641), codec=Codec.PCM_S16LE)
    assert refusal(pair.server, odd) == Refusal(ErrorCode.MALFORMED_FRAME, "payload")


def test_frames_never_repeat_or_go_back() -> None:
    pair = Pair().opened()
    pair.up(microphone(5, 4800))
    backwards = Refusal(ErrorCode.BAD_SEQUENCE, "sequence")
    assert refusal(pair.server, microphone(5, 5760)) == backwards
    assert refusal(pair.server, microphone(4, 5760)) == backwards
    assert refusal(pair.server, microphone(6, 4799)) == Refusal(ErrorCode.BAD_SEQUENCE, "pts")
    assert refusal(pair.server, microphone(6, 4800)) == Refusal(ErrorCode.BAD_SEQUENCE, "pts")
    pair.up(microphone(6, 5760))


def test_a_gap_is_legal_as_long_as_it_keeps_to_real_time() -> None:
    pair = Pair().opened()
    pair.up(microphone(0, 0))
    after_ten_minutes = microphone(30_000, 30_000 * 960)
    assert pair.up(after_ten_minutes, 600 * NS_PER_S) == after_ten_minutes


def test_a_leap_that_real_time_does_not_explain_is_a_mistake() -> None:
    limits = Limits(max_frames_per_second=100)
    pair = Pair(limits=limits).opened()
    pair.up(microphone(0, 0))
    assert refusal(pair.server, microphone(6001, 960)) == Refusal(ErrorCode.BAD_SEQUENCE, "sequence")
    far = 48 * (5_000 + 60_000 - 20)
    assert refusal(pair.server, microphone(6000, far + 1)) == Refusal(ErrorCode.BAD_SEQUENCE, "pts")
    assert refusal(pair.server, microphone(6000, far)) == Refusal(ErrorCode.TOO_FAR_AHEAD)
    pair.up(microphone(6000, 960))
    pair.up(microphone(6001, 1920))


def test_a_sequence_may_begin_anywhere() -> None:
    pair = Pair().opened()
    pair.up(microphone(4_000_000_000, 10**12))
    pair.up(microphone(4_000_000_001, 10**12 + 960))


def test_audio_may_be_ahead_of_real_time_by_the_limit_exactly() -> None:
    pair = Pair(input=PCM, limits=Limits(max_audio_ahead_ms=1000)).opened(NS_PER_S)
    sent = microphone(0, 320, bytes(MS_OF_PCM * 1000), codec=Codec.PCM_S16LE)
    pair.up(sent, 5 * NS_PER_S)
    more = microphone(1, 320 + 16_000, bytes(MS_OF_PCM * 500), codec=Codec.PCM_S16LE)
    assert refusal(pair.server, more, 5 * NS_PER_S + 500 * NS_PER_MS - 1) == Refusal(ErrorCode.TOO_FAR_AHEAD)
    assert pair.up(more, 5 * NS_PER_S + 500 * NS_PER_MS) == more


def test_overlapping_positions_do_not_hide_audio_from_the_limit() -> None:
    pair = Pair(input=PCM, limits=Limits(max_audio_ahead_ms=1000)).opened()
    pair.up(microphone(0, 0, bytes(MS_OF_PCM * 900), codec=Codec.PCM_S16LE))
    more = microphone(1, 1, bytes(MS_OF_PCM * 200), codec=Codec.PCM_S16LE)
    assert refusal(pair.server, more) == Refusal(ErrorCode.TOO_FAR_AHEAD)


def test_a_containers_pieces_have_no_position() -> None:
    pair = Pair(input=WEBM).opened()
    for sequence in range(3):
        pair.up(microphone(sequence, 0, b"piece", codec=Codec.WEBM_OPUS))
    with_position = microphone(3, 960, b"piece", codec=Codec.WEBM_OPUS)
    assert refusal(pair.server, with_position) == Refusal(ErrorCode.MALFORMED_FRAME, "pts")


def test_what_came_out_of_a_container_counts_against_the_limit() -> None:
    pair = Pair(input=WEBM, limits=Limits(max_audio_ahead_ms=1000)).opened()
    pair.up(microphone(0, 0, b"piece", codec=Codec.WEBM_OPUS), NS_PER_S)
    pair.server.audio_decoded(600.0, NS_PER_S)
    pair.server.audio_decoded(500.0, NS_PER_S + 100 * NS_PER_MS)
    with pytest.raises(ProtocolError) as caught:
        pair.server.audio_decoded(1.0, NS_PER_S + 100 * NS_PER_MS)
    assert (caught.value.code, caught.value.fatal) == (ErrorCode.TOO_FAR_AHEAD, True)
    assert pair.server.state is State.CLOSED


# --- reply audio


def test_reply_audio_is_what_was_sent_and_ends_with_an_empty_frame() -> None:
    pair = Pair().opened()
    frames = [reply(0, 0), reply(1, 960), reply(2, 1920, b""), reply(3, 0, turn_id=2)]
    assert [pair.down(frame) for frame in frames] == frames


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (microphone(9), Refusal(ErrorCode.MALFORMED_FRAME, "kind")),
        (reply(9)._replace(codec=Codec.PCM_S16LE), Refusal(ErrorCode.WRONG_CODEC, "codec")),
        (reply(9, turn_id=0), Refusal(ErrorCode.MALFORMED_FRAME, "turn_id")),
        (reply(9, 960, b"\x00"), Refusal(ErrorCode.MALFORMED_FRAME, "payload")),
        (reply(4, 1920), Refusal(ErrorCode.BAD_SEQUENCE, "sequence")),
        (reply(9, 959), Refusal(ErrorCode.BAD_SEQUENCE, "pts")),
    ],
    ids=["kind", "codec", "turn", "payload", "sequence", "pts"],
)
def test_a_client_refuses_a_bad_frame(frame: AudioFrame, expected: Refusal) -> None:
    pair = Pair().opened()
    pair.down(reply(4, 960))
    assert refusal(pair.client, frame) == expected
    assert pair.down(reply(10, 960)) == reply(10, 960)


# --- our own mistakes


@pytest.mark.parametrize(
    "misuse",
    [
        lambda pair: pair.client.send(AudioAck(sequence=0, position_ms=0.0)),
        lambda pair: pair.server.send(AudioEnd()),
        lambda pair: pair.client.send(SessionStart()),
        lambda pair: pair.server.send(pair.ready()),
        lambda pair: pair.client.send(reply(0)),
        lambda pair: pair.server.send(microphone(0)),
        lambda pair: pair.client.send(microphone(0, codec=Codec.MP4)),
        lambda pair: pair.client.send(microphone(0, payload=b"")),
        lambda pair: pair.client.send(microphone(0, turn_id=1)),
        lambda pair: pair.server.send(reply(0, turn_id=0)),
        lambda pair: (pair.server.send(reply(3)), pair.server.send(reply(3))),
    ],
)
def test_our_own_misuse_is_an_assertion(misuse: Callable[[Pair], object]) -> None:
    with pytest.raises(AssertionError):
        misuse(Pair().opened())


def test_nothing_is_sent_before_the_session_is_ready() -> None:
    for message in (AudioEnd(), microphone(0)):
        with pytest.raises(AssertionError):
            Connection(Side.CLIENT).send(message)


def test_a_server_answers_only_what_was_asked_with_what_was_offered() -> None:
    with pytest.raises(AssertionError):
        Pair().server.send(Pair().ready())
    for wrong in (Pair(input=PCM), Pair(output=PCM), Pair(limits=Limits(max_audio_ahead_ms=1))):
        pair = Pair()
        pair.up(SessionStart())
        with pytest.raises(AssertionError):
            pair.server.send(wrong.ready())


# --- any input


wire_frames = st.builds(
    lambda *parts: AudioFrame(*parts).serialize(),
    st.sampled_from(FrameKind),
    st.sampled_from([Codec.OPUS, Codec.PCM_S16LE]),
    st.integers(0, 2),
    st.integers(0, 50) | st.integers(0, 2**32 - 1),
    st.integers(0, 50_000) | st.integers(0, 2**53 - 1),
    st.lists(st.sampled_from([PACKET, b"\xf8", b"\xe0"]), max_size=3).map(pack_packets) | st.binary(max_size=20),
)
texts = st.text(max_size=40) | st.sampled_from(
    [encode(AudioEnd()), encode(SessionStart()), encode(Pair().ready()), encode(TranscriptFinal(turn_id=1, text="a"))]
)


@settings(max_examples=200)
@given(
    st.sampled_from(Side),
    st.booleans(),
    st.lists(st.tuples(st.binary(max_size=40) | wire_frames | texts, st.integers(0, NS_PER_S)), max_size=30),
)
def test_any_input_ends_in_a_value_or_a_protocol_error(
    side: Side, opened: bool, inputs: list[tuple[str | bytes, int]]
) -> None:
    pair = Pair(limits=Limits(max_frames_per_second=10))
    if opened:
        pair.opened()
    connection = pair.client if side is Side.CLIENT else pair.server
    now_ns, sequence = 0, -1
    for data, wait_ns in inputs:
        now_ns += wait_ns
        closed = connection.state is State.CLOSED
        try:
            received = connection.receive(data, now_ns)
        except ProtocolError as error:
            fatal = error.fatal
        else:
            fatal = isinstance(received, Error) and received.fatal
            assert not closed
            assert isinstance(received, (AudioFrame, *get_args(Message)))
            if isinstance(received, AudioFrame):
                assert received.sequence > sequence
                sequence = received.sequence
        assert fatal is (connection.state is State.CLOSED)
