import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewire.errors import ProtocolError
from voicewire.formats import Codec
from voicewire.frames import (
    CODEC_NUMBERS,
    HEADER,
    MAX_PTS,
    MAX_SEQUENCE,
    MAX_TURN_ID,
    AudioFrame,
    FrameKind,
    pack_packets,
    packet_duration_ms,
    unpack_packets,
)

_WIRE = Path(__file__).parents[2] / "fixtures/wire"
FRAMES = json.loads((_WIRE / "frames.json").read_text(encoding="utf-8"))
PACKETS = json.loads((_WIRE / "opus_packets.json").read_text(encoding="utf-8"))


def by_name(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in vectors])


def frame_of(vector: dict[str, Any]) -> AudioFrame:
    return AudioFrame(
        kind=FrameKind[vector["kind"].upper()],
        codec=Codec(vector["codec"]),
        turn_id=vector["turn_id"],
        sequence=vector["sequence"],
        pts=vector["pts"],
        payload=bytes.fromhex(vector["payload"]),
    )


@by_name(FRAMES["valid"])
def test_a_frame_is_parsed_and_serialized(vector: dict[str, Any]) -> None:
    assert AudioFrame.parse(bytes.fromhex(vector["hex"])) == frame_of(vector)
    assert frame_of(vector).serialize() == bytes.fromhex(vector["hex"])


@by_name(FRAMES["malformed"])
def test_a_malformed_frame_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        AudioFrame.parse(bytes.fromhex(vector["hex"]))
    assert (caught.value.code.value, caught.value.field) == (vector["code"], vector["field"])


@by_name(PACKETS["valid"] + PACKETS["other_durations"])
def test_packets_are_unpacked_and_packed_and_say_how_long_they_are(vector: dict[str, Any]) -> None:
    packets = [bytes.fromhex(packet) for packet in vector["packets"]]
    assert unpack_packets(bytes.fromhex(vector["payload"])) == packets
    assert pack_packets(packets) == bytes.fromhex(vector["payload"])
    assert [packet_duration_ms(packet) for packet in packets] == vector["duration_ms"]


@by_name(PACKETS["malformed"])
def test_a_malformed_payload_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        unpack_packets(bytes.fromhex(vector["payload"]))
    assert (caught.value.code.value, caught.value.field) == (vector["code"], vector["field"])


def test_a_packet_of_several_frames_without_their_count_is_refused() -> None:
    with pytest.raises(ProtocolError, match="cut off"):
        packet_duration_ms(bytes.fromhex("fb"))


def test_every_kind_and_every_codec_has_a_vector() -> None:
    frames = [frame_of(vector) for vector in FRAMES["valid"]]
    assert {frame.kind for frame in frames} == set(FrameKind)
    assert {frame.codec for frame in frames} == set(Codec)


def test_every_codec_has_a_number() -> None:
    assert set(CODEC_NUMBERS) == set(Codec)
    assert len(set(CODEC_NUMBERS.values())) == len(Codec)


frames = st.builds(
    AudioFrame,
    st.sampled_from(FrameKind),
    st.sampled_from(Codec),
    st.integers(0, MAX_TURN_ID),
    st.integers(0, MAX_SEQUENCE),
    st.integers(0, MAX_PTS),
    st.binary(),
)


@given(frames)
def test_what_is_serialized_is_parsed_to_the_same(frame: AudioFrame) -> None:
    assert AudioFrame.parse(frame.serialize()) == frame


@given(st.binary(max_size=64) | st.builds(bytes.__add__, st.just(b"\x11\x01"), st.binary(max_size=64)))
def test_any_bytes_are_a_frame_or_a_protocol_error(data: bytes) -> None:
    try:
        frame = AudioFrame.parse(data)
    except ProtocolError:
        return
    assert frame.serialize() == data
    assert len(data) == HEADER.size + len(frame.payload)


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_packed_packets_are_unpacked_to_the_same(packets: list[bytes]) -> None:
    assert unpack_packets(pack_packets(packets)) == packets


@given(st.binary(max_size=300))
def test_any_bytes_are_packets_or_a_protocol_error(payload: bytes) -> None:
    try:
        packets = unpack_packets(payload)
        durations = [packet_duration_ms(packet) for packet in packets]
    except ProtocolError:
        return
    assert pack_packets(packets) == payload
    assert all(duration >= 0 for duration in durations)
