from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicecli import oggopus
from voicecli.oggopus import OggOpusError, OggOpusPages, OpusFile


def _tone(ms: int) -> NDArray[np.int16]:
    samples = np.arange(ms * 16)
    return np.asarray(np.rint(8000 * np.sin(samples * 2 * np.pi * 220 / 16_000)), np.int16)


@pytest.fixture(scope="module")
def opus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Long enough for three pages of audio.
    path = tmp_path_factory.mktemp("opus") / "a.opus"
    oggopus.write(path, _tone(2400))
    return path


def _pages(data: bytes) -> list[bytes]:
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


def _refusal(path: Path) -> str:
    with pytest.raises(OggOpusError) as refused:
        oggopus.read_packets(path)
    return str(refused.value).removeprefix(f"{path}: ")


def test_packets_are_the_bytes_that_libavformat_demuxes(opus: Path) -> None:
    with av.open(str(opus), format="ogg") as container:
        demuxed = tuple(bytes(packet) for packet in container.demux(audio=0) if packet.size)
    assert oggopus.read_packets(opus) == OpusFile(pre_skip=312, packets=demuxed, samples=2400 * 48)


def test_every_20_ms_of_audio_is_a_packet_and_the_codec_delay_one_more(opus: Path) -> None:
    assert len(oggopus.read_packets(opus).packets) == 2400 // 20 + 1


def test_the_same_samples_give_the_same_bytes(opus: Path, tmp_path: Path) -> None:
    oggopus.write(tmp_path / "again.opus", _tone(2400))
    assert (tmp_path / "again.opus").read_bytes() == opus.read_bytes()


def test_decoding_gives_the_length_that_was_encoded_at_the_place_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    oggopus.write(path, np.concatenate([np.zeros(8000, np.int16), _tone(500), np.zeros(8000, np.int16)]))
    decoded = np.abs(oggopus.decode(path).astype(np.int32))
    loud = np.flatnonzero(decoded > 2000)
    assert len(decoded) == 24_000
    assert abs(loud[0] - 8000) < 80
    assert abs(loud[-1] - 16_000) < 80


def test_a_packet_larger_than_a_lacing_value_is_put_together(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    noise = np.random.default_rng(1).integers(-9000, 9000, 16_000).astype(np.int16)
    oggopus.write(path, noise, bit_rate=256_000)
    with av.open(str(path), format="ogg") as container:
        demuxed = tuple(bytes(packet) for packet in container.demux(audio=0) if packet.size)
    packets = oggopus.read_packets(path).packets
    assert max(map(len, packets)) > 255
    assert packets == demuxed


def test_a_shorter_last_packet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    soundfile.write(path, _tone(1000), 16_000, format="OGG", subtype="OPUS")
    assert _refusal(path) == "packet 50 is 10 ms mono; encode in mono with frames of 20 ms"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an Ogg file; encode it as Ogg Opus"),
        (b"RIFF....WAVE", "not an Ogg file; encode it as Ogg Opus"),
        (b"OggS", "damaged at byte 0; copy or encode it again"),
    ],
)
def test_what_is_no_ogg_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(content)
    assert _refusal(path) == reason


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "a.opus") == "cannot be read: No such file or directory"


def test_vorbis_in_ogg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    soundfile.write(path, _tone(200), 16_000, format="OGG", subtype="VORBIS")
    assert _refusal(path) == "an Ogg file, but not Opus; encode it as Ogg Opus"


def test_stereo_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    soundfile.write(path, np.zeros((4800, 2), np.int16), 48_000, format="OGG", subtype="OPUS")
    assert _refusal(path) == "has 2 channels; encode it in mono"


@pytest.mark.parametrize(("frame_ms", "said"), [("10", "10"), ("40", "40"), ("60", "60"), ("2.5", "2.5")])
def test_packets_of_another_length_are_refused(tmp_path: Path, frame_ms: str, said: str) -> None:
    path = tmp_path / "a.opus"
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), "s16", "mono")
    frame.sample_rate = 48_000
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream(
            "libopus", rate=48_000, layout="mono", options={"frame_duration": frame_ms, "application": "lowdelay"}
        )
        stream.format = "s16"
        resampler = av.AudioResampler("s16", "mono", 48_000, int(float(frame_ms) * 48))
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    assert _refusal(path) == f"packet 0 is {said} ms mono; encode in mono with frames of 20 ms"


