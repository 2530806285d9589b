import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.tuning.sweep import DEFAULT, MAX_SETTINGS, Parameter, SweepError, parsed, settings, title


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        (DEFAULT, Parameter("silence_ms", (200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200))),
        ("vad.threshold = 0.3, 0.5", Parameter("vad.threshold", (0.3, 0.5))),
        ("x=0.1..0.35/0.1", Parameter("x", (0.1, 0.2, 0.3))),
        ("x=1..4/2,9,3", Parameter("x", (1, 3, 9))),
        ("x=-2..0/1", Parameter("x", (-2, -1, 0))),
        ("barge_in=true,false,1", Parameter("barge_in", (True, False, 1))),
        ("endpointing=fixed,adaptive", Parameter("endpointing", ("fixed", "adaptive"))),
    ],
)
def test_values_are_listed_or_a_range_with_a_step(text: str, parameter: Parameter) -> None:
    found = parsed(text)
    assert found == parameter
    assert [type(value) for value in found.values] == [type(value) for value in parameter.values]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("silence_ms", "is no sweep; write NAME=VALUES"),
        ("silence_ms=", "is no sweep"),
        ("=1,2", "is no sweep"),
        ("Bad Name=1", "is no sweep"),
        ("\x1b[2J=1", '" \\[2J=1" is no sweep'),
        ("x" * 99, '\\.\\.\\." is no sweep'),
        ("x=1..2", '"1..2" is no range; write FROM..TO/STEP'),
        ("x=1..2/a", "is no range"),
        ("x=2..1/1", "write the lower end first"),
        ("x=1..2/0", "a step above 0"),
        ("x=1..2/-1", "a step above 0"),
        ("x=0..9999/1", "are 10000 values, and at most 1000"),
        ("x=1,,2", "a value is missing"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_write(text: str, told: str) -> None:
    with pytest.raises(SweepError, match=told):
        parsed(text)


def test_all_combinations_are_tried_the_last_name_changing_fastest() -> None:
    tried = settings([parsed("a=1,2"), parsed("b=true,x")])
    assert [title(setting) for setting in tried] == ["a=1 b=true", "a=1 b=x", "a=2 b=true", "a=2 b=x"]


def test_a_name_is_swept_once() -> None:
    with pytest.raises(SweepError, match="a is swept twice"):
        settings([parsed("a=1"), parsed("a=2")])


def test_there_is_an_end_to_what_is_tried() -> None:
    hundred, ten, one_more = parsed("a=1..100/1"), parsed("b=1..10/1"), parsed("b=1..11/1")
    assert len(settings([hundred, ten])) == MAX_SETTINGS
    with pytest.raises(SweepError, match="these are 1100 settings, and at most 1000"):
        settings([hundred, one_more])


@given(st.text(max_size=30) | st.from_regex(r"[a-z]{1,3}=[-0-9./,]{1,12}", fullmatch=True))
def test_any_text_is_a_sweep_or_an_error_that_says_so(text: str) -> None:
    try:
        values = len(parsed(text).values)
    except SweepError as error:
        values = len(str(error).splitlines())
    assert values >= 1
