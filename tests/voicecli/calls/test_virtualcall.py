from pathlib import Path

import pytest
from msgspec.structs import replace

from voicecli.calls.call import CallSettings
from voicecli.calls.take import Take
from voicecli.calls.virtualcall import VirtualServer
from voicecli.exits import CliError, ExitCode
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.microphone import record
from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.tts import ScriptedTts

FIXTURES = Path(__file__).parents[3] / "fixtures"


def called(name: str, **flags: object) -> Take:
    fixture = fixtures.load(FIXTURES / name)
    return VirtualServer(flags, {}).take(fixture, record(fixture), CallSettings())


def test_each_stage_takes_what_its_engine_declares_and_nothing_else_takes_any() -> None:
    (turn,) = called("numbers", llm="scripted(ttft=70ms)", endpointing="fixed", speculation="false").turns
    # The server's instants are rounded to the microsecond on the wire.
    parts = {part.part: round(part.ms, 2) for part in turn.document.parts if part.part not in ("speech_end", "lead_in")}
    assert parts == {
        "endpointing": 600.0,
        "stt": 0.0,  # the silence is longer
        "handover": 0.0,
        "llm": 70.0,
        "clause": 0.0,
        "tts": 100.0,
        "sending": 0.0,
        "network": 0.0,
        "buffer": 0.0,
        "unattributed": 0.0,
    }


def test_a_server_hears_each_fixture_afresh() -> None:
    server = VirtualServer({"vad": "energy"}, {})
    fixture = fixtures.load(FIXTURES / "barge-in")
    recording = record(fixture)
    first, second = (server.take(fixture, recording, CallSettings()) for _ in range(2))
    assert [turn.document.transcript_final for turn in first.turns] == [
        "please tell me a long story",
        "what time is it",
    ]
    assert first.document == second.document


def test_one_that_learns_from_its_callers_knows_what_those_before_have_said() -> None:
    fixture = fixtures.load(FIXTURES / "turntaking/noises/door")
    for learns, is_sooner in ((True, True), (False, False)):
        server = VirtualServer({}, {"VOICECLI_ANTICIPATE_AFTER": "1"}, learns=learns)
        first, second = (
            server.take(fixture, record(fixture), CallSettings()).turns[0].document.latencies.voice_to_voice_ms
            for _ in range(2)
        )
        assert isinstance(first, float)
        assert isinstance(second, float)
        assert (second < first) == is_sooner


def test_words_and_times_that_are_given_are_kept_and_others_are_not_told_of_as_settings() -> None:
    given = called("numbers", stt="scripted(text='one two')", llm="scripted(now='2026-01-05T22:00')")
    assert given.turns[0].document.transcript_final == "one two"
    assert given.ready.engines.stt.settings["text"] == "one two"
    assert given.ready.engines.llm.settings["now"] == "2026-01-05T22:00"
    assert "text" not in called("silence").ready.engines.stt.settings


def test_a_recogniser_hears_the_words_of_each_segment_wherever_the_vad_splits_them() -> None:
    shown = []

    def watch(data: str | bytes, now_ns: int) -> None:
        if isinstance(data, str) and '"transcript_' in data:
            shown.append(data)

    fixture = fixtures.load(FIXTURES / "turntaking/pauses/pause-number")
    server = VirtualServer({"silence_ms": 900, "stt": "scripted(final=250ms)"}, {})
    (turn,) = server.take(fixture, record(fixture), CallSettings(), watch).document.turns
    assert turn.transcript_final == "my number is four one five two six three"
    assert [text for text in shown if '"my number is four one five"' in text]
    hasty = VirtualServer({"silence_ms": 300, "endpointing": "fixed", "resume_ms": 0}, {})
    cut = hasty.take(fixture, record(fixture), CallSettings())
    assert [turn.document.transcript_final for turn in cut.turns] == ["my number is four one five", "two six three"]


def test_a_recogniser_hears_no_words_in_a_noise_and_those_of_an_echo() -> None:
    partials = []
    for name in ("noises/throat", "echoes/echo-name"):
        fixture = fixtures.load(FIXTURES / "turntaking" / name)
        VirtualServer({}, {}).take(
            fixture, record(fixture), CallSettings(), lambda data, now_ns: partials.append(str(data))
        )
    over_replies = [text for text in partials if '"transcript_partial","turn_id":2' in text]
    assert [text for text in over_replies if '"i am a small set of rules that learned to speak"' in text]
    assert not [text for text in over_replies if "you" in text]


