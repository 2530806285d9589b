"""What a server can be told, and by whom: a flag wins over the environment, that over the TOML file, that over the
default."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from voiceserver.engines.registry import PIPELINE, Role
from voiceserver.engines.spec import EngineSpec, SpecError, explain
from voiceserver.origins import OriginPolicy
from voiceserver.words import words_of
from voicewire.messages import Endpointing

ENV_PREFIX = "VOICECLI_"
CONFIG_ENV = f"{ENV_PREFIX}CONFIG"
"""Names the TOML file, where no flag does."""

NO_ENGINE = "none"
"""The name to leave a role out by, where that is possible."""


class SettingsError(ValueError):
    """A setting is wrong: one sentence that names it as it was given, such as `VOICECLI_PORT` or `--port`."""


class Pipeline(StrEnum):
    OVERLAPPED = "overlapped"
    """No stage waits for the one before it to finish."""
    SEQUENTIAL = "sequential"
    """Each stage waits for the whole of the one before it: the baseline that overlap is measured against."""


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class AuthMode(StrEnum):
    TOKEN = "token"
    """Who shows one of `token` may use the server."""
    JWT = "jwt"
    """Who shows a JSON Web Token that the app has signed may use it."""
    NONE = "none"
    """Everybody who can reach it may use it."""


class TlsMode(StrEnum):
    OFF = "off"
    SELF_SIGNED = "self-signed"
    """A certificate of its own making, which a browser asks its user about once."""


def _about(description: str, **limits: Any) -> Meta:
    return Meta(description=description, **limits)


_SECRET: dict[str, Any] = {"extra": {"secret": True}}
"""A value that no error shows."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is also a flag (`--lead-ms`), an environment variable (`VOICECLI_LEAD_MS`) and a TOML key."""

    host: Annotated[str, _about("Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, _about("Port to listen on; 0 takes any that is free.", ge=0, le=65_535)] = 8080

    vad: Annotated[str | EngineSpec, _about("Engine that hears where speech begins and ends.")] = "silero"
    stt: Annotated[str | EngineSpec, _about("Engine that transcribes.")] = "pocketsphinx"
    llm: Annotated[str | EngineSpec, _about("Engine that answers.")] = "scripted"
    tts: Annotated[str | EngineSpec, _about("Engine that speaks.")] = "espeak"
    end_of_turn: Annotated[
        str | EngineSpec | None, _about("Engine that hears at each pause whether the user has finished, or none.")
    ] = None
    llm_url: Annotated[str | None, _about("Setting `url` of the LLM engine: where its API is.")] = None
    llm_model: Annotated[str | None, _about("Setting `model` of the LLM engine.")] = None
    pipeline: Annotated[Pipeline, _about("Whether the stages overlap, or wait for each other.")] = Pipeline.OVERLAPPED

    silence_ms: Annotated[int, _about("Silence that ends the user's turn.", ge=100, le=10_000)] = 600
    endpointing: Annotated[
        Endpointing,
        _about("Whether that silence is shorter after what sounds complete, and longer after what does not."),
    ] = Endpointing.ADAPTIVE
    resume_ms: Annotated[
        int,
        _about(
            "Who goes on so shortly after the turn ended had not finished; 0 never takes a turn back.", ge=0, le=5_000
        ),
    ] = 1_000
    speculation: Annotated[bool, _about("Whether answers are begun before the turn has ended, and held back.")] = True
    speculation_tries: Annotated[int, _about("Answers begun early for one turn, at most.", ge=1, le=100)] = 6
    speculation_waste: Annotated[
        int,
        _about(
            "A session that has wasted so many tokens, read and written, begins no answers early.", ge=0, le=10_000_000
        ),
    ] = 100_000
    anticipate: Annotated[
        tuple[str, ...],
        _about("What callers are likely to say, with | between: it is answered before they have said all of it."),
    ] = ()
    anticipate_after: Annotated[
        int, _about("What so many callers have said is likely, too; 0, the default, learns nothing.", ge=0, le=1_000)
    ] = 0
    hangover_ms: Annotated[int, _about("Silence after which the transcript is made final.", ge=20, le=2_000)] = 200
    commit_timeout_ms: Annotated[
        int, _about("How long after the silence a turn waits for its transcript.", ge=0, le=30_000)
    ] = 1_500
    barge_in: Annotated[bool, _about("Whether speech over a reply cancels it.")] = True
    barge_in_ms: Annotated[int, _about("Shorter speech over a reply does not cancel it.", ge=0, le=5_000)] = 200
    barge_in_sure_ms: Annotated[
        int,
        _about(
            "Speech over a reply that lasts so long cancels it though no word was understood; --barge-in-ms at least.",
            ge=0,
            le=10_000,
        ),
    ] = 700
    lead_ms: Annotated[int, _about("How far ahead of the playhead a reply is sent.", ge=100, le=5_000)] = 500

    auth: Annotated[
        AuthMode | None,
        _about("Who may use the server; without it, what the other settings ask for, or none on loopback."),
    ] = None
    insecure_no_auth: Annotated[bool, _about("Let --auth none be, also where other machines reach the server.")] = False
    token: Annotated[
        tuple[str, ...], _about("A token that is accepted; better given by the environment.", **_SECRET)
    ] = ()
    jwt_secret: Annotated[
        str | None, _about("Secret that tokens are signed with (HS256); better given by the environment.", **_SECRET)
    ] = None
    jwt_public_key: Annotated[str | None, _about("PEM file of the key that tokens are signed for (RS256, ES256).")] = (
        None
    )
    jwt_audience: Annotated[str | None, _about("Audience (`aud`) that tokens must be for.")] = None
    allow_origin: Annotated[
        tuple[str, ...], _about("Origin whose pages may use the server beside its own; * is any page of anybody.")
    ] = ()
    trust_proxy: Annotated[bool, _about("Believe the X-Forwarded-... headers of the proxy in front.")] = False
    tls: Annotated[TlsMode | None, _about("Serve HTTPS with a certificate of its own making.")] = None
    tls_cert: Annotated[str | None, _about("PEM file of the certificate, with its chain, to serve HTTPS with.")] = None
    tls_key: Annotated[str | None, _about("PEM file of the certificate's key.")] = None

    sessions: Annotated[int, _about("Sessions at once.", ge=1, le=10_000)] = 50
    sessions_per_address: Annotated[
        int, _about("Sessions at once from one address; 0 is any number.", ge=0, le=10_000)
    ] = 0
    session_length_ms: Annotated[
        int, _about("A session that has lasted so long is closed.", ge=1_000, le=86_400_000)
    ] = 3_600_000
    max_message_bytes: Annotated[int, _about("Largest WebSocket message that is taken.", ge=16_384, le=16_777_216)] = (
        262_144
    )
    idle_timeout_ms: Annotated[
        int,
        _about("A session whose user neither speaks nor types for so long is closed.", ge=1_000, le=86_400_000),
    ] = 300_000
    llm_timeout_ms: Annotated[int, _about("How long the LLM may be silent.", ge=100, le=600_000)] = 20_000
    tts_timeout_ms: Annotated[int, _about("How long the TTS may be silent.", ge=100, le=600_000)] = 10_000

    log_level: Annotated[LogLevel, _about("What is logged: this, and what is graver.")] = LogLevel.INFO
    log_format: Annotated[LogFormat, _about("How it is logged.")] = LogFormat.TEXT

    @property
    def speculates(self) -> bool:
        """Whether answers are begun early: stages that wait for each other begin nothing."""
        return self.speculation and self.pipeline is Pipeline.OVERLAPPED

    @property
    def fixed_silence_ms(self) -> int | None:
        """The silence that ends every turn, unless a client asks for another; None where it depends on the words."""
        return self.silence_ms if self.endpointing is Endpointing.FIXED else None

    def engine(self, role: Role) -> EngineSpec:
        """The engine asked for, with every setting of it. Raises SpecError, also where none is."""
        if (source := getattr(self, role.value)) is None:
            raise SpecError(f"{role.flag}: no engine is chosen")
        spec = EngineSpec.of(source)
        if role is not Role.LLM:
            return spec
        given = {"url": self.llm_url, "model": self.llm_model}
        return EngineSpec(spec.name, {**spec.settings, **{key: value for key, value in given.items() if value}})

    def engines(self) -> dict[Role, EngineSpec]:
        """Every engine asked for: one of each role, but for those that may be left out. Raises SpecError."""
        return {role: self.engine(role) for role in Role if getattr(self, role.value) is not None}


_SURE, _LEAST = "barge_in_sure_ms", "barge_in_ms"


class _Given(NamedTuple):
    """A value as somebody gave it."""

    field: str
    value: object
    called: str
    """How they called it, for errors."""
    is_text: bool
    """Written without a type, as the environment and the command line are."""

    @property
    def shown(self) -> str:
        return str(self.value) if self.is_text and self.value else repr(self.value)


_HINTS = get_type_hints(ServerSettings, include_extras=True)
_LISTS = {field for field, hint in _HINTS.items() if get_origin(hint.__origin__) is tuple}
_SECRETS = {field for field, hint in _HINTS.items() if (hint.__metadata__[0].extra or {}).get("secret")}
_CREDENTIALS = ("token", "jwt_secret", "jwt_public_key")
"""Each says that not everybody may use the server."""
_SEPARATOR = re.compile(r"[\s,]+")
NEAR = 0.85
"""How much of a name must be right. Commands have variables of their own, which are less like these."""
_SENTENCES = {"anticipate"}
"""Lists of texts that have spaces and commas of their own."""


def load(
    flags: Mapping[str, object],
    env: Mapping[str, str],
    toml: str | None = None,
    *,
    toml_name: str = "TOML",
    defaults: Mapping[str, str] | None = None,
    flags_alone: Collection[str] = (),
) -> ServerSettings:
    """Merge the sources. Every value is checked, also one that another source overrides.

    `flags` go by field name; those that are None or an empty list were not given, and neither were environment
    variables that are empty. `defaults` take the place of the fields' own; of the fields `flags_alone`
    the environment and the TOML file are not heard. Raises SettingsError.
    """
    heard = [each for each in (*_from_toml(toml or "", toml_name), *_from_env(env)) if each.field not in flags_alone]
    given = [*_from_flags(defaults or {}), *heard, *_from_flags(flags)]
    settings = ServerSettings(**{item.field: _convert(item, _HINTS[item.field]) for item in given})
    by_field = {item.field: item for item in given}
    _refuse_empty_credentials(settings, by_field, env)
    return _sure_enough(settings, by_field)


def _refuse_empty_credentials(settings: ServerSettings, given: Mapping[str, _Given], env: Mapping[str, str]) -> None:
    """Who gives one means to keep others out: where it turned out empty, nobody is let in by mistake, but only where
    that is asked for in so many words. Raises SettingsError."""
    if settings.auth is AuthMode.NONE or any(getattr(settings, field) for field in _CREDENTIALS):
        return
    for field in _CREDENTIALS:
        variable = ENV_PREFIX + field.upper()
        if field in given or variable in env:
            raise SettingsError(
                f"{given[field].called if field in given else variable}: is empty, which would let everybody use the"
                f" server; give what it should be, leave it out, or say {flag('auth')} none"
            )


def _sure_enough(settings: ServerSettings, given: Mapping[str, _Given]) -> ServerSettings:
    """Speech that is too short to cancel a reply cannot cancel it for being long. Raises SettingsError."""
    if settings.barge_in_sure_ms >= settings.barge_in_ms:
        return settings
    if _SURE not in given:  # who asked for more patience meant it of all speech
        return msgspec.structs.replace(settings, barge_in_sure_ms=settings.barge_in_ms)
    least = f"{given[_LEAST].called} is" if _LEAST in given else f"{_LEAST} is by default"
    raise SettingsError(
        f"{given[_SURE].called}: must be {settings.barge_in_ms} or more, got {settings.barge_in_sure_ms}, because"
        f" {least} {settings.barge_in_ms}, and shorter speech never cancels a reply; raise this one, or lower that one"
    )


def value(field: str, text: str, called: str) -> Any:
    """What one setting becomes of a text; `called` is its name in errors. Raises SettingsError."""
    return _convert(_Given(field, text, called, is_text=True), _HINTS[field])


def flag(field: str) -> str:
    """The command line's name for a field: `--lead-ms`."""
    return f"--{field.replace('_', '-')}"


def _from_toml(text: str, name: str) -> Iterator[_Given]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: {error}") from None
    fields = ServerSettings.__struct_fields__
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            raise SettingsError(f"{name}: unknown key `{key}`" + (f", did you mean `{near[0]}`?" if near else ""))
        yield _Given(key, value, f"{name}: {key}", is_text=False)


def _from_env(env: Mapping[str, str]) -> Iterator[_Given]:
    for field in ServerSettings.__struct_fields__:
        called = ENV_PREFIX + field.upper()
        if value := env.get(called):
            yield _Given(field, value, called, is_text=True)


def misspelt(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that are no settings, each with the one that was probably meant."""
    known = [ENV_PREFIX + field.upper() for field in ServerSettings.__struct_fields__]
    for called in sorted(env):
        near = difflib.get_close_matches(called, known, n=1, cutoff=NEAR)
        is_of_engine = called.startswith(tuple(f"{ENV_PREFIX}{role.upper()}_" for role in Role))
        if called.startswith(ENV_PREFIX) and called not in known and near and not is_of_engine:
            yield called, near[0]


def _from_flags(flags: Mapping[str, object]) -> Iterator[_Given]:
    for field, value in flags.items():
        if value is not None and value != []:
            yield _Given(field, value, flag(field), is_text=True)


def _convert(given: _Given, type_: Any) -> Any:
    if given.field in _LISTS:
        return _convert_list(given)
    if given.field in set(Role):
        if given.value == NO_ENGINE and given.field not in PIPELINE:
            return None
        if not isinstance(given.value, str | dict):
            raise SettingsError(f"{given.called}: must be the name of an engine, got {given.shown}")
        try:
            return EngineSpec.of(given.value)
        except SpecError as error:
            raise SettingsError(f"{given.called}: {error}") from None
    try:
        return msgspec.convert(given.value, type_, strict=not given.is_text)
    except msgspec.ValidationError:
        expects = next(setting.expects for setting in explain(ServerSettings) if setting.name == given.field)
        got = "" if given.field in _SECRETS else f", got {given.shown}"
        raise SettingsError(f"{given.called}: must be {expects}{got}") from None


def _parts(field: str, text: str) -> list[str]:
    return [part.strip() for part in text.split("|")] if field in _SENTENCES else _SEPARATOR.split(text)


def _convert_list(given: _Given) -> tuple[str, ...]:
    """A flag that can be repeated, a TOML array, or one text with commas or spaces between."""
    try:
        items = msgspec.convert([given.value] if isinstance(given.value, str) else given.value, list[str])
    except msgspec.ValidationError:
        raise SettingsError(f"{given.called}: must be text, or a list of texts") from None
    if given.is_text:
        items = [part for item in items for part in _parts(given.field, item)]
    values = tuple(item for item in items if item)
    if given.field == "anticipate" and (wordless := [each for each in values if not words_of(each)]):
        raise SettingsError(f"{given.called}: {wordless[0]!r} has no words; name what callers say")
    if given.field == "allow_origin":
        try:
            OriginPolicy("", values)
        except ValueError as error:
            raise SettingsError(f"{given.called}: {error}") from None
    return values
