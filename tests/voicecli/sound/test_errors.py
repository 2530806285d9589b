from voicecli.sound.errors import NoSuchDevice, SoundError


def test_a_device_that_is_not_there_is_a_matter_of_sound() -> None:
    assert issubclass(NoSuchDevice, SoundError)
