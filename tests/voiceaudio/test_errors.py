from voiceaudio.errors import AudioError, AudioOverflow


def test_overflow_is_an_audio_error() -> None:
    assert issubclass(AudioOverflow, AudioError)
