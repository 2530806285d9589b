"""Settings: where they come from, who wins, and what is said of a wrong one."""

import pytest

from voiceserver.engines.registry import Role
from voiceserver.engines.spec import EngineSpec, SpecError
from voiceserver.settings import (
    AuthMode,
    LogFormat,
    LogLevel,
    Pipeline,
    ServerSettings,
    SettingsError,
    TlsMode,
    flag,
    load,
    misspelt,
    value,
)
from voicewire.messages import Endpointing

ANOTHER = {
    "host": "0.0.0.0",
    "port": "9000",
    "vad": "energy",
    "stt": "scripted",
    "llm": "openai",
    "tts": "scripted(ttfb=100ms)",
    "end_of_turn": "smart-turn(threads=2)",
    "llm_url": "http://localhost:1234/v1",
    "llm_model": "small",
    "pipeline": "sequential",
    "silence_ms": "700",
    "endpointing": "fixed",
    "resume_ms": "500",
    "speculation": "false",
    "speculation_tries": "2",
    "speculation_waste": "100",
    "anticipate": "what can you do | tell me a story, please|",
    "anticipate_after": "3",
    "hangover_ms": "250",
    "commit_timeout_ms": "900",
    "barge_in": "false",
    "barge_in_ms": "300",
    "barge_in_sure_ms": "900",
    "lead_ms": "100",
    "auth": "jwt",
    "insecure_no_auth": "true",
    "token": "first, second",
    "jwt_secret": "hush",
    "jwt_public_key": "key.pem",
    "jwt_audience": "voice",
    "allow_origin": "https://a.example.com https://b.example.com",
    "trust_proxy": "true",
    "tls": "self-signed",
    "tls_cert": "cert.pem",
    "tls_key": "key.pem",
    "sessions": "2",
    "sessions_per_address": "1",
    "session_length_ms": "60000",
    "max_message_bytes": "65536",
    "idle_timeout_ms": "5000",
    "llm_timeout_ms": "3000",
    "tts_timeout_ms": "2000",
    "log_level": "debug",
    "log_format": "json",
}
"""A value other than the default for every field, as text."""

ANOTHER_TOML = """
host = "0.0.0.0"
port = 9000
vad = "energy"
stt = "scripted"
llm = "openai"
tts = { engine = "scripted", ttfb = "100ms" }
end_of_turn = { engine = "smart-turn", threads = 2 }
llm_url = "http://localhost:1234/v1"
llm_model = "small"
pipeline = "sequential"
silence_ms = 700
endpointing = "fixed"
resume_ms = 500
speculation = false
speculation_tries = 2
speculation_waste = 100
anticipate = ["what can you do", "tell me a story, please"]
anticipate_after = 3
hangover_ms = 250
commit_timeout_ms = 900
barge_in = false
barge_in_ms = 300
barge_in_sure_ms = 900
lead_ms = 100
auth = "jwt"
insecure_no_auth = true
token = ["first", "second"]
jwt_secret = "hush"
jwt_public_key = "key.pem"
jwt_audience = "voice"
allow_origin = ["https://a.example.com", "https://b.example.com"]
trust_proxy = true
tls = "self-signed"
tls_cert = "cert.pem"
tls_key = "key.pem"
sessions = 2
sessions_per_address = 1
session_length_ms = 60000
max_message_bytes = 65536
idle_timeout_ms = 5000
llm_timeout_ms = 3000
tts_timeout_ms = 2000
log_level = "debug"
log_format = "json"
"""

