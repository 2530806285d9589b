"""Fixtures: recorded audio of a caller, what is said in it and when, and what is expected of the answer.

A fixture is a folder with `fixture.toml`, `audio.wav` and (usually) `audio.opus`; one that is a recorded session has
its journal, `session.jsonl`, too. fixtures/README.md has the format.
"""

import hashlib
import re
import tomllib
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from voicecli.budget import LATENCIES, Asked, BudgetError, parsed
from voicewire.messages import Down

TOML_NAME = "fixture.toml"
JOURNAL_NAME = "session.jsonl"
"""Of a fixture that is a recorded session: when each message with audio was captured and sent."""
REGION_STEP_MS = 20
"""Regions start and end between two Opus packets."""
DEFAULT_MAX_WER = 0.10

_EVENTS = frozenset(str(message.__struct_config__.tag) for message in get_args(Down))


class FixtureError(Exception):
    """A fixture cannot be used; the message names the file, the field and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class AudioCodec(StrEnum):
    """In which of its two files a fixture's audio is sent."""

    WAV = "wav"
    """16 kHz mono s16."""
    OPUS = "opus"
    """Ogg Opus, mono, packets of 20 ms, sent as they are."""


class Kind(StrEnum):
    SPEECH = "speech"
    BACKCHANNEL = "backchannel"
    """A sign of listening ("mm-hm") that takes no turn."""
    SILENCE = "silence"


class When(StrEnum):
    """When the region of an utterance begins to be sent."""

    START = "start"
    AFTER_REPLY = "after_reply"
    """Once the reply has been heard to its end."""
    INTO_REPLY = "into_reply"
    """While the reply is heard, so that the first segment begins `into_reply_ms` after the reply did."""
    RECORDED = "recorded"
    """Right after the region before it, when the packets were sent as `session.jsonl` says."""


TurnDetectionValue = bool | int | float | str


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the caller asks for in `session_start`."""

    locale: str = "en-US"
    turn_detection: dict[str, TurnDetectionValue] = {}


class UtteranceExpect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    transcript: bool | None = None
    max_wer: Annotated[float, Meta(ge=0)] = DEFAULT_MAX_WER
    reply: bool | None = None
    cancels_reply: bool = False


class Utterance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stretch of the audio file. All positions are in ms of `audio.wav`."""

    kind: Kind
    text: str
    """What is said, as lower-case words without punctuation."""
    audio_ms: tuple[int, int]
    """The region of the file that holds the utterance, silence around it included."""
    segments_ms: tuple[tuple[float, float], ...] = ()
    """Onset and end of each stretch of sound, from how the audio was made."""
    when: When
    into_reply_ms: Annotated[float, Meta(ge=0)] | None = None
    expect: UtteranceExpect = UtteranceExpect()

    @property
    def expects_transcript(self) -> bool:
        """`transcript_final` is compared with `text`."""
        return self.kind is Kind.SPEECH if self.expect.transcript is None else self.expect.transcript

    @property
    def expects_reply(self) -> bool:
        return self.kind is Kind.SPEECH if self.expect.reply is None else self.expect.reply


class Expect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    turns: Annotated[int, Meta(ge=0)] | None = None
    """`turn_end` messages that ended "completed" or "cancelled"."""
    events: tuple[str, ...] = ()
    """Types of messages from the server that appear in this order; others may stand between."""


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `fixture.toml` says."""

    schema: Literal["voicecli.fixture/1"]
    name: str
    description: str
    made_with: str
    licence: str
    background: str | None = None
    """What is heard under and between the utterances; left out, digital silence."""
    session: Session = Session()
    utterances: Annotated[tuple[Utterance, ...], Meta(min_length=1)]
    expect: Expect = Expect()
    budgets_ms: dict[str, Annotated[float, Meta(gt=0)]] = {}
    """Upper bound of each named latency, per turn."""
    budgets: tuple[str, ...] = ()
    """What all calls with the fixture may come to together; see voicecli/budget.py."""


class Fixture(Script, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixture and which of its audio files is sent."""

    folder: Path
    codec: AudioCodec
    digest: str
    """SHA-256 of the audio file's bytes, in hexadecimal."""

    def audio_path(self, codec: AudioCodec | None = None) -> Path:
        """The audio file in `codec`, by default in the one selected."""
        return audio_path(self.folder, codec or self.codec)

    @property
    def end_ms(self) -> int:
        """Where the last region ends, which is where the audio ends."""
        return self.utterances[-1].audio_ms[1]

    @property
    def asked_budgets(self) -> list[Asked]:
        place = f"{self.name}/{TOML_NAME} budgets"
        return [Asked(parsed(text, place), place) for text in self.budgets]

    @property
    def is_recorded(self) -> bool:
        """It is sent with the timing of its journal."""
        return self.utterances[0].when is When.RECORDED


