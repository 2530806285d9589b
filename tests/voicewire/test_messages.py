import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewire.errors import ErrorCode, ProtocolError
from voicewire.messages import Clock, Down, Message, SessionStart, TextInput, Up, decode_down, decode_up, encode

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures/wire/messages.json").read_text(encoding="utf-8"))


def by_name(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in vectors])


def decode(vector: dict[str, Any]) -> Message:
    return decode_up(vector["text"]) if vector["direction"] == "up" else decode_down(vector["text"])


@by_name(VECTORS["valid"])
def test_a_message_is_decoded_and_survives_being_encoded(vector: dict[str, Any]) -> None:
    message = decode(vector)
    assert msgspec.to_builtins(message) == vector["fields"]
    assert decode({**vector, "text": encode(message)}) == message


@by_name(VECTORS["malformed"])
def test_a_malformed_message_is_refused_with_the_field_at_fault(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(vector)
    assert (caught.value.code.value, caught.value.field) == (vector["code"], vector["field"])


@pytest.mark.parametrize(("direction", "union"), [("up", Up), ("down", Down)])
def test_every_message_has_a_vector(direction: str, union: Any) -> None:
    covered = {type(decode(vector)) for vector in VECTORS["valid"] if vector["direction"] == direction}
    assert covered == set(get_args(union))


def test_formats_of_codecs_that_are_not_known_are_passed_over() -> None:
    flac, opus, pcm = {"codec": "flac", "level": 5}, {"codec": "opus"}, {"codec": "pcm_s16le", "rate": 16_000}
    newer = {"type": "session_start", "input": [flac, pcm], "output": [opus, flac]}
    known = {"type": "session_start", "input": [pcm], "output": [opus]}
    assert decode_up(json.dumps(newer)) == decode_up(json.dumps(known))
    with pytest.raises(ProtocolError) as caught:
        decode_up(json.dumps(newer | {"voice": 7}))
    assert caught.value.code is ErrorCode.INVALID_FIELD


def test_an_error_never_quotes_a_message_at_length() -> None:
    codec = "x" * 100_000
    with pytest.raises(ProtocolError) as caught:
        decode_up(f'{{"type":"session_start","input":[{{"codec":"{codec}"}}]}}')
    assert len(caught.value.message) < 300
    with pytest.raises(ProtocolError) as caught:
        decode_up(f'{{"type":"session_start","turn_detection":{{"mode":"{codec}"}}}}')
    assert len(caught.value.message) < 300
    with pytest.raises(ProtocolError) as caught:
        decode_up(f'{{"type":"{codec}"}}')
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"type":' * 100_000,
        '{"type":"session_start","metadata":' + "[" * 900 + "]" * 900 + "}",
        '{"type":' + "[" * 900 + "]" * 900 + "}",
        '{"type":"session_start","version":' + "9" * 10_000 + "}",
        '{"type":' + "9" * 10_000 + "}",
        "\ud800",
        '{"type":"text_input","text":"\ud800"}',
        '{"type":"text_input","text":"\\ud800"}',
        '{"type":"clock","ping_id":1,"sent_ms":1e400}',
        '{"type":"clock","ping_id":1,"sent_ms":1e300}',
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_depth_size_and_half_characters_are_protocol_errors(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_up(text)


def test_a_clock_question_goes_without_the_answers_fields() -> None:
    assert encode(Clock(ping_id=3, sent_ms=1.5)) == '{"type":"clock","ping_id":3,"sent_ms":1.5}'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(sorted({name for message in get_args(Message) for name in message.__struct_fields__}))
types = st.sampled_from(sorted({str(message.__struct_config__.tag) for message in get_args(Message)}))
near_messages = st.builds(
    lambda tag, fields: json.dumps({"type": tag, **fields}),
    types,
    st.dictionaries(field_names, json_values, max_size=6),
)


@given(st.text() | near_messages | json_values.map(json.dumps))
def test_any_text_is_a_message_or_a_protocol_error(text: str) -> None:
    for decoded_by in (decode_up, decode_down):
        try:
            message = decoded_by(text)
        except ProtocolError:
            continue
        assert decoded_by(encode(message)) == message


@given(st.integers(0, len(VECTORS["valid"]) - 1), st.data())
def test_a_message_with_a_byte_changed_is_a_message_or_a_protocol_error(number: int, data: st.DataObject) -> None:
    vector = VECTORS["valid"][number]
    at = data.draw(st.integers(0, len(vector["text"]) - 1))
    text = vector["text"][:at] + data.draw(st.characters()) + vector["text"][at + 1 :]
    try:
        message = decode({**vector, "text": text})
    except ProtocolError:
        return
    assert isinstance(message, get_args(Message))


@given(st.text(min_size=1, max_size=100))
def test_any_utterance_survives_the_wire(text: str) -> None:
    try:
        wire = encode(TextInput(text=text))
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(character) <= 0xDFFF for character in text)
        return
    assert decode_up(wire) == TextInput(text=text)


def test_a_session_start_that_says_nothing_offers_opus() -> None:
    assert [str(offered) for offered in SessionStart().input] == ["opus 48 kHz"]
