import pytest

from voicecli.exits import CliError, ExitCode
from voicecli.versus import other_side, told

FLAGS = {"stt": "scripted", "tts": None, "pipeline": None}


def test_the_other_side_is_the_own_server_with_other_settings() -> None:
    side = other_side(["tts=scripted(ttfb=160ms)", "silence-ms = 400"], None, FLAGS)
    assert (side.url, side.flags) == (
        None,
        {"stt": "scripted", "tts": "scripted(ttfb=160ms)", "pipeline": None, "silence_ms": "400"},
    )


@pytest.mark.parametrize("url", [None, "ws://new/voice"])
def test_the_other_side_is_a_server_elsewhere(url: str | None) -> None:
    side = other_side(["wss://old/voice?x=1"], url, FLAGS)
    assert (side.url, side.flags) == ("wss://old/voice?x=1", {})


@pytest.mark.parametrize(
    ("texts", "url", "told"),
    [
        (["ws://a/", "tts=espeak"], None, "ws://a/ is a whole side"),
        (["tts=espeak"], "ws://new/", "with --url give the URL of the other one"),
        (["espeak"], None, '"espeak" is no side to call; write ws://HOST:PORT/voice, or SETTING=VALUE'),
        (["tts="], None, "is no side to call"),
        (["port=80"], None, "is no side to call"),
        (["tts=espeak", "tts=scripted"], None, "tts is given twice"),
    ],
)
def test_what_is_no_side_is_refused_with_what_to_write(texts: list[str], url: str | None, told: str) -> None:
    with pytest.raises(CliError, match=r"^--versus: ") as refused:
        other_side(texts, url, FLAGS)
    assert told in refused.value.message
    assert refused.value.exit_code is ExitCode.USAGE


def test_the_other_side_is_told_without_a_secret() -> None:
    assert told(["ws://me:pass@old/voice?token=1"]) == "ws://old/voice"
    assert told(["tts=espeak", "silence_ms=500"]) == "tts=espeak silence_ms=500"