@pytest.mark.parametrize(
    ("flags", "env", "told"),
    [
        ({"stt": "pocketsphinx"}, {}, "--stt pocketsphinx works in real time"),
        ({}, {"VOICECLI_TTS": "espeak"}, "--tts espeak works in real time"),
        ({"llm": "openai(model=x)"}, {}, r"choose --llm scripted, whose delays are settings, such as 'scripted\(ttft="),
        ({"vad": "nobody"}, {}, "there is no engine nobody"),
        (
            {},
            {"VOICECLI_END_OF_TURN": "smart-turn"},
            r"--end-of-turn smart-turn works in real time.* such as 'scripted\(probability=0.9",
        ),
        ({"tts": "scripted(rate=1)"}, {}, "rate must be"),
        ({"end_of_turn": "scripted(probability=2)"}, {}, "--end-of-turn scripted: probability must be"),
        ({}, {"VOICECLI_CONFIG": "none.toml"}, "VOICECLI_CONFIG: none.toml: No such file"),
        ({"pipeline": "sideways"}, {}, "--pipeline"),
    ],
)
def test_what_cannot_run_on_a_virtual_clock_is_refused(
    flags: dict[str, object], env: dict[str, str], told: str
) -> None:
    with pytest.raises(CliError, match=told) as caught:
        VirtualServer(flags, env)
    assert caught.value.exit_code is ExitCode.USAGE


def test_the_file_that_the_environment_names_is_heard_but_where_flags_alone_are(tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("silence_ms = 900\ntts = 'scripted(ttfb=200ms)'")
    env = {"VOICECLI_CONFIG": str(config)}
    heard, unheard = VirtualServer({}, env), VirtualServer({}, env, flags_alone=("tts",))
    assert [server.told.silence_ms for server in (heard, unheard)] == [900, 900]
    assert [server.engines.tts.settings["ttfb"] for server in (heard, unheard)] == [200, 100]


def test_an_engine_of_a_role_that_may_be_left_out_is_told_to_no_client() -> None:
    fixture = fixtures.load(FIXTURES / "silence")
    plain, judged = (
        VirtualServer({"end_of_turn": judge}, {}).take(fixture, record(fixture), CallSettings())
        for judge in (None, "scripted(probability=0.9|0.2, delay=30ms)")
    )
    assert judged.ready.engines == plain.ready.engines
    assert judged.document.failures == ()


def test_an_engine_that_does_not_start_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(self: ScriptedTts) -> None:
        raise EngineError("no voice today")

    monkeypatch.setattr(ScriptedTts, "start", start)
    with pytest.raises(CliError, match="no voice today") as caught:
        called("silence")
    assert caught.value.exit_code is ExitCode.SERVER_FAILED


def test_a_token_in_the_environment_is_for_other_clients() -> None:
    fixture = fixtures.load(FIXTURES / "silence")
    take = VirtualServer({}, {"VOICECLI_TOKEN": "one", "VOICECLI_TLS": "self-signed"}).take(
        fixture, record(fixture), CallSettings()
    )
    assert take.document.failures == ()


def test_a_caller_whose_words_nobody_wrote_is_refused_where_they_are_what_is_heard() -> None:
    fixture = fixtures.load(FIXTURES / "numbers")
    drafted = replace(fixture, utterances=tuple(replace(each, text=" ") for each in fixture.utterances))
    told = rf"{fixture.folder}/fixture.toml: utterance 1 has no text, which is what a scripted recogniser hears; write"
    with pytest.raises(CliError, match=told) as refused:
        VirtualServer({}, {}).take(drafted, record(drafted), CallSettings())
    assert refused.value.exit_code is ExitCode.USAGE
    VirtualServer({"stt": "scripted(text='one two')"}, {}).check(drafted)
    VirtualServer({}, {}).check(fixtures.load(FIXTURES / "silence"))


def test_what_the_server_sends_can_be_watched() -> None:
    fixture = fixtures.load(FIXTURES / "silence")
    seen: list[tuple[str | bytes, int]] = []
    VirtualServer({}, {}).take(
        fixture, record(fixture), CallSettings(), lambda data, now_ns: seen.append((data, now_ns))
    )
    assert '"session_ready"' in str(seen[0][0])
    assert {now_ns % (20 * 10**6) for _, now_ns in seen} == {0}  # answers to what comes each 20 ms
