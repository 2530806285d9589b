from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.voicecli.peer import made, spoken
from voicecli import fixture, oggopus, wavfile
from voicecli.fixture import AudioCodec, Fixture, FixtureError
from voicecli.microphone import QUIET_FRAMES, record
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import unpack_packets

FIXTURES = Path(__file__).parents[2] / "fixtures"


def written(folder: Path, samples: int, rate: int = 16_000) -> Fixture:
    wavfile.write(folder / "audio.wav", np.arange(samples, dtype=np.int16), rate)
    return made(spoken(audio_ms=(0, 400)), folder=folder, codec=AudioCodec.WAV)


def test_opus_goes_out_byte_for_byte() -> None:
    chosen = fixture.load(FIXTURES / "question-weather")
    recording = record(chosen)
    packets = oggopus.read_packets(chosen.audio_path()).packets
    assert (recording.format, recording.samples_per_frame) == (AudioFormat(Codec.OPUS, 48_000), 960)
    assert [unpack_packets(payload) for payload in recording.payloads] == [[packet] for packet in packets]


def test_pcm_is_cut_into_20_ms(tmp_path: Path) -> None:
    recording = record(written(tmp_path, 6400 + 5))
    assert (recording.format, recording.samples_per_frame) == (AudioFormat(Codec.PCM_S16LE, 16_000), 320)
    assert [len(payload) for payload in recording.payloads] == [640] * 21
    assert b"".join(recording.payloads) == np.arange(6405, dtype="<i2").tobytes().ljust(21 * 640, b"\0")


def test_past_its_end_and_between_utterances_there_are_the_files_own_first_frames(tmp_path: Path) -> None:
    recording = record(written(tmp_path, 6400))
    quiet = {recording.payloads[index] for index in QUIET_FRAMES}
    assert {recording.quiet(index) for index in range(100)} == quiet
    assert recording.payload(19) == recording.payloads[19]
    assert recording.payload(20) in quiet


@pytest.mark.parametrize(("length", "rate", "reason"), [(6399 - 320, 16_000, "holds 380 ms"), (6400, 8000, "8000 Hz")])
def test_audio_that_does_not_fit_the_fixture_is_refused(tmp_path: Path, length: int, rate: int, reason: str) -> None:
    with pytest.raises((FixtureError, wavfile.WavError), match=reason):
        record(written(tmp_path, length, rate))


def test_corrupt_opus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audio.opus").write_bytes(b"OggS and then nothing")
    chosen = msgspec.structs.replace(made(), folder=tmp_path, codec=AudioCodec.OPUS)
    with pytest.raises(oggopus.OggOpusError, match="damaged at byte 0"):
        record(chosen)
