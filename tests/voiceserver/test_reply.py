import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.voiceserver.stages import BROKEN, LoudTts, TalkingLlm, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.engines.roles import ChatMessage, Speaker, SpeechAudio, TokenUsage
from voiceserver.logs import SessionLog
from voiceserver.reply import Reply, ReplySettings
from voiceserver.speech_encoder import SpeechEncoder
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.marks import Mark

SETTINGS = ReplySettings(
    output=AudioFormat(Codec.PCM_S16LE, 24_000),
    locale="en-US",
    voice=None,
    lead_ms=500,
    overlapped=True,
    llm_timeout_ms=1000,
    tts_timeout_ms=1000,
)
TWO_CLAUSES = "Here is one. And another one."


class Witness:
    """Listens to one reply, and takes its audio as soon as it is there."""

    def __init__(
        self, llm: TalkingLlm, tts: LoudTts, settings: ReplySettings = SETTINGS, *, is_held: bool = False
    ) -> None:
        self.is_held = is_held
        self.llm = llm
        self.tts = tts
        self.settings = settings
        self.marks: dict[str, float] = {}
        self.tokens: list[tuple[int, str]] = []
        self.failures: list[tuple[ErrorCode, str]] = []
        self.taken_samples = 0
        self.dry_ms = 0.0
        """So long nothing was there to be played, once it had begun to."""
        self.ended = False
        self.takes_audio = True
        self._played_until_ms: float | None = None

    def listen(self, *, cancel_after_s: float | None = None) -> "Witness":
        async def main(loop: VirtualLoop) -> None:
            self.reply = Reply(
                1,
                llm=self.llm,
                tts=self.tts,
                encoder=SpeechEncoder(self.tts.sample_rate, self.settings.output),
                settings=self.settings,
                conversation=(ChatMessage(Speaker.USER, "hello"),),
                listener=self,
                clock=loop,
                log=SessionLog("s"),
                is_held=self.is_held,
            )
            self.loop = loop
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(self.reply.run())
                if cancel_after_s is not None:
                    await asyncio.sleep(cancel_after_s)
                    task.cancel()

        virtually(main)
        return self

    def reply_marked(self, turn_id: int, mark: Mark, at_ns: int) -> None:
        self.marks[mark.value] = at_ns / NS_PER_MS

    def reply_token(self, turn_id: int, index: int, text: str) -> None:
        self.tokens.append((index, text))

    def reply_audio_queued(self, turn_id: int) -> None:
        if self.takes_audio:
            # As if everything had been played at once.
            for _ in range(10_000):
                frames = self.reply.queue.release(self.loop.now_ns())
                if not frames:
                    break
                for frame in frames:
                    self.reply.queue.written(frame, self.loop.now_ns())
                self._play(sum(frame.samples for frame in frames))
                self.ended = self.ended or not frames[-1].payload
                self.reply.queue.playhead.reported(1e9, self.loop.now_ns())
            self.reply.room_made()

    def _play(self, samples: int) -> None:
        now_ms = self.loop.now_ns() / NS_PER_MS
        until_ms = now_ms if self._played_until_ms is None else self._played_until_ms
        if samples:
            self.dry_ms += max(0.0, now_ms - until_ms)
        self._played_until_ms = max(until_ms, now_ms) + samples / 24
        self.taken_samples += samples

    def reply_failed(self, turn_id: int, code: ErrorCode, message: str) -> None:
        self.failures.append((code, message))


def test_speech_begins_with_the_first_clause_while_the_text_goes_on() -> None:
    witness = Witness(TalkingLlm(TWO_CLAUSES, first_s=0.1, pace_s=0.05), LoudTts(first_s=0.03)).listen()
    assert witness.marks == {
        "llm.requested": 0,
        "llm.first_token": 100,
        "tts.requested": 200,  # the clause ended with "one. ", the third word
        "tts.first_audio": 230,
        "llm.done": 350,
        "tts.done": 380,
    }
    assert witness.tts.asked == ["Here is one.", "And another one."]
    assert witness.failures == []


def test_sequential_waits_for_each_stage_to_finish() -> None:
    sequential = SETTINGS._replace(overlapped=False)
    witness = Witness(TalkingLlm(TWO_CLAUSES, first_s=0.1, pace_s=0.05), LoudTts(first_s=0.03), sequential).listen()
    assert witness.marks == {
        "llm.requested": 0,
        "llm.first_token": 100,
        "llm.done": 350,
        "tts.requested": 350,
        "tts.first_audio": 380,
        "tts.done": 380,
    }
    assert witness.tts.asked == [TWO_CLAUSES]


