import random

import numpy as np
import pytest

from tests.voiceaudio.signals import Samples, noise, tone
from voiceaudio.errors import AudioError
from voiceaudio.opus import DECODED_RATE, OpusDecoder, OpusEncoder
from voiceaudio.pcm import samples_of
from voiceaudio.resample import Resampler
from voicewire.formats import OPUS_RATES


def lag(late: Samples, early: Samples) -> int:
    """By how many samples the one is later than the other."""
    size = min(len(late), len(early))
    spectrum = np.fft.rfft(late[:size].astype(float), 2 * size) * np.conj(
        np.fft.rfft(early[:size].astype(float), 2 * size)
    )
    return int(np.argmax(np.fft.irfft(spectrum)[:2000]))


@pytest.mark.parametrize("rate", OPUS_RATES)
def test_every_rate_gives_packets_of_20_ms_that_decode_at_48_khz(rate: int) -> None:
    encoder, decoder = OpusEncoder(rate), OpusDecoder()
    packets = encoder.encode(tone(0.5, rate).tobytes())
    assert [len(decoder.decode(packet)) // 2 for packet in packets] == [DECODED_RATE // 50] * 25


@pytest.mark.parametrize("rate", OPUS_RATES)
def test_the_delay_is_what_it_says(rate: int) -> None:
    encoder, decoder = OpusEncoder(rate), OpusDecoder()
    pcm = noise(rate // 2, 4000).tobytes()
    decoded = b"".join(decoder.decode(packet) for packet in encoder.encode(pcm))
    up = Resampler(rate, DECODED_RATE)
    assert encoder.delay_samples * DECODED_RATE // rate == lag(samples_of(decoded), samples_of(up.resample(pcm)))


def test_packets_do_not_depend_on_how_the_audio_was_cut() -> None:
    pcm = tone(0.5, 24_000).tobytes()
    whole, cut = OpusEncoder(24_000), OpusEncoder(24_000)
    pieces = [pcm[at : at + 334] for at in range(0, len(pcm), 334)]
    assert whole.encode(pcm) == [packet for piece in pieces for packet in cut.encode(piece)]


def test_flush_pads_the_last_packet_with_silence() -> None:
    encoder, decoder = OpusEncoder(16_000), OpusDecoder()
    assert encoder.encode(tone(0.03, 16_000).tobytes()[: 320 * 2 + 20]) != []
    (last,) = encoder.flush()
    assert len(decoder.decode(last)) // 2 == 960
    assert encoder.flush() == []


def test_a_rate_that_opus_does_not_know_is_refused() -> None:
    with pytest.raises(AudioError, match="44100 Hz; use one of 8000, 12000"):
        OpusEncoder(44_100)


def test_an_empty_packet_is_refused_and_the_next_one_decodes() -> None:
    decoder = OpusDecoder()
    (packet,) = OpusEncoder(48_000).encode(tone(0.02, 48_000).tobytes())
    with pytest.raises(AudioError, match="at least one byte"):
        decoder.decode(b"")
    assert len(decoder.decode(packet)) == 1920


def test_random_bytes_give_audio_or_an_audio_error_and_good_packets_decode_between_them() -> None:
    chance = random.Random(1)
    decoder = OpusDecoder()
    good = OpusEncoder(48_000).encode(tone(0.2, 48_000).tobytes())
    refused = 0
    for round_ in range(300):
        try:
            assert len(decoder.decode(chance.randbytes(chance.randrange(1, 100)))) <= 2 * 5760
        except AudioError:
            refused += 1
        assert len(decoder.decode(good[round_ % len(good)])) == 1920
    assert 0 < refused < 300
