import pytest

from tests.voicecli.documents import call, mark
from voicecli.figures.change import Stage
from voicecli.figures.delays import (
    TurnDelays,
    closing,
    filled,
    hangover,
    is_answered,
    server_delays,
    turn_delays,
    typical,
)
from voicecli.figures.run import Latencies, ReplyAudio, Server, Turn
from voicewire.marks import Mark
from voicewire.messages import TurnOutcome


def turn(text: str = "", final_ms: float | None = None, **at_ms: float) -> Turn:
    marks = tuple(mark(Mark(name.replace("__", ".")), at) for name, at in at_ms.items())
    latencies = Latencies() if final_ms is None else Latencies(stt_finalization_ms=final_ms, ttft_ms=2 * final_ms)
    audio = ReplyAudio(heard_ms=50.0 * len(text), underruns=0, underrun_ms=0.0)
    return Turn(
        turn_id=1,
        utterance=2,
        reply_text=text,
        latencies=latencies,
        marks=marks,
        reply_audio=audio,
        outcome=TurnOutcome.COMPLETED,
    )


def delays(final: float | None = None, ttft: float | None = None) -> TurnDelays:
    return TurnDelays(0, {Stage.FINAL: final, Stage.TTFT: ttft, Stage.PACE: None, Stage.TTFB: None}, "")


@pytest.mark.parametrize(("first_clause", "words", "pace_ms"), [(4, 9, 20.0), (1, 9, 50.0), (1, 1, None)])
def test_the_pace_is_that_of_the_first_clause_or_of_the_reply(
    first_clause: int, words: int, pace_ms: float | None
) -> None:
    recorded = turn("Yes.", 80.0, llm__first_token=100.0, tts__requested=160.0, llm__done=500.0)
    assert turn_delays(recorded, first_clause, words) == TurnDelays(
        2, {Stage.FINAL: 80.0, Stage.TTFT: 160.0, Stage.PACE: pace_ms, Stage.TTFB: None}, "Yes."
    )


def test_a_turn_is_answered_where_the_language_model_was_asked() -> None:
    assert [is_answered(each) for each in (turn(), turn("Yes."), turn(llm__requested=1.0))] == [False, True, True]


def test_what_was_not_recorded_of_a_turn_is_what_is_typical_of_the_run() -> None:
    turns = [delays(100.0), delays(200.0), delays(600.0, 50.0), delays()]
    assert typical(turns) == {Stage.FINAL: 200.0, Stage.TTFT: 50.0}
    assert filled(turns[3:], typical(turns))[0].delays_ms == {
        Stage.FINAL: 200.0,
        Stage.TTFT: 50.0,
        Stage.PACE: 0.0,
        Stage.TTFB: 0.0,
    }


WAITED = turn("Yes.", audio__last_speech=100.0, vad__closed=440.0, stt__final=500.0, turn__committed=800.0)
HELD_UP = turn("Yes.", audio__last_speech=100.0, vad__closed=440.0, stt__final=900.0, turn__committed=900.0)


def test_the_silence_is_what_the_server_says_or_what_its_marks_do() -> None:
    told = server_delays([call(WAITED)], Server(silence_ms=600))
    assert (told.silence_ms, told.closing_ms, told.char_ms, told.guesses) == (600, 340, 50, ())
    by_marks = server_delays([call(WAITED, HELD_UP)], Server(url="ws://there/"))
    assert by_marks.silence_ms == 700
    assert by_marks.guesses == ("the silence that ends a turn was not told: by the marks it is 700 ms",)
    guessed = server_delays([call(HELD_UP)], Server(url="ws://there/"))
    assert (guessed.silence_ms, len(guessed.guesses)) == (600, 1)
    assert len(server_delays([call(turn())], Server(url="ws://there/")).guesses) == 2


def test_the_hangover_is_found_by_what_another_one_takes() -> None:
    assert closing([call(WAITED, HELD_UP), call(turn())]) == 340
    assert [hangover(*each) for each in ((340, 340), (355, 340), (440, 340), (40, 340), (None, 340))] == [
        200,
        200,
        300,
        20,
        200,
    ]
