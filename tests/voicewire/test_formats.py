from voicewire.formats import FRAME_MS, OPUS_RATES, AudioFormat, Codec


def test_containers_are_byte_streams() -> None:
    assert [codec for codec in Codec if codec.is_container] == [Codec.WEBM_OPUS, Codec.MP4, Codec.OGG_OPUS]


def test_a_frame_is_a_whole_number_of_samples_at_every_opus_rate() -> None:
    assert [rate * FRAME_MS % 1000 for rate in OPUS_RATES] == [0] * len(OPUS_RATES)


def test_a_format_is_shown_as_people_say_it() -> None:
    assert str(AudioFormat(Codec.OPUS)) == "opus 48 kHz"
    assert str(AudioFormat(Codec.PCM_S16LE, 22_050)) == "pcm_s16le 22.05 kHz"