PARSED = ServerSettings(
    host="0.0.0.0",
    port=9000,
    vad=EngineSpec("energy"),
    stt=EngineSpec("scripted"),
    llm=EngineSpec("openai"),
    tts=EngineSpec("scripted", {"ttfb": "100ms"}),
    end_of_turn=EngineSpec("smart-turn", {"threads": 2}),
    llm_url="http://localhost:1234/v1",
    llm_model="small",
    pipeline=Pipeline.SEQUENTIAL,
    silence_ms=700,
    endpointing=Endpointing.FIXED,
    resume_ms=500,
    speculation=False,
    speculation_tries=2,
    speculation_waste=100,
    anticipate=("what can you do", "tell me a story, please"),
    anticipate_after=3,
    hangover_ms=250,
    commit_timeout_ms=900,
    barge_in=False,
    barge_in_ms=300,
    barge_in_sure_ms=900,
    lead_ms=100,
    auth=AuthMode.JWT,
    insecure_no_auth=True,
    token=("first", "second"),
    jwt_secret="hush",
    jwt_public_key="key.pem",
    jwt_audience="voice",
    allow_origin=("https://a.example.com", "https://b.example.com"),
    trust_proxy=True,
    tls=TlsMode.SELF_SIGNED,
    tls_cert="cert.pem",
    tls_key="key.pem",
    sessions=2,
    sessions_per_address=1,
    session_length_ms=60_000,
    max_message_bytes=65_536,
    idle_timeout_ms=5000,
    llm_timeout_ms=3000,
    tts_timeout_ms=2000,
    log_level=LogLevel.DEBUG,
    log_format=LogFormat.JSON,
)


def in_env(values: dict[str, str]) -> dict[str, str]:
    return {f"VOICECLI_{field.upper()}": value for field, value in values.items()}


def test_without_any_source_the_defaults_hold() -> None:
    assert load({}, {}) == ServerSettings()


def test_every_field_can_be_given_by_every_source() -> None:
    assert set(ANOTHER) == set(ServerSettings.__struct_fields__)
    assert load(ANOTHER, {}) == PARSED
    assert load({}, in_env(ANOTHER)) == PARSED
    assert load({}, {}, ANOTHER_TOML) == PARSED


def test_a_flag_wins_over_the_environment_and_that_over_toml() -> None:
    assert load({"port": "1"}, {"VOICECLI_PORT": "2"}, "port = 3").port == 1
    assert load({"port": None}, {"VOICECLI_PORT": "2"}, "port = 3").port == 2
    assert load({}, {}, "port = 3").port == 3


def test_false_and_zero_are_values_and_not_absences() -> None:
    settings = load(
        {"barge_in": False, "commit_timeout_ms": "0"}, {"VOICECLI_BARGE_IN": "true", "VOICECLI_COMMIT_TIMEOUT_MS": "9"}
    )
    assert (settings.barge_in, settings.commit_timeout_ms) == (False, 0)


def test_an_empty_environment_variable_is_one_that_is_not_set() -> None:
    assert load({}, {"VOICECLI_PORT": ""}) == ServerSettings()


def test_other_variables_of_the_environment_are_ignored() -> None:
    assert load({}, {"PORT": "1", "VOICECLI_DEBUG": "1", "HOME": "/"}) == ServerSettings()


def test_only_a_role_that_may_be_left_out_is_left_out_by_none() -> None:
    assert load({"end_of_turn": "none"}, {"VOICECLI_END_OF_TURN": "smart-turn"}).end_of_turn is None
    assert load({"tts": "none"}, {}).tts == EngineSpec("none")


def test_the_engines_are_those_of_the_roles_that_are_filled() -> None:
    default = ServerSettings()
    assert list(default.engines()) == [Role.VAD, Role.STT, Role.LLM, Role.TTS]
    assert default.engines()[Role.TTS] == EngineSpec("espeak")
    with pytest.raises(SpecError, match=r"^--end-of-turn: no engine is chosen$"):
        default.engine(Role.END_OF_TURN)
    judged = load({}, {"VOICECLI_END_OF_TURN": "smart-turn(threads=2)"})
    assert list(judged.engines()) == list(Role)
    assert judged.engines()[Role.END_OF_TURN] == EngineSpec("smart-turn", {"threads": 2})


def test_an_engine_in_toml_is_a_string_or_a_table() -> None:
    expected = EngineSpec("espeak", {"rate": 165})
    assert load({}, {}, "tts = 'espeak(rate=165)'").tts == expected
    assert load({}, {}, "[tts]\nengine = 'espeak'\nrate = 165").tts == expected


def test_the_address_and_the_model_become_settings_of_the_llm_alone() -> None:
    settings = load({"llm": "openai(temperature=0.5,model=large)", "llm_url": "http://x", "llm_model": "small"}, {})
    assert settings.engine(Role.LLM) == EngineSpec("openai", {"temperature": 0.5, "model": "small", "url": "http://x"})
    assert settings.engine(Role.TTS) == EngineSpec("espeak")


