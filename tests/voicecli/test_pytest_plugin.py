import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
VIRTUAL = """
def test_it(voice):
    call = voice.replay("question-weather", virtual=True)
    assert call.turns[0].transcript == "what will the weather be like in london tomorrow"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own, whose pytest takes warnings for errors."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "server"))))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    fixtures = f'voicecli_fixtures = "{ROOT / "fixtures"}"'
    pytester.makeini(f"[pytest]\n{fixtures}\nfilterwarnings = error\naddopts = --strict-markers --strict-config")
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "voicecli.pytest_plugin", *arguments)


def told(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


def test_a_replay_is_asked_about_its_turns_and_latencies_and_summed_up(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.voice(virtual=True, llm="scripted(text='Rain.', ttft=200ms)")
        @pytest.mark.voice_budget("voice_to_voice max < 2s", "false_cutoffs == 0")
        def test_turns(voice):
            call = voice.replay("question-weather", repeat=20)
            assert call.turns[0].heard == "Rain."
            assert call.latency("ttft").p95 == 200
            call.check("voice_to_voice p95 < 1.5s")

        @pytest.mark.voice(virtual=True)
        def test_barge_in(voice):
            call = voice.replay("barge-in")
            assert [turn.cancelled for turn in call.turns] == ["barge_in", None]
            assert call.latency("barge_in_stop").max < 500
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*= voice =*",
            "fixture           server        calls  turns  voice-to-voice p50  p95",
            "barge-in          virtual time      1      2             * ms",
            "question-weather  virtual time      1      1             * ms",
        ]
    )


def test_a_failure_shows_the_sentence_and_the_waterfall_but_none_of_the_plugin(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.voice(virtual=True)

        def test_expectation(voice):
            voice.replay("question-weather", stt="scripted(text='hello')")

        def test_check(voice):
            voice.replay("question-weather").check("voice_to_voice max < 1ms")

        @pytest.mark.voice_budget("voice_to_voice max < 1ms")
        def test_marked(voice):
            voice.replay("question-weather")

        def test_unknown(voice):
            voice.replay("question-wether")
        """
    )
    result = run(project)
    result.assert_outcomes(failed=4)
    shown = told(result)
    assert "VoiceFailure: question-weather: not as the fixture expects" in shown
    assert "E       utterance 1: word error rate 100.0%" in shown
    assert shown.count("- voice: question-weather -") == 3
    assert shown.count("voice-to-voice  ─") == 3
    assert shown.count("voice_to_voice max < 1ms: ") >= 2
    assert "no fixture question-wether in" in shown
    assert "def replay" not in shown
    assert "During handling" not in shown


def test_without_virtual_time_the_own_server_is_called_and_logs_where_pytest_shows_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import asyncio, logging, sys

        ENGINES = {
            "vad": "scripted",
            "stt": "scripted(text='what will the weather be like in london tomorrow')",
            "llm": "scripted(text='Yes.')",
            "tts": "scripted",
        }

        def test_first(voice, capsys):
            assert voice.replay("question-weather", expect=False, **ENGINES).turns[0].reply == "Yes."

        def test_in_a_loop(voice, capsys, caplog):
            async def main():
                return await asyncio.to_thread(voice.replay, "question-weather", expect=False, **ENGINES)
            assert asyncio.run(main()).turns[0].reply == "Yes."
            logging.getLogger("voiceserver").warning("told")
            assert caplog.messages[-1] == "told"
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2)
    # On a busy machine a call may have no part in the figures.
    assert re.search(r"question-weather  own server      2  +[0-2]\b", told(result))


def test_workers_send_their_replays_to_the_summary_and_to_junit(project: pytest.Pytester) -> None:
    project.makepyfile(test_a=VIRTUAL, test_b=VIRTUAL, test_c=VIRTUAL)
    result = run(project, "-p", "xdist", "-n", "2", "--junitxml=junit.xml")
    result.assert_outcomes(passed=3)
    (row,) = re.findall(r"question-weather  virtual time      3      3 +(\d+) ms", told(result))
    properties = ElementTree.parse(project.path / "junit.xml").findall(".//property")
    assert [each.get("name") for each in properties] == ["voice_to_voice_ms question-weather (virtual time)"] * 3
    assert {round(float(each.get("value") or 0)) for each in properties} == {int(row)}