@pytest.mark.parametrize(("concurrent", "at_once", "dry_ms"), [(True, 2, 0), (False, 1, 230 + 170)])
def test_there_is_no_gap_between_clauses_where_an_engine_that_keeps_up_speaks_two_at_once(
    concurrent: bool, at_once: int, dry_ms: float
) -> None:
    text = "This is the first of them. And the second one is a little longer. Then comes one more."
    tts = LoudTts(first_s=0.3, pace_s=0.09, concurrent=concurrent)
    witness = Witness(TalkingLlm(text), tts).listen()
    assert " ".join(tts.asked) == text
    assert tts.most_at_once == at_once
    assert witness.dry_ms == pytest.approx(dry_ms)
    assert witness.taken_samples == 480 * sum(map(len, tts.asked))


def test_the_first_audio_is_that_of_the_first_clause_though_a_later_one_is_quicker() -> None:
    class SlowToBegin(LoudTts):
        def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
            self.first_s = 0.1 if self.asked else 0.3
            return super().synthesize(text, voice=voice, locale=locale)

    witness = Witness(TalkingLlm(TWO_CLAUSES), SlowToBegin(concurrent=True)).listen()
    assert (witness.marks["tts.first_audio"], witness.marks["tts.done"]) == (300, 300)


def test_a_held_reply_speaks_its_first_clause_alone() -> None:
    witness = Witness(TalkingLlm(TWO_CLAUSES), LoudTts(concurrent=True), is_held=True)
    witness.listen(cancel_after_s=5)
    assert witness.tts.asked == ["Here is one."]
    assert witness.reply.characters == len("Here is one.")


def test_tokens_are_told_in_order_and_the_audio_is_all_of_it() -> None:
    witness = Witness(TalkingLlm(TWO_CLAUSES), LoudTts()).listen()
    assert "".join(text for _, text in witness.tokens) == TWO_CLAUSES
    assert [index for index, _ in witness.tokens] == list(range(6))
    assert witness.taken_samples == 480 * (len("Here is one.") + len("And another one."))
    assert witness.ended
    assert witness.reply.usage == TokenUsage(7, 6)


def test_the_language_model_is_told_the_conversation() -> None:
    witness = Witness(TalkingLlm("Yes."), LoudTts()).listen()
    assert witness.llm.asked == [(ChatMessage(Speaker.USER, "hello"),)]


def test_an_empty_reply_ends_without_audio() -> None:
    witness = Witness(TalkingLlm(""), LoudTts()).listen()
    assert witness.ended
    assert witness.taken_samples == 0
    assert set(witness.marks) == {"llm.requested", "llm.done"}


@pytest.mark.parametrize(
    ("llm", "tts", "failure"),
    [
        (TalkingLlm("Half a", error=BROKEN), LoudTts(), (ErrorCode.LLM_FAILED, "it broke")),
        (TalkingLlm("Yes."), LoudTts(error=BROKEN), (ErrorCode.TTS_FAILED, "it broke")),
        (
            TalkingLlm("Late.", first_s=1.1),
            LoudTts(),
            (ErrorCode.LLM_FAILED, "the language model did not answer within 1 s"),
        ),
        (
            TalkingLlm("Late."),
            LoudTts(first_s=1.1),
            (ErrorCode.TTS_FAILED, "speech synthesis did not answer within 1 s"),
        ),
        (
            TalkingLlm("Half a", error=ZeroDivisionError()),
            LoudTts(),
            (ErrorCode.LLM_FAILED, "the language model failed: ZeroDivisionError"),
        ),
    ],
)
def test_a_stage_that_fails_is_named_once_and_the_other_one_ends(llm: TalkingLlm, tts: LoudTts, failure: Any) -> None:
    witness = Witness(llm, tts).listen()
    assert witness.failures == [failure]
    assert llm.closed == 1
    assert tts.closed == len(tts.asked)


def test_a_cancelled_reply_closes_both_streams_and_says_nothing_more() -> None:
    witness = Witness(TalkingLlm(TWO_CLAUSES, pace_s=0.05), LoudTts(first_s=0.5)).listen(cancel_after_s=0.3)
    assert (witness.llm.closed, witness.tts.closed) == (1, 1)
    assert witness.failures == []
    assert "tts.first_audio" not in witness.marks


def test_a_client_that_takes_no_audio_stops_speech_synthesis() -> None:
    witness = Witness(TalkingLlm("x" * 3000), LoudTts())
    witness.takes_audio = False
    witness.listen(cancel_after_s=60)
    assert witness.reply.queue.is_full
    assert 4_000 < witness.reply.audio_ms < 10_000