@pytest.mark.parametrize("port", [0, 65_535])
def test_a_port_at_the_edge_of_its_range_is_taken(port: int) -> None:
    assert load({"port": str(port)}, {}).port == port


@pytest.mark.parametrize(
    ("flags", "env", "toml", "sentence"),
    [
        ({}, {"VOICECLI_PORT": "65536"}, "", "VOICECLI_PORT: must be a whole number between 0 and 65535, got 65536"),
        ({"port": "-1"}, {}, "", "--port: must be a whole number between 0 and 65535, got -1"),
        ({"lead_ms": "half"}, {}, "", "--lead-ms: must be a whole number between 100 and 5000, got half"),
        ({"anticipate": ["go on|, "]}, {}, "", "--anticipate: ',' has no words; name what callers say"),
        ({}, {}, "anticipate = ['...']", "serve.toml: anticipate: '...' has no words; name what callers say"),
        ({"host": ""}, {}, "", "--host: must be text that is not empty, got ''"),
        ({}, {"VOICECLI_BARGE_IN": "perhaps"}, "", "VOICECLI_BARGE_IN: must be true or false, got perhaps"),
        ({"pipeline": "seq"}, {}, "", "--pipeline: must be one of overlapped, sequential, got seq"),
        ({"tts": "espeak(rate"}, {}, "", "--tts: 'espeak(rate', character 12: expected = and a value after rate"),
        ({}, {}, "port = '80'", "serve.toml: port: must be a whole number between 0 and 65535, got '80'"),
        ({}, {}, "barge_in = 1", "serve.toml: barge_in: must be true or false, got 1"),
        ({}, {}, "stt = 5", "serve.toml: stt: must be the name of an engine, got 5"),
        (
            {},
            {},
            "[stt]\nrate = 5",
            "serve.toml: stt: a table of engine settings needs the engine's name: engine = 'espeak'",
        ),
        ({}, {}, "prot = 80", "serve.toml: unknown key `prot`, did you mean `port`?"),
        ({"auth": "basic"}, {}, "", "--auth: must be one of token, jwt, none, got basic"),
        ({}, {}, "token = [1]", "serve.toml: token: must be text, or a list of texts"),
        (
            {},
            {"VOICECLI_ALLOW_ORIGIN": "app.example.com"},
            "",
            "VOICECLI_ALLOW_ORIGIN: must be an origin such as https://app.example.com, or * for any, "
            "got 'app.example.com'",
        ),
        ({}, {}, "allow_origin = 5", "serve.toml: allow_origin: must be text, or a list of texts"),
        ({}, {}, "jwt_secret = 31337", "serve.toml: jwt_secret: must be text"),
        ({}, {}, "zzz = 80", "serve.toml: unknown key `zzz`"),
        ({}, {}, "port 80", "serve.toml: Expected '=' after a key in a key/value pair (at line 1, column 6)"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_it_was_given_under(
    flags: dict[str, str], env: dict[str, str], toml: str, sentence: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(flags, env, toml, toml_name="serve.toml")
    assert str(refused.value) == sentence


def test_a_wrong_value_is_refused_also_where_it_is_overridden() -> None:
    with pytest.raises(SettingsError, match="VOICECLI_PORT"):
        load({"port": "80"}, {"VOICECLI_PORT": "x"})


@pytest.mark.parametrize(
    ("flags", "env", "toml", "told"),
    [
        (
            {"barge_in_sure_ms": "100"},
            {},
            "",
            "--barge-in-sure-ms: must be 200 or more, got 100, because barge_in_ms is by default 200, and shorter"
            " speech never cancels a reply; raise this one, or lower that one",
        ),
        (
            {"barge_in_ms": "900"},
            {"VOICECLI_BARGE_IN_SURE_MS": "800"},
            "",
            "VOICECLI_BARGE_IN_SURE_MS: must be 900 or more, got 800, because --barge-in-ms is 900, and",
        ),
        (
            {},
            {"VOICECLI_BARGE_IN_MS": "400"},
            "barge_in_sure_ms = 399",
            "serve.toml: barge_in_sure_ms: must be 400 or more, got 399, because VOICECLI_BARGE_IN_MS is 400, and",
        ),
    ],
)
def test_speech_too_short_to_interrupt_cannot_be_long_enough_without_words(
    flags: dict[str, object], env: dict[str, str], toml: str, told: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(flags, env, toml, toml_name="serve.toml")
    assert str(refused.value).startswith(told)


def test_more_patience_with_an_interruption_is_more_with_one_that_is_not_understood() -> None:
    settings = load({"barge_in_ms": "900"}, {})
    assert (settings.barge_in_ms, settings.barge_in_sure_ms) == (900, 900)
    assert load({"barge_in_ms": "300", "barge_in_sure_ms": "300"}, {}).barge_in_sure_ms == 300
    assert load({"barge_in_ms": "100", "barge_in_sure_ms": "150"}, {}).barge_in_sure_ms == 150


def test_a_setting_by_itself_is_read_from_text() -> None:
    assert value("barge_in_sure_ms", "100", "this") == 100
    with pytest.raises(SettingsError, match=r"^this: must be true or false, got maybe$"):
        value("speculation", "maybe", "this")


def test_a_flag_is_spelled_with_dashes() -> None:
    assert flag("commit_timeout_ms") == "--commit-timeout-ms"


def test_a_flag_that_can_be_repeated_is_a_list() -> None:
    assert load({"token": ["one", "two,three"]}, {"VOICECLI_TOKEN": "four"}).token == ("one", "two", "three")
    assert load({"token": []}, {"VOICECLI_TOKEN": "four five"}).token == ("four", "five")
    assert load({}, {}, "token = 'six, seven'").token == ("six, seven",)


@pytest.mark.parametrize(
    ("flags", "env", "toml", "called"),
    [
        ({"token": [""]}, {}, "", "--token"),
        ({"token": [" , "]}, {}, "", "--token"),
        ({}, {"VOICECLI_TOKEN": ""}, "", "VOICECLI_TOKEN"),
        ({}, {}, 'token = ""', "serve.toml: token"),
        ({}, {}, "token = []", "serve.toml: token"),
        ({}, {"VOICECLI_JWT_SECRET": ""}, "", "VOICECLI_JWT_SECRET"),
        ({"jwt_public_key": ""}, {}, "", "--jwt-public-key"),
    ],
)
def test_an_empty_credential_lets_nobody_in_by_mistake(
    flags: dict[str, object], env: dict[str, str], toml: str, called: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(flags, env, toml, toml_name="serve.toml")
    assert str(refused.value) == (
        f"{called}: is empty, which would let everybody use the server; give what it should be, leave it out, or say"
        " --auth none"
    )
    assert load({**flags, "auth": "none"}, env, toml).token == ()
    assert load({**flags, "jwt_secret": "x" * 32}, {"VOICECLI_TOKEN": ""}, toml).jwt_secret == "x" * 32


def test_a_variable_that_is_nobodys_is_told_with_the_one_that_was_meant() -> None:
    nobodys = ("VOICECLI_SILENCEMS", "VOICECLI_SILENCE_MSS", "VOICECLI_TOKENS", "VOICECLI_BARGE_IN_SURE")
    others = (
        "VOICECLI_TTS_URL",
        "VOICECLI_STT_KEY",
        "VOICE_CLI_TOKEN",
        "VOICECLI_CONFIG",
        "VOICECLI_DEBUG",
        "VOICECLI_SMART_TURN_MODEL",
        "SILENCE_MS",
        "HOME",
        "VOICECLI_TOKEN",
    )
    assert list(misspelt(dict.fromkeys((*nobodys, *others), "1"))) == [
        ("VOICECLI_BARGE_IN_SURE", "VOICECLI_BARGE_IN_SURE_MS"),
        ("VOICECLI_SILENCEMS", "VOICECLI_SILENCE_MS"),
        ("VOICECLI_SILENCE_MSS", "VOICECLI_SILENCE_MS"),
        ("VOICECLI_TOKENS", "VOICECLI_TOKEN"),
    ]


def test_stages_that_wait_for_each_other_begin_no_answer_early() -> None:
    assert ServerSettings().speculates
    assert not ServerSettings(pipeline=Pipeline.SEQUENTIAL).speculates
    assert not ServerSettings(speculation=False).speculates