def test_a_lost_page_is_refused(opus: Path, tmp_path: Path) -> None:
    pages = _pages(opus.read_bytes())
    path = tmp_path / "a.opus"
    path.write_bytes(b"".join(pages[:2] + pages[3:]))
    assert _refusal(path) == "page 2 is missing; copy or encode it again"


def test_a_lost_end_is_refused(opus: Path, tmp_path: Path) -> None:
    pages = _pages(opus.read_bytes())
    path = tmp_path / "a.opus"
    path.write_bytes(b"".join(pages[:-1]))
    assert _refusal(path) == "ends before its last page; copy or encode it again"


def test_two_streams_in_a_row_are_refused(opus: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(opus.read_bytes() * 2)
    assert _refusal(path) == f"page {len(_pages(opus.read_bytes()))} is missing; copy or encode it again"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_no_flipped_bit_and_no_cut_goes_unnoticed(opus: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(opus.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[at:]
    path = tmp_path / "a.opus"
    path.write_bytes(content)
    with pytest.raises(OggOpusError):
        oggopus.read_packets(path)


def test_what_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(b"no audio at all")
    with pytest.raises(OggOpusError, match="cannot be decoded as Ogg Opus"):
        oggopus.decode(path)


# --- packet by packet


def _paged(packets: Sequence[bytes], pre_skip: int = 312) -> list[bytes]:
    pages = OggOpusPages(pre_skip)
    return [pages.begin(), *map(pages.add, packets), pages.end()]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 100])
def test_packets_written_one_by_one_are_read_back_byte_for_byte(opus: Path, tmp_path: Path, count: int) -> None:
    packets = oggopus.read_packets(opus).packets[:count]
    path = tmp_path / "a.opus"
    path.write_bytes(b"".join(_paged(packets)))
    assert oggopus.read_packets(path) == OpusFile(312, packets, count * 960 - 312)
    with av.open(str(path), format="ogg") as container:
        assert tuple(bytes(packet) for packet in container.demux(audio=0) if packet.size) == packets
    assert len(oggopus.decode(path)) == count * 320 - 104


@given(st.lists(st.integers(0, 1274), min_size=1, max_size=40))
def test_packets_of_any_size_are_read_back(sizes: list[int]) -> None:
    packets = [b"\x08" + bytes(size) for size in sizes]
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.opus")
        path.write_bytes(b"".join(_paged(packets, 120)))
        assert oggopus.read_packets(path).packets == tuple(packets)


def test_a_page_is_written_each_ten_packets() -> None:
    begun, *added, ended = [bool(page) for page in _paged([b"\x08"] * 25)]
    assert (begun, ended) == (True, True)
    assert [index for index, wrote in enumerate(added) if wrote] == [10, 20]


def test_packets_of_another_length_are_written_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(b"".join(_paged([b"\x10"] * 3, 0)))
    assert _refusal(path) == "packet 0 is 40 ms mono; encode in mono with frames of 20 ms"
    assert int.from_bytes(path.read_bytes().split(b"OggS")[-1][2:10], "little") == 3 * 1920


def test_wherever_a_file_is_cut_off_its_whole_pages_are_mended(opus: Path, tmp_path: Path) -> None:
    packets = oggopus.read_packets(opus).packets[:35]
    pages = [page for page in _paged(packets) if page]
    ends = np.cumsum([len(page) for page in pages]).tolist()
    whole = b"".join(pages)
    path = tmp_path / "a.opus"
    for cut in range(ends[1], len(whole) + 1, 7):
        path.write_bytes(whole[:cut])
        oggopus.mend(path)
        kept = sum(end <= cut for end in ends[1:-1]) * 10
        assert oggopus.read_packets(path).packets == packets[: 35 if cut == len(whole) else kept]
    assert [each.name for each in tmp_path.iterdir()] == ["a.opus"]


@pytest.mark.parametrize("cut", [0, 10, 60, 200])
def test_a_file_that_was_cut_off_before_its_first_audio_cannot_be_mended(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(b"".join(_paged([bytes(b"\x08" + bytes(50))] * 15))[:cut])
    before = path.read_bytes()
    with pytest.raises(OggOpusError, match="holds no audio; record it again"):
        oggopus.mend(path)
    assert path.read_bytes() == before