def test_the_agent_is_at_the_url_that_a_fixture_of_the_project_yields(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def voice_url():
            yield "ws://127.0.0.1:1/voice"
        """
    )
    project.makepyfile("def test_it(voice):\n    voice.replay('silence')")
    result = run(project)
    result.assert_outcomes(failed=1)
    assert "VoiceError: " in told(result)
    assert "127.0.0.1:1" in told(result)
    run(project, "--voice-virtual").assert_outcomes(passed=1)
    assert "127.0.0.1:2" in told(run(project, "--voice-url", "ws://127.0.0.1:2/voice"))
    project.makeconftest("")
    assert "127.0.0.1:3" in told(run(project, "-o", "voicecli_url=ws://127.0.0.1:3/voice"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--voice-engine", "llm"], "--voice-engine llm: write it as ROLE=ENGINE"),
        (["--voice-engine", "ear=scripted"], "ROLE being vad, stt, llm, tts"),
        (["--voice-engine", "llm=scripted", "--voice-url", "ws://x"], "--voice-engine is of an own server"),
        (["--voice-setting", "port=80"], "--voice-setting port=80: write it as SETTING=VALUE, such as silence_ms=400"),
        (["--voice-setting", "silence_ms=1"], "the command line: silence_ms: must be a whole number between 100"),
        (["-o", "voicecli_settings=speculation=soon"], "voicecli_settings: speculation: must be "),
        (["--voice-setting", "speculation=false", "--voice-url", "ws://x"], "speculation is a setting of the server"),
        (["--voice-virtual", "--voice-url", "ws://x"], "--voice-url does not go with --voice-virtual"),
    ],
)
def test_options_that_cannot_be_are_a_matter_of_usage(
    arguments: list[str], said: str, project: pytest.Pytester
) -> None:
    result = run(project, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in "\n".join(result.errlines)


def test_options_are_for_replays_that_say_nothing_else(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(voice):
            call = voice.replay("question-weather")
            assert call.turns[0].reply == "Yes."
            assert len(call.calls) == 20
            assert len(voice.replay("silence", repeat=1).calls) == 1
        """
    )
    arguments = ("--voice-virtual", "--voice-repeat", "20", "--voice-engine", "llm=scripted(text='Yes.')")
    run(project, *arguments).assert_outcomes(passed=1)
    run(project, *arguments, "--no-voice-virtual", "--voice-virtual").assert_outcomes(passed=1)


def test_turn_taking_is_set_by_arguments_markers_options_and_the_configuration(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        def waited(voice, **said):
            turn, = voice.replay("question-weather", virtual=True, **said).turns
            return round(turn.latencies_ms["endpointing_delay"], -2)

        def test_plain(voice):
            assert waited(voice) == 400

        @pytest.mark.voice(endpointing="fixed", speculation=False)
        def test_said(voice):
            assert waited(voice) == 600
            assert waited(voice, silence_ms=900) == 900

        def test_given(voice):
            assert waited(voice) == 500
        """
    )
    run(project, "-k", "plain or said").assert_outcomes(passed=2)
    given = ("-o", "voicecli_settings=silence_ms=1000 endpointing=fixed", "--voice-setting", "silence_ms=500")
    run(project, "-k", "given", *given).assert_outcomes(passed=1)


def test_a_marker_that_cannot_be_is_a_sentence(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.voice(virtual=True, speed=2)
        def test_setting(voice):
            pass

        @pytest.mark.voice_budget("fast")
        def test_budget(voice):
            pass

        @pytest.mark.voice_budget("voice_to_voice max < 1s")
        def test_without_the_fixture():
            pass
        """
    )
    result = run(project)
    result.assert_outcomes(errors=2, failed=1)
    shown = told(result)
    assert "@pytest.mark.voice: there is no speed; use url, virtual" in shown
    assert '@pytest.mark.voice_budget: "fast": no budget; write it as' in shown
    assert "@pytest.mark.voice_budget is for tests with the fixture voice" in shown


@pytest.mark.parametrize(
    ("expect", "check"), [(False, "voice_to_voice max < 9000ms"), (True, "voice_to_voice of each turn")]
)
@pytest.mark.parametrize(("said", "outcome"), [("fail", "failed"), ("skip", "skipped")])
def test_what_this_machine_was_too_busy_to_measure_fails_or_is_skipped_as_asked(
    said: str, outcome: str, expect: bool, check: str, project: pytest.Pytester
) -> None:
    project.makepyfile(
        """
        import pytest
        from voicecli.calls.pacing import PacingReport
        from voicecli.testing import voice as placed

        def late(self, fixture, recording, settings):
            call = placed.CallSettings()
            taken = placed._virtual_take(fixture, recording, call, settings.own)
            from msgspec import structs
            return [taken._replace(document=structs.replace(taken.document, reliable=False))], 2

        @pytest.mark.voice_budget("voice_to_voice max < 9s")
        def test_it(voice, monkeypatch):
            monkeypatch.setattr(placed.Voice, "_placed", late)
            voice.replay("question-weather", expect=EXPECT)
        """.replace("EXPECT", str(expect))
    )
    result = run(project, "--voice-unreliable", said, "-rs")
    result.assert_outcomes(**{outcome: 1})
    assert f"UNRELIABLE: {check}: 1 call said nothing about the agent" in told(result)
    assert "1 unreliable, 2 placed again" in told(result)


def test_a_run_without_replays_loads_nothing_of_it_and_shows_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import json, sys

        def test_it():
            with open("modules.json", "w") as file:
                json.dump(sorted(sys.modules), file)
        """
    )
    result = run(project)
    loaded = json.loads((project.path / "modules.json").read_text())
    assert [name for name in loaded if name.startswith(("voicecli", "voiceserver", "voicewire", "voiceaudio"))] == [
        "voicecli",
        "voicecli.pytest_plugin",
    ]
    assert {"asyncio", "msgspec", "numpy", "rich", "av"}.isdisjoint(loaded)
    assert "= voice =" not in told(result)


@pytest.mark.parametrize("arguments", [[], ["-p", "voicecli.pytest_plugin"]])
def test_it_is_loaded_by_its_entry_point_once(
    arguments: list[str], project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = project.mkdir("site") / "probe-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: probe\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest11]\nvoicecli.pytest_plugin = voicecli.pytest_plugin\n")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.setenv("PYTHONPATH", f"{info.parent}{os.pathsep}{os.environ['PYTHONPATH']}")
    project.makepyfile(VIRTUAL)
    result = project.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=1)
    assert "question-weather  virtual time" in told(result)
