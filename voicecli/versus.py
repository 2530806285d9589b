"""The other side of calls that alternate between two servers, as `--versus` names it."""

from collections.abc import Mapping, Sequence

from voicecli.calls.replaying import Target
from voicecli.client.transport import public_url
from voicecli.exits import CliError, ExitCode
from voicecli.serverflags import TURN_TAKING

LABEL = "versus"

SETTINGS = (
    *("vad", "stt", "llm", "tts", "end_of_turn", "llm_url", "llm_model", "pipeline"),
    *TURN_TAKING,
    "lead_ms",
)
"""Of the own server, that may differ between the sides."""


def other_side(texts: Sequence[str], url: str | None, flags: Mapping[str, str | None]) -> Target:
    """The server at a URL, or an own one with settings that differ from `flags`. Raises CliError."""
    urls = [text for text in texts if text.startswith(("ws://", "wss://"))]
    if urls:
        if len(texts) > 1:
            raise _refused(f"{urls[0]} is a whole side; leave the other --versus out")
        return Target(urls[0], {}, LABEL)
    if url is not None:
        raise _refused(f'"{texts[0]}" is of an own server; with --url give the URL of the other one')
    changed: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        key = name.strip().replace("-", "_")
        if not (equals and value.strip()) or key not in SETTINGS:
            raise _refused(
                f'"{text}" is no side to call; write ws://HOST:PORT/voice, or SETTING=VALUE of an own server, such as '
                f'"tts=scripted(ttfb=160ms)", with one of {", ".join(SETTINGS)}'
            )
        if key in changed:
            raise _refused(f"{key} is given twice; leave one out")
        changed[key] = value.strip()
    return Target(None, {**flags, **changed}, LABEL)


def told(texts: Sequence[str]) -> str:
    """The other side as it may be shown."""
    return " ".join(public_url(text) if "://" in text.partition("=")[0] else text for text in texts)


def _refused(reason: str) -> CliError:
    return CliError(f"--versus: {reason}", ExitCode.USAGE)
