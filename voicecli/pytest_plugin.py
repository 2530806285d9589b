"""The pytest plugin: the fixture `voice`, its markers and options, and a summary of latencies.

Every pytest run of a project that has voicecli installed loads this module, so it imports nothing but pytest; what
calls take is imported by the fixture.
"""

import argparse
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from voicecli.testing.callthread import CallThread
    from voicecli.testing.tally import Entry
    from voicecli.testing.voice import Voice
    from voicecli.testing.wanted import Wanted

_VOICE: "pytest.StashKey[Voice]" = pytest.StashKey()
_TOLD: pytest.StashKey[int] = pytest.StashKey()
"""Replays of a test that its reports have told already."""

_MARKERS = (
    "voice(virtual, url, repeat, net, vad, stt, llm, tts, pipeline, silence_ms, ...): what each voice.replay() of the"
    " test is to be, where its own arguments say nothing else.",
    "voice_budget(*budgets): hold all calls of the test together to budgets such as 'voice_to_voice p95 < 900ms'.",
)
_ROLES = ("vad", "stt", "llm", "tts")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("voice", "voice agents (voicecli)")
    group.addoption("--voice-url", metavar="URL", help="The agent: ws://HOST:PORT/voice. Default: an own server.")
    group.addoption(
        "--voice-virtual",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="Own server and caller on a virtual clock, with scripted engines: over in a moment.",
    )
    group.addoption(
        "--voice-engine",
        action="append",
        default=[],
        metavar="ROLE=ENGINE",
        help="An engine of the own server, such as 'llm=scripted(ttft=300ms)'. May be repeated.",
    )
    group.addoption(
        "--voice-setting",
        action="append",
        default=[],
        metavar="SETTING=VALUE",
        help="A setting of turn-taking, such as silence_ms=400 or speculation=false. May be repeated.",
    )
    group.addoption("--voice-repeat", type=int, metavar="N", help="Calls of each replay that does not say how many.")
    group.addoption(
        "--voice-unreliable",
        choices=("fail", "skip"),
        default="fail",
        help="What becomes of a test about latencies that this machine was too busy to measure. Default: fail.",
    )
    parser.addini("voicecli_url", "The agent, where --voice-url does not say another.", default="")
    parser.addini(
        "voicecli_settings",
        "Settings of turn-taking, such as silence_ms=400, where nothing else says another value.",
        type="args",
        default=[],
    )
    parser.addini(
        "voicecli_fixtures",
        "Folders of fixtures, from the root of the project.",
        type="args",
        default=["fixtures", "tests/fixtures"],
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    for given in config.getoption("voice_engine"):
        role, separator, engine = given.partition("=")
        if role not in _ROLES or not separator or not engine:
            raise pytest.UsageError(f"--voice-engine {given}: write it as ROLE=ENGINE, ROLE being {', '.join(_ROLES)}")
    _check_settings(config)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Summary(), "voicecli.summary")
    if config.getoption("voice_url") and config.getoption("voice_engine"):
        raise pytest.UsageError("--voice-engine is of an own server; leave it out, or leave --voice-url out")
    if config.getoption("voice_url") and config.getoption("voice_virtual"):
        raise pytest.UsageError(
            "--voice-url does not go with --voice-virtual: a server elsewhere has a clock of its own; leave one out, or"
            " add --no-voice-virtual"
        )


def _check_settings(config: pytest.Config) -> None:
    """Raises pytest.UsageError. Imports what it takes only where settings are given."""
    if not config.getoption("voice_setting") and not config.getini("voicecli_settings"):
        return
    from voicecli.testing.wanted import WantedError

    try:
        _on_command_line(config)
        _in_configuration(config)
    except WantedError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def voice_url(pytestconfig: pytest.Config) -> str | None:
    """The address of the agent; None is an own server. Override it in conftest.py to start yours and yield its URL."""
    return pytestconfig.getini("voicecli_url") or None