def words(text: str) -> str:
    """Lower-case words without punctuation, as `text` of an utterance has them."""
    return " ".join(re.sub(r"[^\w' ]", " ", unicodedata.normalize("NFC", text)).lower().split())


def found_in(path: Path) -> list[Path]:
    """The fixtures that a folder of them holds, by name; `path` itself where it is something else."""
    if not path.is_dir() or (path / TOML_NAME).exists():
        return [path]
    return sorted(each.parent for each in path.glob(f"*/{TOML_NAME}")) or [path]


def load(path: Path) -> Fixture:
    """Read a fixture folder, its `fixture.toml`, or one of its audio files (which then is the one selected).

    A folder, or its TOML, selects `audio.opus` where there is one. Raises FixtureError.
    """
    folder, selected = _select(path)
    toml = folder / TOML_NAME
    script = _read_script(toml)
    _check(script, toml)
    wav, opus = (audio_path(folder, codec) for codec in (AudioCodec.WAV, AudioCodec.OPUS))
    if not wav.is_file():
        raise FixtureError(wav, "missing; segments_ms refer to it, so record it as 16 kHz mono WAV")
    codec = selected or (AudioCodec.OPUS if opus.is_file() else AudioCodec.WAV)
    digest = hashlib.sha256(audio_path(folder, codec).read_bytes()).hexdigest()
    fields = {name: getattr(script, name) for name in Script.__struct_fields__}
    return Fixture(**fields, folder=folder, codec=codec, digest=digest)


def audio_path(folder: Path, codec: AudioCodec) -> Path:
    """Where the audio of a fixture in this folder is."""
    return folder / f"audio.{codec.value}"


def _select(path: Path) -> tuple[Path, AudioCodec | None]:
    if path.is_dir():
        return path, None
    if not path.exists():
        raise FixtureError(path, f"no such fixture; give a folder that holds a {TOML_NAME}")
    if path.name == TOML_NAME:
        return path.parent, None
    for codec in AudioCodec:
        if path == audio_path(path.parent, codec):
            return path.parent, codec
    raise FixtureError(path, f"not a fixture; give a folder, its {TOML_NAME}, its audio.wav or its audio.opus")


