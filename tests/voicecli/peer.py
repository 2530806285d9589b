"""A scripted server at the other end of a call, on a virtual clock; and fixtures made for a test."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from voicecli.calls.call import CallRecord, CallSettings, Watcher, place_call
from voicecli.calls.virtualtime import VirtualLoop, run_virtual
from voicecli.client.memorywire import End, wire
from voicecli.fixtures.fixture import AudioCodec, Expect, Fixture, Kind, Session, Utterance, When
from voicecli.fixtures.microphone import Recording
from voicecli.fixtures.schedule import EVEN, Schedule
from voiceserver.transport import Disconnected
from voicewire.clock import NS_PER_MS, ms
from voicewire.clock_offset import ClockOffset
from voicewire.connection import Connection, Side, State
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind
from voicewire.marks import Mark
from voicewire.messages import (
    Clock,
    EngineInfo,
    Engines,
    LlmToken,
    Message,
    Playback,
    SessionReady,
    SessionStart,
    SpeechStarted,
    SpeechStopped,
    Timing,
    TranscriptFinal,
    TurnEnd,
    TurnOutcome,
)

Result = TypeVar("Result")

PCM_16K = AudioFormat(Codec.PCM_S16LE, 16_000)
ENGINES = Engines(vad=EngineInfo("v"), stt=EngineInfo("s"), llm=EngineInfo("l"), tts=EngineInfo("t"))

SERVER_AHEAD_NS = 7_000 * NS_PER_MS
"""The peer's clock minus the client's."""

PATIENCE_S = 600
"""How long, on the virtual clock, a script waits for the client."""

LOUD = b"\x00\x20" * 320
"""20 ms that can be heard, at 16 kHz."""
QUIET = bytes(640)


def virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, Result]]) -> Result:
    """Run on a virtual clock; no task may be left."""
    loop = VirtualLoop()

    async def checked() -> Result:
        result = await main(loop)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left: {left}"
        return result

    return run_virtual(checked(), loop)


def memory_pair() -> tuple[End, End]:
    """The client's end and the server's; a real session can be given the latter."""
    return wire(Disconnected)


class Peer:
    """A server that does what the test's script says. It answers pings, and keeps what it heard."""

    def __init__(self, loop: VirtualLoop, end: End) -> None:
        self.end = end
        self.start: SessionStart | None = None
        self.heard: list[Message | AudioFrame] = []
        self.heard_ns: list[int] = []
        """When each came, on the client's clock."""
        self.answers_pings = True
        self._loop = loop
        self._connection = Connection(Side.SERVER)
        self._sequence = 0
        self._changed = asyncio.Condition()

    @property
    def now_ms(self) -> float:
        return ms(self._loop.now_ns() + SERVER_AHEAD_NS)

    @property
    def audio_ms(self) -> int:
        """Microphone audio heard so far, in frames of 20 ms."""
        return 20 * len(self.all(AudioFrame))

    def all(self, kind: type[Result]) -> list[Result]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def say(self, *messages: Message | AudioFrame) -> None:
        for message in messages:
            await self.end.send(self._connection.send(message))

    async def ready(self, **fields: Any) -> None:
        assert self.start is not None
        known: dict[str, Any] = {
            "input": self.start.input[0],
            "output": self.start.output[0],
            "engines": ENGINES,
            "lead_ms": 500,
        }
        await self.say(SessionReady(session_id="s", resume_token="r", **(known | fields)))

    async def reply(self, turn_id: int, *pieces: bytes, pts: int = 0, ends: bool = True) -> None:
        """Reply audio, all at once; 16 kHz PCM."""
        for pcm in (*pieces, b"") if ends else pieces:
            frame = AudioFrame(FrameKind.TTS_AUDIO_CHUNK, Codec.PCM_S16LE, turn_id, self._sequence, pts, pcm)
            self._sequence += 1
            pts += len(pcm) // 2
            await self.say(frame)

    async def mark(self, turn_id: int, *marks: Mark, t_ms: float | None = None) -> None:
        for mark in marks:
            await self.say(Timing(turn_id=turn_id, mark=mark, t_ms=self.now_ms if t_ms is None else t_ms))

    async def until(self, holds: Callable[[], bool]) -> None:
        # Pings go on for ever, so a virtual clock alone would never find out that nothing else does.
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(holds)

    async def until_audio(self, position_ms: int) -> None:
        await self.until(lambda: self.audio_ms >= position_ms)

    async def until_played(self, turn_id: int, played_ms: float) -> None:
        def is_played() -> bool:
            return any(p.turn_id == turn_id and p.played_ms >= played_ms for p in self.all(Playback))

        await self.until(is_played)

    async def answer(self, turn_id: int, text: str, *, from_ms: int, to_ms: int, after_ms: int = 300) -> None:
        """A plain turn: speech heard at [from_ms, to_ms), the reply (400 ms loud) at to_ms + after_ms, to its end."""
        await self.until_audio(from_ms + 60)
        await self.say(SpeechStarted(turn_id=turn_id, position_ms=from_ms))
        await self.until_audio(to_ms + after_ms)
        await self.say(SpeechStopped(turn_id=turn_id, position_ms=to_ms))
        await self.mark(turn_id, Mark.AUDIO_LAST_SPEECH, t_ms=self.now_ms - after_ms)
        await self.mark(turn_id, Mark.VAD_CLOSED, Mark.STT_FINAL, Mark.TURN_COMMITTED)
        await self.say(TranscriptFinal(turn_id=turn_id, text=text))
        await self.mark(turn_id, Mark.LLM_REQUESTED, Mark.LLM_FIRST_TOKEN)
        await self.say(LlmToken(turn_id=turn_id, index=0, text="Yes."))
        await self.mark(turn_id, Mark.TTS_REQUESTED, Mark.TTS_FIRST_AUDIO, Mark.REPLY_FIRST_FRAME_SENT)
        await self.reply(turn_id, *[LOUD] * 20)
        await self.until_played(turn_id, 400)
        await self.say(TurnEnd(turn_id=turn_id, outcome=TurnOutcome.COMPLETED))

    async def run(self) -> None:
        """Hear the client until it hangs up."""
        while True:
            try:
                data = await self.end.recv()
            except Disconnected:
                return
            if self._connection.state is State.CLOSED:
                continue
            now_ns = self._loop.now_ns()
            message = self._connection.receive(data, now_ns)
            async with self._changed:
                self.heard.append(message)
                self.heard_ns.append(now_ns)
                self._changed.notify_all()
            match message:
                case SessionStart():
                    self.start = message
                    async with self._changed:
                        self._changed.notify_all()
                case Clock() if self.answers_pings:
                    server_ns = now_ns + SERVER_AHEAD_NS
                    await self.say(ClockOffset.answer(message, server_ns, server_ns))