@pytest.fixture(scope="session")
def _voicecli_thread() -> "Iterator[CallThread]":
    from voicecli.testing.callthread import CallThread

    thread = CallThread()
    yield thread
    thread.close()


@pytest.fixture
def voice(request: pytest.FixtureRequest, _voicecli_thread: "CallThread") -> "Voice":
    """Calls the agent as recorded callers would: `call = voice.replay("question-weather")`."""
    from voicecli.testing.replayed import Unreliable, VoiceError, asked
    from voicecli.testing.voice import Voice
    from voicecli.testing.wanted import WantedError, settled

    config, node = request.config, request.node
    folders = [config.rootpath / folder for folder in config.getini("voicecli_fixtures")]

    def default_url() -> str | None:
        url: str | None = request.getfixturevalue("voice_url")
        return url

    try:
        levels = _levels(config, node)
        settled(levels, default_url)  # an agent that a fixture starts is started before the test, not in it
        asked(_budgets(node), "@pytest.mark.voice_budget")
    except (WantedError, VoiceError) as error:
        pytest.fail(str(error), pytrace=False)
    skip = pytest.skip.Exception if config.getoption("voice_unreliable") == "skip" else Unreliable
    voice = Voice(_voicecli_thread, [*folders, config.rootpath], levels, default_url, skip)
    node.stash[_VOICE] = voice
    return voice


def _levels(config: pytest.Config, node: pytest.Item) -> "list[Wanted]":
    from voicecli.testing.wanted import wanted

    markers = [wanted("@pytest.mark.voice", marker.kwargs) for marker in node.iter_markers("voice")]
    return [*markers, _on_command_line(config), _in_configuration(config)]


def _on_command_line(config: pytest.Config) -> "Wanted":
    from voicecli.testing.wanted import settings, wanted

    engines = dict(given.split("=", 1) for given in config.getoption("voice_engine"))
    said = {name: config.getoption(f"voice_{name}") for name in ("url", "virtual", "repeat")}
    turns = settings("--voice-setting", config.getoption("voice_setting"))
    return wanted("the command line", {**said, **engines, **turns})


def _in_configuration(config: pytest.Config) -> "Wanted":
    from voicecli.testing.wanted import settings, wanted

    place = "voicecli_settings"
    return wanted(place, settings(place, config.getini(place)), by_default=True)


def _budgets(node: pytest.Item) -> list[Any]:
    return [text for marker in node.iter_markers("voice_budget") for text in marker.args]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    yield
    budgets = _budgets(item)
    if not budgets:
        return
    voice = item.stash.get(_VOICE, None)
    missed = "@pytest.mark.voice_budget is for tests with the fixture voice"
    if voice is not None:
        try:
            voice.check(*budgets)
        except AssertionError as error:
            missed = str(error)
        else:
            return
    pytest.fail(missed, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    voice = item.stash.get(_VOICE, None)
    if voice is None:
        return report
    from voicecli.testing.voice import entry

    new = voice.replays[item.stash.get(_TOLD, 0) :]
    item.stash[_TOLD] = len(voice.replays)
    entries = [entry(replayed) for replayed in new]
    report.voice = entries  # type: ignore[attr-defined]  # xdist sends it on to the controller
    for each in entries:
        told = " ".join(f"{value:.1f}" for value in each["voice_to_voice_ms"]) or "none"
        item.user_properties.append((f"voice_to_voice_ms {each['fixture']} ({each['where']})", told))
    report.user_properties = list(item.user_properties)
    if report.failed:
        report.sections += [(f"voice: {replayed.name}", replayed.report) for replayed in voice.replays]
    return report


class _Summary:
    """Gathers replays from the reports of all tests, also of those that workers ran, and tells them at the end."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._entries += getattr(report, "voice", [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._entries:
            return
        from voicecli.testing.tally import lines

        terminalreporter.section("voice")
        for line in lines(self._entries):
            terminalreporter.line(line)
