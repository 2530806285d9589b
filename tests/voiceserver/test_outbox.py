import asyncio

from tests.voiceserver.stages import MemoryTransport, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.outbox import CAPACITY, Outbox
from voiceserver.playhead import SpokenFrame
from voicewire.connection import Connection, Side
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame
from voicewire.messages import (
    AudioAck,
    EngineInfo,
    Engines,
    LlmToken,
    SessionReady,
    SessionStart,
    TurnEnd,
    TurnOutcome,
    decode_down,
    encode,
)

PCM = AudioFormat(Codec.PCM_S16LE, 16_000)


def open_connection() -> Connection:
    connection = Connection(Side.SERVER)
    connection.receive(encode(SessionStart(input=[PCM], output=[PCM])), 0)
    info = EngineInfo("x")
    engines = Engines(vad=info, stt=info, llm=info, tts=info)
    connection.send(SessionReady(session_id="s", resume_token="r", input=PCM, output=PCM, engines=engines, lead_ms=500))
    return connection


def written(outbox: Outbox) -> list[str]:
    """What `run` writes until the outbox is closed: message types, and `turn/sequence/pts` of frames."""
    lines: list[str] = []

    async def main(_: VirtualLoop) -> None:
        transport = MemoryTransport()
        await outbox.run(transport)
        for data in transport.sent:
            if isinstance(data, bytes):
                frame = AudioFrame.parse(data)
                lines.append(f"{frame.turn_id}/{frame.sequence}/{frame.pts}")
            else:
                lines.append(type(decode_down(data)).__name__)

    virtually(main)
    return lines


def frame(pts: int) -> SpokenFrame:
    return SpokenFrame(pts, 1, b"\x00\x00")


def make() -> Outbox:
    return Outbox(open_connection(), Codec.PCM_S16LE, on_written=lambda turn_id, frame: None, on_full=lambda: None)


def test_closing_writes_the_control_messages_that_wait_and_nothing_else() -> None:
    outbox = make()
    outbox.put_audio(1, frame(0))
    outbox.put(AudioAck(sequence=0, position_ms=0))
    outbox.close()
    outbox.put(AudioAck(sequence=1, position_ms=0))
    assert written(outbox) == ["AudioAck"]


def test_control_overtakes_audio_and_dropped_frames_leave_no_gap_in_the_sequence() -> None:
    async def main(_: VirtualLoop) -> None:
        outbox = Outbox(
            open_connection(),
            Codec.PCM_S16LE,
            on_written=lambda turn_id, sent: told.append((turn_id, sent.pts)),
            on_full=lambda: None,
        )
        transport = MemoryTransport()
        outbox.put_audio(1, frame(0))
        outbox.put_audio(1, frame(1))
        outbox.put_audio(2, frame(0))
        outbox.put(LlmToken(turn_id=1, index=0, text="dropped"))
        outbox.drop_reply(1)
        outbox.put_audio(2, frame(1))
        outbox.put(AudioAck(sequence=0, position_ms=0))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.run(transport))
            await asyncio.sleep(1)
            outbox.close()
        assert isinstance(transport.sent[0], str)
        frames = [AudioFrame.parse(data) for data in transport.sent[1:] if isinstance(data, bytes)]
        assert [(each.turn_id, each.sequence, each.pts) for each in frames] == [(2, 0, 0), (2, 1, 1)]

    told: list[tuple[int, int]] = []
    virtually(main)
    assert told == [(2, 0), (2, 1)]


def test_audio_goes_before_tokens_which_never_fall_behind_the_end_of_their_turn() -> None:
    async def main(_: VirtualLoop) -> None:
        outbox = make()
        transport = MemoryTransport()
        outbox.put(LlmToken(turn_id=1, index=0, text="first"))
        outbox.put_audio(1, frame(0))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.run(transport))
            await asyncio.sleep(1)
            outbox.put(LlmToken(turn_id=1, index=1, text="last"))
            outbox.put(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
            outbox.close()
        kinds = [type(decode_down(data)).__name__ if isinstance(data, str) else "audio" for data in transport.sent]
        assert kinds == ["audio", "LlmToken", "LlmToken", "TurnEnd"]

    virtually(main)


def test_a_client_that_does_not_read_is_found_out_once_and_sent_nothing_more() -> None:
    full: list[bool] = []
    outbox = Outbox(
        open_connection(),
        Codec.PCM_S16LE,
        on_written=lambda turn_id, frame: None,
        on_full=lambda: full.append(True),
    )
    for sequence in range(CAPACITY):
        outbox.put(AudioAck(sequence=sequence, position_ms=0))
    assert full == []
    outbox.put(AudioAck(sequence=0, position_ms=0))
    outbox.put_audio(1, frame(0))
    assert full == [True]
    outbox.close()
    assert len(written(outbox)) == CAPACITY


def test_the_tokens_of_a_cancelled_reply_are_dropped_and_others_are_not() -> None:
    async def main(_: VirtualLoop) -> None:
        outbox = make()
        transport = MemoryTransport()
        outbox.put(LlmToken(turn_id=1, index=0, text="old"))
        outbox.put(LlmToken(turn_id=2, index=0, text="new"))
        outbox.drop_reply(1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.run(transport))
            await asyncio.sleep(1)
            outbox.close()
        assert [decode_down(str(data)) for data in transport.sent] == [LlmToken(turn_id=2, index=0, text="new")]

    virtually(main)