Script = Callable[[Peer], Awaitable[None]]


def call(
    script: Script,
    fixture: Fixture,
    *,
    timeout_s: float = 30.0,
    watch: Watcher = lambda view, now_ns: None,
    schedule: Schedule = EVEN,
    turn_detection: Mapping[str, bool | int | str] | None = None,
) -> tuple[CallRecord, Peer]:
    """Place a call with the fixture to a peer that follows the script, once its session is started."""
    peers: list[Peer] = []
    chosen = CallSettings(output=PCM_16K, timeout_s=timeout_s, turn_detection=turn_detection or {})

    async def main(loop: VirtualLoop) -> CallRecord:
        client_end, server_end = memory_pair()
        peer = Peer(loop, server_end)
        peers.append(peer)

        async def serve() -> None:
            await peer.until(lambda: peer.start is not None)
            await script(peer)

        outcome: CallRecord | Exception
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(peer.run()), group.create_task(serve())]
            try:
                recording = recorded(fixture)._replace(schedule=schedule)
                outcome = await place_call(fixture, recording, client_end, loop, chosen, watch)
            except Exception as error:  # kept out of the group, which would wrap it
                outcome = error
            for task in tasks:
                task.cancel()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return virtually(main), peers[0]


# --- fixtures


def spoken(
    text: str = "hello there",
    *,
    audio_ms: tuple[int, int] = (0, 1000),
    segments_ms: tuple[tuple[float, float], ...] = ((200, 700),),
    when: When = When.START,
    **fields: Any,
) -> Utterance:
    return Utterance(
        **({"kind": Kind.SPEECH, "text": text, "audio_ms": audio_ms, "segments_ms": segments_ms, "when": when} | fields)
    )


def made(*utterances: Utterance, **fields: Any) -> Fixture:
    known: dict[str, Any] = {
        "schema": "voicecli.fixture/1",
        "name": "made",
        "description": "Made for a test.",
        "made_with": "a test",
        "licence": "none",
        "utterances": utterances or (spoken(),),
        "session": Session(),
        "expect": Expect(),
        "folder": Path("made"),
        "codec": AudioCodec.WAV,
        "digest": "0" * 64,
    }
    return Fixture(**(known | fields))


def recorded(fixture: Fixture) -> Recording:
    """PCM that is loud where the fixture has a segment; the first sample of each frame is the frame's number."""
    segments = [segment for utterance in fixture.utterances for segment in utterance.segments_ms]
    payloads = []
    for number in range(max(fixture.end_ms // 20, 10)):
        is_loud = any(start <= number * 20 < end for start, end in segments)
        payloads.append(number.to_bytes(2, "little") + (LOUD if is_loud else QUIET)[2:])
    return Recording(PCM_16K, tuple(payloads), 320)
