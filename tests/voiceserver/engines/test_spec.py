import math
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from voiceserver.engines.spec import (
    PRIVATE,
    EngineSpec,
    Milliseconds,
    Setting,
    SpecError,
    Value,
    explain,
    public_settings,
)


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    rate: Annotated[int, Meta(ge=80, le=450)] = 175
    pitch: Annotated[float, Meta(gt=0, lt=2)] = 1.0
    voice: Annotated[str, Meta(min_length=1, max_length=8)] | None = None
    ttfb: Milliseconds = 0.0
    pause: Annotated[Milliseconds, Meta(le=500)] = 10.0
    loud: bool = False
    gender: Gender = Gender.FEMALE
    quality: Literal["low", "high"] = "low"
    key: Annotated[str | None, PRIVATE] = None

    def __post_init__(self) -> None:
        if self.voice == "robot" and self.loud:
            raise ValueError("a robot is never loud")


class Needy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    model: str


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,10}", fullmatch=True)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True).filter(lambda key: key != "engine")
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.text(alphabet="a'\"\\ ,()=", max_size=10),
    st.sampled_from(["true", "5", "1e3", "100ms", "http://h:1/v1?a=b"]),
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("espeak", EngineSpec("espeak")),
        (" espeak ( ) ", EngineSpec("espeak")),
        ("espeak(voice=en-us,rate=165)", EngineSpec("espeak", {"voice": "en-us", "rate": 165})),
        ("a( b = -1 , c = 1.5, )", EngineSpec("a", {"b": -1, "c": 1.5})),
        ("a(ttfb=100ms,seed=1)", EngineSpec("a", {"ttfb": "100ms", "seed": 1})),
        ("a(b=true,c=false,d=True)", EngineSpec("a", {"b": True, "c": False, "d": "True"})),
        ("a(text=what is it)", EngineSpec("a", {"text": "what is it"})),
        ("""a(text='quoted, "value"',b="it's")""", EngineSpec("a", {"text": 'quoted, "value"', "b": "it's"})),
        (r"a(text='it\'s \\ C:\temp')", EngineSpec("a", {"text": r"it's \ C:\temp"})),
        ("a(text='5',b='')", EngineSpec("a", {"text": "5", "b": ""})),
        ("a(url=http://localhost:8080/v1?x=1)", EngineSpec("a", {"url": "http://localhost:8080/v1?x=1"})),
        ("a(id=007,n=nan,i=1e999)", EngineSpec("a", {"id": "007", "n": "nan", "i": "1e999"})),
    ],
)
def test_a_spec_is_a_name_and_settings(text: str, spec: EngineSpec) -> None:
    assert EngineSpec.parse(text) == spec
    assert EngineSpec.of(text) == spec
    assert EngineSpec.of(spec) is spec
    types = [type(value) for value in EngineSpec.parse(text).settings.values()]
    assert types == [type(value) for value in spec.settings.values()]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "'', character 1: expected the name of an engine"),
        ("5", "'5', character 1: expected the name of an engine"),
        ("a b", "'a b', character 3: expected nothing after a"),
        ("a(", "'a(', character 3: expected a setting's name"),
        ("a(=1)", "'a(=1)', character 3: expected a setting's name"),
        ("a(rate)", "'a(rate)', character 7: expected = and a value after rate"),
        (
            "a(rate=)",
            "'a(rate=)', character 8: expected a value for rate; text with a comma, quote or parenthesis needs quotes",
        ),
        ("a(rate=1", "'a(rate=1', character 9: expected a comma or a closing parenthesis after rate"),
        ("a(rate=1) x", "'a(rate=1) x', character 11: expected nothing after the parenthesis"),
        ("a(t='x)", '"a(t=\'x)", character 5: the quote around t is not closed'),
        ("a(t='x'y)", "\"a(t='x'y)\", character 8: expected a comma or a closing parenthesis after t"),
        ("a(t=f(x))", "'a(t=f(x))', character 6: t needs quotes around all of its value"),
        ("a(t=it's)", '"a(t=it\'s)", character 7: t needs quotes around all of its value'),
        ("a(b=1,b=2)", "'a(b=1,b=2)', character 10: b is given twice"),
    ],
)
def test_a_mistake_is_told_with_its_position(text: str, error: str) -> None:
    with pytest.raises(SpecError) as raised:
        EngineSpec.parse(text)
    assert str(raised.value) == error


@given(NAMES, st.dictionaries(KEYS, VALUES, max_size=5))
def test_a_spec_comes_back_from_its_text(name: str, settings: dict[str, Value]) -> None:
    spec = EngineSpec(name, settings)
    again = EngineSpec.parse(str(spec))
    assert again == spec
    assert [type(value) for value in again.settings.values()] == [type(value) for value in settings.values()]


@given(st.text(max_size=40) | st.text(alphabet="ab(=,)'\"\\ 1", max_size=20))
def test_any_text_is_a_spec_or_an_error_of_one_line(text: str) -> None:
    try:
        told = str(EngineSpec.parse(text).name)
    except SpecError as error:
        told = str(error)
    assert "\n" not in told


