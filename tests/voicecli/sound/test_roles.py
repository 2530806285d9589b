"""What stands for a microphone or a speaker fills its role."""

from collections.abc import Callable
from pathlib import Path

from voicecli.sound.files import FileMicrophone, FileSpeaker
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Microphone, Speaker
from voicewire.clock import Clock
from voicewire.formats import FRAME_MS

microphone: Callable[[Path, Clock], Microphone] = FileMicrophone
speaker: Callable[[Path, Clock], Speaker] = FileSpeaker


def test_a_frame_is_what_one_opus_packet_holds() -> None:
    assert FRAME_SAMPLES * 1000 == RATE * FRAME_MS
