from hypothesis import given
from hypothesis import strategies as st

from voiceaudio.opus import OpusDecoder
from voiceserver.playhead import SpokenFrame
from voiceserver.speech_encoder import FRAMES_PER_MESSAGE, SpeechEncoder
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import unpack_packets

PCM_16K = AudioFormat(Codec.PCM_S16LE, 16_000)
OPUS_48K = AudioFormat(Codec.OPUS, 48_000)


def encode(encoder: SpeechEncoder, pieces: list[bytes]) -> list[SpokenFrame]:
    return [frame for piece in pieces for frame in encoder.encode(piece)] + encoder.flush()


@given(st.lists(st.integers(0, 3000), max_size=8))
def test_pcm_comes_out_as_it_went_in_padded_to_a_whole_frame(lengths: list[int]) -> None:
    pieces = [bytes([number + 1, 0]) * samples for number, samples in enumerate(lengths)]
    frames = encode(SpeechEncoder(16_000, PCM_16K), pieces)
    pcm = b"".join(frame.payload for frame in frames)
    spoken = b"".join(pieces)
    assert pcm[: len(spoken)] == spoken
    assert len(pcm) - len(spoken) < 640
    assert not any(pcm[len(spoken) :])
    assert all(0 < frame.samples <= 320 * FRAMES_PER_MESSAGE for frame in frames)
    assert [frame.pts for frame in frames] == [
        sum(frame.samples for frame in frames[:number]) for number in range(len(frames))
    ]


def test_opus_frames_count_samples_at_the_agreed_rate() -> None:
    frames = encode(SpeechEncoder(24_000, OPUS_48K), [bytes(2 * 24_000 // 10)])
    packets = [packet for frame in frames for packet in unpack_packets(frame.payload)]
    decoder = OpusDecoder()
    assert sum(frame.samples for frame in frames) == 960 * len(packets)
    assert sum(len(decoder.decode(packet)) for packet in packets) == 2 * 960 * len(packets)
    assert 4800 <= 960 * len(packets) <= 4800 + 960


def test_no_speech_makes_no_frames() -> None:
    assert encode(SpeechEncoder(24_000, OPUS_48K), [b""]) == []
