import pytest

from voicecli.figures.change import Change, ChangeError, Replacement, Stage, parsed


@pytest.mark.parametrize(
    ("text", "stage", "of_300_ms"),
    [
        ("llm.ttft=-200ms", Stage.TTFT, 100),
        ("llm.ttft=-400ms", Stage.TTFT, 0),
        ("tts.ttfb=+50ms", Stage.TTFB, 350),
        ("stt.final = 0.12s", Stage.FINAL, 120),
        ("llm.pace=-20%", Stage.PACE, 240),
        ("turn.silence=400ms", Stage.SILENCE, 400),
    ],
)
def test_a_change_is_relative_with_a_sign_and_absolute_without(text: str, stage: Stage, of_300_ms: float) -> None:
    (change,) = parsed([text])
    assert isinstance(change, Change)
    assert (change.text, change.stage, change.applied(300)) == (text, stage, of_300_ms)


@pytest.mark.parametrize(
    ("text", "is_too_much"), [("llm.ttft=-300ms", False), ("llm.ttft=-301ms", True), ("llm.ttft=0ms", False)]
)
def test_a_change_is_too_much_where_it_takes_off_more_than_there_is(text: str, is_too_much: bool) -> None:
    (change,) = parsed([text])
    assert isinstance(change, Change)
    assert change.is_too_much(300) == is_too_much


def test_an_engine_can_stand_in_for_the_recorded_one() -> None:
    text = "stt=scripted(delay=120ms)"
    assert parsed([text]) == [Replacement(text, "stt", "scripted(delay=120ms)")]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["faster"], '"faster" is no change; write "llm.ttft=-200ms" or'),
        (["llm.speed=1ms"], "stt.final, llm.ttft, llm.pace, tts.ttfb, turn.silence"),
        (["llm.ttft=-200"], '"-200" is no amount; write -200ms'),
        (["llm.ttft=20%"], '"20%" is no amount'),
        (["tts=espeak"], "only a scripted engine has known delays; write tts=scripted(delay=120ms)"),
        (["llm.ttft=1ms", "llm.ttft=+1ms"], "leave one out"),
        (["stt.final=1ms", "stt=scripted"], "leave one out"),
    ],
)
def test_what_is_no_change_is_refused_with_what_to_write(texts: list[str], told: str) -> None:
    with pytest.raises(ChangeError) as refused:
        parsed(texts)
    assert told in str(refused.value)
