import pytest

from voicecli.testing.wanted import Settled, WantedError, settings, settled, wanted


def of(*said: dict[str, object], default: str | None = None) -> Settled:
    return settled([wanted(f"place {number}", each) for number, each in enumerate(said)], lambda: default)


def test_where_nothing_is_said_it_is_one_call_in_real_time_to_an_own_server() -> None:
    assert of({}) == Settled(url=None, virtual=False, own={}, repeat=1, net=None, net_seed=1, timeout_s=30.0)


def test_the_first_to_say_something_is_heard() -> None:
    found = of({"repeat": 3, "llm": "a"}, {"repeat": 5, "llm": "b", "tts": "c", "virtual": True}, {"virtual": False})
    assert (found.repeat, found.own, found.virtual) == (3, {"llm": "a", "tts": "c"}, True)


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ([{}], "ws://default"),
        ([{}, {"url": "ws://said"}], "ws://said"),
        ([{"llm": "a"}], None),
        ([{"virtual": True}], None),
        ([{"virtual": False}], "ws://default"),
        ([{"virtual": True}, {"url": "ws://said"}], None),
        ([{"llm": "a"}, {"url": "ws://said"}], None),
        ([{"url": "ws://said"}, {"llm": "a"}], "ws://said"),
        ([{"url": "ws://said"}, {"virtual": True}], "ws://said"),
    ],
)
def test_whoever_names_engines_or_virtual_time_means_an_own_server(
    said: list[dict[str, object]], url: str | None
) -> None:
    found = of(*said, default="ws://default")
    assert found.url == url
    assert not (found.url and (found.virtual or found.own))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"url": "ws://x", "llm": "a"}, "place 0: llm is of an own server; leave it out, or the URL"),
        ({"url": "ws://x", "virtual": True}, "place 0: a server elsewhere has a clock of its own"),
        ({"repeat": 0}, "place 0: repeat is at least 1"),
        ({"repeat": "3"}, "place 0: repeat cannot be '3'"),
        ({"voice": "kal"}, "place 0: there is no voice; use url, virtual"),
        ({"silence_ms": 50}, "place 0: silence_ms: must be a whole number between 100 and 10000, got 50"),
        ({"endpointing": "never"}, "place 0: endpointing: must be "),
        ({"silence_ms": 0.5}, "place 0: silence_ms cannot be 0.5"),
        (
            {"url": "ws://x", "speculation": False},
            "place 0: speculation is a setting of the server, which no client can ask for; set it on that server, and"
            " leave it out here, or the URL",
        ),
        ({"virtual": True, "net": "rtt=1ms"}, "net does not go with virtual time"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, object], told: str) -> None:
    with pytest.raises(WantedError) as raised:
        of(said)
    assert str(raised.value).startswith(told)


def test_the_summary_is_told_where_it_was() -> None:
    assert of({"virtual": True}).where == "virtual time"
    assert of({"net": "rtt=80ms"}).where == "own server, rtt=80ms"
    assert of({"url": "ws://me:secret@x/?token=secret"}).where == "ws://x/"
    assert of({}, default="ws://x:40613/").where == "agent"  # of each worker it may be another port


def test_turn_taking_is_set_on_an_own_server_and_asked_of_another() -> None:
    said: dict[str, object] = {"silence_ms": 400, "barge_in": False, "endpointing": "fixed"}
    text = {"silence_ms": "400", "barge_in": "false", "endpointing": "fixed"}
    own = of(said, {"silence_ms": 900, "speculation": False})
    assert (own.own, own.turn_detection) == ({**text, "speculation": "false"}, {})
    for elsewhere in (of(said, {"url": "ws://x"}), of(said, default="ws://x")):
        assert (elsewhere.url, elsewhere.own, elsewhere.turn_detection) == ("ws://x", {}, said)


def by_default(*said: dict[str, object], default: str | None = None) -> Settled:
    levels = [wanted("place", each) for each in said]
    ini = wanted("ini", {"silence_ms": "500", "speculation": "false"}, by_default=True)
    return settled([*levels, ini], lambda: default)


def test_what_the_configuration_sets_stands_beside_its_url_and_says_nothing_of_others() -> None:
    assert by_default().own == {"silence_ms": "500", "speculation": "false"}
    assert by_default({"silence_ms": 400, "speculation": True}).own == {"silence_ms": "400", "speculation": "true"}
    assert by_default({"url": "ws://staging"}).turn_detection == {"silence_ms": 500}
    with pytest.raises(WantedError, match=r"^ini: speculation is a setting of the server"):
        by_default(default="ws://x")
    assert by_default({"virtual": True}, default="ws://x").own == {"silence_ms": "500", "speculation": "false"}


def test_settings_are_written_with_their_value() -> None:
    assert settings("here", ["silence-ms = 400", "speculation=false"]) == {"silence_ms": "400", "speculation": "false"}
    for text in ("silence_ms", "silence_ms=", "port=80"):
        with pytest.raises(WantedError, match=f"^here {text}: write it as SETTING=VALUE, such as silence_ms=400, with"):
            settings("here", [text])
