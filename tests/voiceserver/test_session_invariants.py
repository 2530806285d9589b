"""What holds in a session whatever its caller, its engines and its client do: they are drawn at random, and act on the
virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.voiceserver.stages import Caller, LoudTts, MemoryTransport, StubEngine, opened, scripted, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.engines.roles import ChatMessage, EngineError, Speaker, Token, TokenUsage, Transcript
from voiceserver.service import Service
from voiceserver.words import words_of
from voicewire.frames import AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioEnd,
    CancelReason,
    Endpointing,
    Interrupt,
    LlmToken,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SpeechStarted,
    TextInput,
    Timing,
    TranscriptFinal,
    TurnDetectionMode,
    TurnEnd,
    TurnOutcome,
)

WORD_MS = 150
FAINT = b"\x00\x03" * 320
OF_REPLY = {mark for mark in Mark if mark.value.startswith(("llm.", "tts.", "reply.first_frame_sent"))}


class Heard(NamedTuple):
    """What the recogniser makes of one segment."""

    words: str
    final_s: float
    end: str


class FickleStt(StubEngine):
    sample_rate = 16_000

    def __init__(self, segments: Sequence[Heard]) -> None:
        self._segments = segments
        self._streams = 0

    async def transcribe(self, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
        text, final_s, end = self._segments[self._streams % len(self._segments)]
        self._streams += 1
        words = text.split()
        samples = 0
        async for piece in audio:
            samples += len(piece) // 2
            told = " ".join(words[: samples // (16 * WORD_MS) - (end == "shrinks" and samples % 3 == 0)])
            yield Transcript(told, is_final=False, stable_chars=0 if end == "is unsure" else len(told))
        await asyncio.sleep(final_s)
        if end == "hangs":
            await asyncio.Event().wait()
        if end == "fails":
            raise EngineError("it broke")
        final = {"is empty": "", "differs": f"{text} indeed"}.get(end, text)
        yield Transcript(final, is_final=True, stable_chars=len(final))


class QuotingLlm(StubEngine):
    """Says again what was said to it, and goes on for a while."""

    def __init__(self, first_s: float, pace_s: float, faults: Sequence[bool], tail: str) -> None:
        self._first_s = first_s
        self._pace_s = pace_s
        self._faults = faults
        self._tail = tail
        self._streams = 0

    async def reply(self, conversation: Sequence[ChatMessage], *, locale: str) -> AsyncIterator[Token | TokenUsage]:
        fails = self._faults[self._streams % len(self._faults)]
        self._streams += 1
        await asyncio.sleep(self._first_s)
        for word in answer(conversation[-1].text, self._tail).split(" "):
            yield Token(f"{word} ")
            await asyncio.sleep(self._pace_s)
        if fails:
            raise EngineError("it broke")
        yield TokenUsage(7, 1)


def answer(text: str, tail: str) -> str:
    return f"{' '.join(words_of(text))}. {tail}"


class SlowTransport(MemoryTransport):
    def __init__(self, link_s: float) -> None:
        super().__init__()
        self._link_s = link_s

    async def send(self, data: str | bytes) -> None:
        await asyncio.sleep(self._link_s)
        await super().send(data)


class Plan(NamedTuple):
    segments: list[Heard]
    llm: QuotingLlm
    tail: str
    tts: LoudTts
    acts: list[tuple[str, int]]
    mode: TurnDetectionMode
    settings: dict[str, Any]
    link_s: float
    """That each message takes to be written."""


TAILS = ("", "It is ten.", "And then, as I have told you before, there are some more things to say. Ask me.")
QUESTION = (("speaks", 800), ("is silent", 1500), ("ends", 0), ("is silent", 600))
"""Most of what can go wrong needs an answer to go wrong over."""
PLANS = st.tuples(
    st.lists(
        st.builds(
            Heard,
            st.sampled_from(["", "mm-hm", "stop", "what time is it", "in london", "i would like a", "it is ten"]),
            st.sampled_from([0.0, 0.05, 0.4]),
            st.sampled_from(["", "", "", "", "shrinks", "is unsure", "is empty", "differs", "fails", "hangs"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([0.0, 0.1, 0.4, 2.0]),
    st.sampled_from([0.0, 0.1]),
    st.lists(st.sampled_from([False, False, True]), min_size=1, max_size=3),
    st.sampled_from(TAILS),
    st.builds(LoudTts, first_s=st.sampled_from([0.0, 0.1, 0.5]), concurrent=st.booleans()),
    st.lists(
        st.one_of(
            st.tuples(st.just("speaks"), st.sampled_from([100, 160, 220, 300, 500, 800, 1500])),
            st.tuples(st.just("speaks"), st.sampled_from([220, 300, 500, 800])),
            st.tuples(st.just("is silent"), st.sampled_from([140, 260, 320, 400, 620, 1000, 1500])),
            st.tuples(st.just("is silent"), st.sampled_from([260, 400, 620, 1000, 3000])),
            st.tuples(st.just("mumbles"), st.just(400)),
            st.tuples(st.just("stalls"), st.sampled_from([500, 1200])),
            st.tuples(st.sampled_from(["types", "ends", "interrupts"]), st.just(0)),
            st.tuples(st.just("has played"), st.sampled_from([0, 300, 99_999])),
        ),
        min_size=1,
        max_size=12,
    ).map(lambda acts: [*QUESTION, *acts]),
    st.sampled_from([TurnDetectionMode.VAD, TurnDetectionMode.VAD, TurnDetectionMode.MANUAL]),
    st.fixed_dictionaries(
        {
            "endpointing": st.sampled_from(Endpointing),
            "speculation": st.sampled_from([True, True, False]),
            "resume_ms": st.sampled_from([1000, 1000, 0]),
            "barge_in_sure_ms": st.sampled_from([200, 700]),
        }
    ),
    st.sampled_from([0.0, 0.01]),
).map(lambda drawn: Plan(drawn[0], QuotingLlm(*drawn[1:5]), *drawn[4:]))


async def act(caller: Caller, acts: Sequence[tuple[str, int]]) -> None:
    for name, value in acts:
        finals = [final.turn_id for final in caller.all(TranscriptFinal)] or [1]
        match name:
            case "speaks":
                await caller.speak(value)
            case "is silent":
                await caller.speak(0, value)
            case "mumbles":
                for _ in range(value // 20):
                    await asyncio.sleep(0.02)
                    caller.audio(FAINT)
            case "stalls":
                await asyncio.sleep(value / 1000)
            case "types":
                caller.send(TextInput(text="typed words"))
            case "ends":
                caller.send(AudioEnd())
            case "interrupts":
                caller.send(Interrupt(turn_id=finals[-1], played_ms=100))
            case "has played":
                caller.send(Playback(turn_id=finals[value % len(finals)], played_ms=value, buffered_ms=0))


def acted_out(plan: Plan) -> tuple[Caller, tuple[ChatMessage, ...]]:
    """What the caller heard until all was over, and what the session keeps of it. No task is left."""
    callers: list[Caller] = []
    conversations: list[tuple[ChatMessage, ...]] = []

    async def main(loop: VirtualLoop) -> None:
        service = Service(scripted(**plan.settings), loop, stt=FickleStt(plan.segments), tts=plan.tts)
        service._engines = service._engines._replace(llm=plan.llm)
        async with service, asyncio.TaskGroup() as tasks:
            caller = Caller(loop)
            callers.append(caller)
            caller.transport = SlowTransport(plan.link_s)
            served = tasks.create_task(service.converse(caller.transport))
            await opened(caller, turn_detection={"mode": plan.mode})
            await act(caller, plan.acts)
            caller.send(AudioEnd())
            await caller.speak(0, 300)
            await asyncio.sleep(40)
            (session,) = service._sessions.values()
            caller.all(TurnEnd)
            caller.hang_up()
            await served
            conversations.append(session.conversation.messages)

    virtually(main)
    return callers[0], conversations[0]


class Witness:
    """Sees what a client is sent, in order, and knows what must not be."""

    def __init__(self, tail: str) -> None:
        self.tail = tail
        self.spoken: set[int] = set()
        self.committed: dict[int, str] = {}
        self.cancelled: dict[int, ReplyCancelled] = {}
        self.ended: dict[int, TurnEnd] = {}
        self.tokens: dict[int, str] = {}
        self.samples: dict[int, int] = {}
        self.rests: dict[int, int] = {}
        """By turns that were taken back: those that hold the rest of what was said."""
        self.paused: int | None = None

    def see(self, message: object) -> None:
        turn_id = getattr(message, "turn_id", None)
        if turn_id is None:
            return
        assert turn_id not in self.ended, "nothing comes of a turn that is over"
        match message:
            case AudioFrame() | LlmToken() | ReplyPaused() | ReplyResumed():
                assert turn_id in self.committed, "nothing of an answer comes before the commit"
                assert turn_id not in self.cancelled, "nothing of an answer comes after it was cancelled"
            case Timing(mark=mark) if mark in OF_REPLY:
                assert turn_id in self.committed
        match message:
            case SpeechStarted():
                self.spoken.add(turn_id)
            case TranscriptFinal(text=text):
                assert text
                assert turn_id not in self.committed
                assert self.paused is None
                self.committed[turn_id] = text
            case AudioFrame(pts=pts, payload=payload):
                assert pts == self.samples.get(turn_id, 0), "no audio is lost in a pause"
                self.samples[turn_id] = pts + len(payload) // 2
            case LlmToken(text=text):
                self.tokens[turn_id] = self.tokens.get(turn_id, "") + text
            case ReplyPaused():
                assert self.paused is None
                self.paused = turn_id
            case ReplyResumed():
                assert self.paused == turn_id
                self.paused = None
            case ReplyCancelled():
                self.cancelled[turn_id] = message
                if message.reason is CancelReason.RESUMED:
                    self.rests[turn_id] = max(self.spoken)
            case TurnEnd():
                self._see_end(message)
        if turn_id in self.cancelled or turn_id in self.ended:
            self.paused = None if self.paused == turn_id else self.paused

    def _see_end(self, end: TurnEnd) -> None:
        self.ended[end.turn_id] = end
        ledger = end.speculation
        assert ledger.started == ledger.hit + ledger.cancelled
        is_given = end.turn_id in self.committed
        assert ledger.hit <= is_given
        is_cut = is_given and end.outcome is not TurnOutcome.COMPLETED
        assert is_cut == (end.turn_id in self.cancelled)
        if is_given:
            answered = answer(self.committed[end.turn_id], self.tail)
            assert answered.startswith(self.tokens.get(end.turn_id, "").strip()), "the answer is to what was said"
            if is_cut:
                cut = self.cancelled[end.turn_id]
                assert answered.startswith(cut.heard_text)
                assert cut.heard_ms <= self.samples.get(end.turn_id, 0) / 16
                # The voice takes 20 ms a character; a clause is one word to it, and heard when half of it was.
                assert len(cut.heard_text) <= 2 * cut.heard_ms / 20 + 4

    def kept(self) -> list[ChatMessage]:
        """What the conversation must be."""
        kept: list[ChatMessage] = []
        for turn_id in self.ended:
            if turn_id not in self.committed:
                continue
            cut = self.cancelled.get(turn_id)
            heard = self.tokens.get(turn_id, "").strip() if cut is None else cut.heard_text
            if self.rests.get(turn_id) not in self.committed:
                kept.append(ChatMessage(Speaker.USER, self.committed[turn_id]))
            kept += [ChatMessage(Speaker.ASSISTANT, heard)] if heard else []
        return kept


@settings(max_examples=60)
@given(PLANS)
def test_whatever_happens_turns_end_and_only_what_was_heard_is_kept(plan: Plan) -> None:
    caller, conversation = acted_out(plan)
    witness = Witness(plan.tail)
    for message in caller.heard:
        witness.see(message)
    assert witness.spoken | witness.committed.keys() <= witness.ended.keys()
    assert witness.paused is None
    for turn_id, rest in witness.rests.items():
        assert witness.committed.get(rest, witness.committed[turn_id]).startswith(witness.committed[turn_id])
    assert list(conversation) == witness.kept()