def test_a_table_names_the_engine_beside_its_settings() -> None:
    spec = EngineSpec.of({"engine": "espeak", "voice": "en-us", "rate": 165})
    assert spec == EngineSpec("espeak", {"voice": "en-us", "rate": 165})


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ({"voice": "x"}, "a table of engine settings needs the engine's name: engine = 'espeak'"),
        ({"engine": 5}, "a table of engine settings needs the engine's name: engine = 5"),
        ({"engine": "a", "b c": 1}, "a: 'b c' is no name of a setting"),
        ({"engine": "a", "b": [1]}, "a: b must be text, a number, true or false, got list"),
        ({"engine": "a", "b": math.inf}, "a: b must be text, a number, true or false, got inf"),
    ],
)
def test_a_table_that_is_no_spec_is_refused(table: dict[str, object], error: str) -> None:
    with pytest.raises(SpecError) as raised:
        EngineSpec.of(table)
    assert str(raised.value) == error


def test_settings_become_the_struct_of_the_engine() -> None:
    spec = EngineSpec.parse(
        "a(rate=80,pitch=1,voice=en,ttfb=1.5s,pause=20,loud=true,gender=male,quality=high,key=secret)"
    )
    assert spec.convert(Settings) == Settings(
        rate=80,
        pitch=1.0,
        voice="en",
        ttfb=1500.0,
        pause=20.0,
        loud=True,
        gender=Gender.MALE,
        quality="high",
        key="secret",
    )


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("rate=79", "rate must be between 80 and 450, got 79"),
        ("rate=9000", "rate must be between 80 and 450, got 9000"),
        ("rate=fast", "rate must be a whole number between 80 and 450, got 'fast'"),
        ("rate=100.5", "rate must be a whole number between 80 and 450, got 100.5"),
        ("rate=true", "rate must be a whole number between 80 and 450, got true"),
        ("rate=100ms", "rate must be a whole number between 80 and 450, got '100ms'"),
        ("pitch=2", "pitch must be more than 0 and less than 2, got 2"),
        ("pitch=high", "pitch must be a number, more than 0 and less than 2, got 'high'"),
        ("voice=5", "voice must be text (as in '5', with the quotes), got 5"),
        ("voice=''", "voice must be longer text, got ''"),
        ("voice=en-us-nyc", "voice must be shorter text, got 'en-us-nyc'"),
        ("ttfb=-1", "ttfb must be at least 0 ms, got -1"),
        ("ttfb=-1ms", "ttfb must be at least 0 ms, got '-1ms'"),
        ("ttfb=5m", "ttfb must be a duration such as 100ms or 1.5s, at least 0 ms, got '5m'"),
        ("pause=1s", "pause must be between 0 and 500 ms, got '1s'"),
        ("loud=1", "loud must be true or false, got 1"),
        ("gender=none", "gender must be one of female, male, got 'none'"),
        ("quality=best", "quality must be one of high, low, got 'best'"),
        (
            "rat=1",
            "there is no setting rat, did you mean rate? There are gender, key, loud, pause, pitch, quality, rate,"
            " ttfb, voice",
        ),
        (
            "xyz=1",
            "there is no setting xyz; there are gender, key, loud, pause, pitch, quality, rate, ttfb, voice",
        ),
        ("voice=robot,loud=true", "a robot is never loud"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(settings: str, error: str) -> None:
    with pytest.raises(SpecError) as raised:
        EngineSpec.parse(f"mine({settings})").convert(Settings, where="--tts mine")
    assert str(raised.value) == f"--tts mine: {error}"


def test_a_setting_without_default_is_needed() -> None:
    with pytest.raises(SpecError, match=r"^mine: model is needed, as in mine\(model=\.\.\.\)$"):
        EngineSpec("mine").convert(Needy)


def test_long_values_are_shortened_in_errors() -> None:
    with pytest.raises(SpecError) as raised:
        EngineSpec("mine", {"rate": "x" * 1000}).convert(Settings)
    assert len(str(raised.value)) < 150


@given(st.dictionaries(st.sampled_from([field.name for field in msgspec.structs.fields(Settings)]), VALUES))
def test_any_settings_convert_or_are_refused(settings: dict[str, Value]) -> None:
    try:
        told = repr(EngineSpec("mine", settings).convert(Settings))
    except SpecError as error:
        told = str(error)
    assert told.startswith(("Settings(", "mine: "))


def test_clients_are_told_neither_private_settings_nor_those_that_are_unset() -> None:
    assert public_settings(Settings(key="secret")) == {
        "rate": 175,
        "pitch": 1.0,
        "ttfb": 0.0,
        "pause": 10.0,
        "loud": False,
        "gender": "female",
        "quality": "low",
    }


def test_settings_are_explained_for_people() -> None:
    assert explain(Settings) == [
        Setting("rate", 175, "a whole number between 80 and 450"),
        Setting("pitch", 1.0, "a number, more than 0 and less than 2"),
        Setting("voice", None, "text that is not empty"),
        Setting("ttfb", 0.0, "a duration such as 100ms or 1.5s, at least 0 ms"),
        Setting("pause", 10.0, "a duration such as 100ms or 1.5s between 0 and 500 ms"),
        Setting("loud", False, "true or false"),
        Setting("gender", "female", "one of female, male"),
        Setting("quality", "low", "one of high, low"),
        Setting("key", None, "text"),
    ]
    assert explain(Needy) == [Setting("model", None, "text")]


def test_a_setting_of_two_kinds_expects_either() -> None:
    class Either(msgspec.Struct):
        probability: float | str = 1.0

    assert explain(Either) == [Setting("probability", 1.0, "a number or text")]
    assert EngineSpec.parse("judge(probability=0.2|0.9)").convert(Either) == Either("0.2|0.9")
    with pytest.raises(SpecError, match="probability must be a number or text, got true"):
        EngineSpec.parse("judge(probability=true)").convert(Either)