def _read_script(toml: Path) -> Script:
    try:
        document = tomllib.loads(toml.read_text("utf-8"))
        return msgspec.convert(document, Script)
    except FileNotFoundError:
        if (toml.parent / JOURNAL_NAME).exists():
            reason = f"missing; the recording was cut off, finish it with `voicecli record --finish {toml.parent}`"
        else:
            reason = "missing; a fixture folder describes its audio there"
        raise FixtureError(toml, reason) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FixtureError(toml, f"cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise FixtureError(toml, f"not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at ")
        field = at.strip("`").removeprefix("$").removeprefix(".")
        raise FixtureError(toml, f"{field + ': ' if field else ''}{reason}; see fixtures/README.md") from None


def _check(script: Script, toml: Path) -> None:
    """What the types cannot say."""

    def refuse(field: str, reason: str) -> FixtureError:
        return FixtureError(toml, f"{field}: {reason}")

    folder = toml.resolve().parent.name
    if script.name != folder:
        raise refuse("name", f'is "{script.name}", but the folder is "{folder}"; make them the same')
    for field in ("description", "made_with", "licence"):
        if not getattr(script, field).strip():
            raise refuse(field, "is empty; say it, for whoever uses the audio later")
    for event in script.expect.events:
        if event not in _EVENTS:
            raise refuse("expect.events", f'"{event}" is no message of the server; use {", ".join(sorted(_EVENTS))}')
    for budget in script.budgets_ms:
        if budget not in LATENCIES:
            raise refuse("budgets_ms", f'"{budget}" is no latency; use {", ".join(LATENCIES)}')
    for index, text in enumerate(script.budgets):
        try:
            parsed(text, f"budgets[{index}]")
        except BudgetError as error:
            raise FixtureError(toml, str(error)) from None
    expected_start_ms = 0
    reply_before = False
    is_recorded = script.utterances[0].when is When.RECORDED
    for index, utterance in enumerate(script.utterances):
        fault = (
            _region_problem(utterance, expected_start_ms)
            or _segments_problem(utterance)
            or _words_problem(utterance)
            or _when_problem(utterance, index, reply_before, is_recorded)
        )
        if fault:
            raise refuse(f"utterances[{index}].{fault[0]}", fault[1])
        expected_start_ms = utterance.audio_ms[1]
        reply_before = reply_before or utterance.expects_reply


_Fault = tuple[str, str]
"""A field, and what is wrong with it."""


def _region_problem(utterance: Utterance, expected_start_ms: int) -> _Fault | None:
    start, end = utterance.audio_ms
    if start % REGION_STEP_MS or end % REGION_STEP_MS:
        return "audio_ms", f"[{start}, {end}] must be multiples of {REGION_STEP_MS} ms, the length of a packet"
    if start != expected_start_ms:
        return "audio_ms", f"begins at {start}; regions cover the file without a gap, so begin at {expected_start_ms}"
    if end <= start:
        return "audio_ms", f"[{start}, {end}] is empty; end it after its beginning"
    return None


def _segments_problem(utterance: Utterance) -> _Fault | None:
    region_start, region_end = utterance.audio_ms
    if utterance.kind is Kind.SILENCE:
        return ("segments_ms", "silence has none; leave it out") if utterance.segments_ms else None
    if not utterance.segments_ms:
        return "segments_ms", "is empty; give onset and end of the sound, in ms of audio.wav"
    previous_end: float = region_start
    for start, end in utterance.segments_ms:
        if end <= start:
            return "segments_ms", f"[{start}, {end}] is empty; end it after its onset"
        if start < previous_end or end > region_end:
            return (
                "segments_ms",
                f"[{start}, {end}] must lie in audio_ms [{region_start}, {region_end}], after the segment before",
            )
        previous_end = end
    return None


def _words_problem(utterance: Utterance) -> _Fault | None:
    text = utterance.text
    if utterance.kind is Kind.SILENCE:
        return ("text", 'must be "" for silence') if text else None
    if not text:
        return (
            ("text", "is empty; give the words, or expect.transcript = false") if utterance.expects_transcript else None
        )
    normal = words(text)
    return None if text == normal else ("text", f'must be lower-case words without punctuation: "{normal}"')


def _when_problem(utterance: Utterance, index: int, reply_before: bool, is_recorded: bool) -> _Fault | None:
    when = utterance.when
    if (when is When.RECORDED) != is_recorded:
        return "when", 'must be "recorded" for all utterances or for none'
    if (when is When.START) != (index == 0) and not is_recorded:
        return "when", 'must be "start" for the first utterance, "after_reply" or "into_reply" for the others'
    if when not in (When.START, When.RECORDED) and not reply_before:
        return "when", f'is "{when.value}", but no utterance before it expects a reply'
    if when is not When.INTO_REPLY:
        if utterance.into_reply_ms is not None:
            return "into_reply_ms", 'goes with when = "into_reply" only; leave it out'
        if utterance.expect.cancels_reply:
            return "expect.cancels_reply", 'goes with when = "into_reply" only; leave it out'
        return None
    if utterance.into_reply_ms is None:
        return "into_reply_ms", "is missing; say how much of the reply has been heard when the speech begins"
    if utterance.segments_ms:
        lead_ms = utterance.segments_ms[0][0] - utterance.audio_ms[0]
        if utterance.into_reply_ms < lead_ms:
            return (
                "into_reply_ms",
                f"is {utterance.into_reply_ms:g}, but the region has {lead_ms:g} ms before its speech; "
                "shorten the region or speak later",
            )
    return None
