import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest

from voicewire import messages, schema
from voicewire.errors import ErrorCode
from voicewire.marks import Mark

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "fixtures/wire/messages.json").read_text(encoding="utf-8"))
TEMPLATE = (ROOT / "docs/protocol.template.md").read_text(encoding="utf-8")


def validator(direction: str) -> Any:
    whole = schema.json_schema()
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{direction.title()}", "$defs": whole["$defs"]})


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_schema_takes_what_the_decoder_takes(direction: str) -> None:
    validate = validator(direction)
    refused = [
        vector["name"]
        for vector in VECTORS["valid"]
        if vector["direction"] == direction and not validate.is_valid(json.loads(vector["text"]))
    ]
    assert refused == []


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_schema_refuses_what_the_decoder_refuses(direction: str) -> None:
    # That another version is spoken, or half an answer given, a schema does not say.
    beyond = {"unsupported_version", "malformed_json"}
    validate = validator(direction)
    taken = [
        vector["name"]
        for vector in VECTORS["malformed"]
        if vector["direction"] == direction
        and vector["code"] not in beyond
        and validate.is_valid(json.loads(vector["text"]))
    ]
    assert taken == [name for name in taken if "clock answer" in name]


def test_the_schema_says_what_a_field_means() -> None:
    interrupt = schema.json_schema()["$defs"]["Interrupt"]
    assert interrupt["description"] == "The user stopped the reply that was playing."
    assert interrupt["properties"]["played_ms"] == {
        "type": "number",
        "minimum": 0,
        "maximum": 1e12,
        "description": "Playhead: how much of the reply the user had heard.",
    }


def test_the_schema_tells_defaults_that_a_factory_makes() -> None:
    start = schema.json_schema()["$defs"]["SessionStart"]
    assert start["properties"]["input"]["default"] == [{"codec": "opus", "rate": 48000}]


def test_every_message_field_and_value_says_what_it_means() -> None:
    silent = []
    for cls in (*schema.MESSAGES, *schema.named_types(schema.MESSAGES), ErrorCode, Mark):
        if not schema.summary(cls):
            silent.append(cls.__name__)
        if issubclass(cls, StrEnum):
            silent += [f"{cls.__name__}.{member.name}" for member in cls if member.name not in schema.meanings(cls)]
        elif issubclass(cls, msgspec.Struct):
            fields = schema.fields_of(cls)
            silent += [f"{cls.__name__}.{field.name}" for field in fields if not schema.meaning_of(cls, field)]
    assert silent == []


def test_the_document_describes_every_message_and_type() -> None:
    document = schema.protocol_markdown(TEMPLATE)
    names = [f"### `{schema.tag_of(message)}`" for message in schema.MESSAGES]
    assert [name for name in names if document.count(f"{name}\n") != 1] == []
    assert [code for code in ErrorCode if f"| `{code.value}` |" not in document] == []
    assert [mark for mark in Mark if f"| `{mark.value}` |" not in document] == []


@pytest.mark.parametrize(
    "row",
    [
        "| up | [`interrupt`](#interrupt) | The user stopped the reply that was playing. |",
        "| both | [`clock`](#clock) | A ping",
        "| down | [`timing`](#timing) | A mark",
        "| down | [`tts_audio_chunk`](#audio-binary-frames) | one piece of a reply. (binary) |",
        "| `silence_ms` | integer (100–10000) or null | `null` | Silence after",
        "| `played_ms` | number (≥ 0) | required | Playhead",
        "| `t_ms` | number | required | When, on the server's clock. |",
        "| `text` | string (1–4000 characters) | required | What the user typed. |",
        "| `input` | list of [AudioFormat](#audioformat) (1–16) | `[{",
        "| `metadata` | map of string to string | `{}` | The app's",
        "| `usage` | [Usage](#usage) | `{}` | What it took. |",
        "| `code` | [ErrorCode](#errors) | required | What went wrong",
        "| `message_too_large` | 1009 | A message",
        "| `stt_failed` |  | The speech",
        "| 1 | `opus` | up, down | Raw Opus",
        "| 2 | `webm-opus` | up | Any piece",
        "| `ttft` | TTFT | `llm.requested` → `llm.first_token` |",
        "| `mic.speech_end` | client | The end",
    ],
)
def test_the_document_says_this(row: str) -> None:
    assert f"\n{row}" in schema.protocol_markdown(TEMPLATE)


def test_every_link_inside_the_document_leads_somewhere() -> None:
    document = schema.protocol_markdown(TEMPLATE)
    headings = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\(#([^)]*)\)", document)) - set(anchors) == set()
    files = re.findall(r"\]\(([^)#]+)\)", document)
    assert [name for name in files if not (ROOT / "docs" / name).exists()] == []


def test_every_table_row_has_as_many_cells_as_its_head() -> None:
    widths = []
    for table in re.findall(r"(?:^\|.*\n)+", schema.protocol_markdown(TEMPLATE), re.MULTILINE):
        widths.append({len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()})
    assert widths
    assert [width for width in widths if len(width) != 1] == []


def test_a_template_that_leaves_something_out_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="limits"):
        schema.protocol_markdown(TEMPLATE.replace("{{limits}}", ""))


class Mode(StrEnum):
    ONE = "one"
    """The first."""
    TWO = "two"


class Sample(msgspec.Struct):
    """Some
    sample."""

    mode: Mode
    """What
    it does."""
    length: Annotated[int, msgspec.Meta(ge=1, description="How long.")]
    plain: int = 0


def test_meanings_are_the_strings_under_fields_and_members() -> None:
    assert schema.meanings(Mode) == {"ONE": "The first."}
    assert schema.meanings(Sample) == {"mode": "What it does."}
    assert schema.summary(Sample) == "Some sample."


def test_a_field_without_a_string_means_what_its_type_says() -> None:
    mode, length, plain = schema.fields_of(Sample)
    assert [schema.meaning_of(Sample, field) for field in (mode, length, plain)] == ["What it does.", "How long.", ""]


def test_typedefs_name_every_message_with_its_type() -> None:
    module = schema.typedefs()
    for message in schema.MESSAGES:
        typedef = f' * @typedef {{Object}} {message.__name__}\n * @property {{"{schema.tag_of(message)}"}} type\n'
        assert module.count(typedef) == 1
    assert "@property {Array<AudioFormat>} [input] Formats" in module
    assert "@property {number | null} [turn_id] The turn" in module


def test_both_directions_share_the_clock_alone() -> None:
    assert set(schema.UP) & set(schema.DOWN) == {messages.Clock}
