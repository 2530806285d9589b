from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.voicecli.peer import made, spoken
from voicecli import fixture, oggopus, wavfile
from voicecli.fixture import AudioCodec, Fixture, FixtureError
from voicecli.microphone import QUIET_FRAMES, record
from voicecli.schedule import EVEN, Sending
from voicecli.tape import record_into
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import unpack_packets
from voicewire.messages import SpeechStarted

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


def recorded_into(folder: Path, packets: int = 60) -> Path:
    """A session in which each packet was sent 3 ms after it was captured."""
    opus = oggopus.read_packets(FIXTURES / "question-weather" / "audio.opus").packets
    with record_into(folder, 0, pre_skip=312) as tape:
        for index, packet in enumerate(opus[:packets]):
            tape.audio_sent([packet], index * 20_000_000, index * 20_000_000 + 23_000_000)
            if index == 0:
                tape.received(SpeechStarted(turn_id=1, position_ms=400), 0)
    return folder


def test_a_recorded_session_has_its_own_timing(tmp_path: Path) -> None:
    recording = record(fixture.load(recorded_into(tmp_path / "session")))
    assert recording.schedule.sendings[:2] == (Sending(23_000_000, 0, 1), Sending(43_000_000, 20_000_000, 1))
    assert record(fixture.load(FIXTURES / "question-weather")).schedule is EVEN


def test_a_recorded_session_whose_journal_is_of_another_one_is_refused(tmp_path: Path) -> None:
    folder = recorded_into(tmp_path / "session")
    lines = (folder / "session.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "session.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(FixtureError, match=r"session\.jsonl: tells of 59 packets, and audio\.opus holds 60"):
        record(fixture.load(folder))
    (folder / "session.jsonl").unlink()
    with pytest.raises(FixtureError, match=r"session\.jsonl: missing"):
        record(fixture.load(folder))


@pytest.mark.parametrize(
    ("segments_ms", "quiet"),
    [
        (((160.0, 300.0),), range(2, 8)),
        (((159.0, 300.0),), range(15, 21)),
        (((0.0, 100.0), (210.0, 300.0)), range(15, 21)),
        (((0.0, 100.0), (220.0, 300.0)), range(5, 11)),
        (((0.0, 600.0),), range(2, 8)),
    ],
)
def test_what_is_repeated_is_the_first_stretch_without_speech(
    tmp_path: Path, segments_ms: tuple[tuple[float, float], ...], quiet: range
) -> None:
    wavfile.write(tmp_path / "audio.wav", np.zeros(600 * 16, np.int16), 16_000)
    utterance = spoken(audio_ms=(0, 600), segments_ms=segments_ms)
    recording = record(made(utterance, folder=tmp_path, codec=AudioCodec.WAV))
    assert recording.quiet_frames == quiet
