import pytest

from voiceserver.negotiation import choose_input, choose_output, turn_settings
from voiceserver.turn import TurnSettings
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import Endpointing, TurnDetection, TurnDetectionMode

OPUS_44100 = AudioFormat(Codec.OPUS, 44_100)
WEBM = AudioFormat(Codec.WEBM_OPUS)
PCM = AudioFormat(Codec.PCM_S16LE, 44_100)


def test_the_first_usable_format_is_chosen() -> None:
    assert choose_input([OPUS_44100, WEBM, PCM]) == WEBM
    assert choose_output([OPUS_44100, WEBM, PCM]) == PCM


@pytest.mark.parametrize("choose", [choose_input, choose_output])
def test_an_opus_rate_that_there_is_not_is_refused(choose: object) -> None:
    assert callable(choose)
    with pytest.raises(ProtocolError, match=r"opus 44\.1 kHz") as caught:
        choose([OPUS_44100])
    assert caught.value.code is ErrorCode.UNSUPPORTED_FORMAT
    assert caught.value.fatal


def test_what_the_client_leaves_out_is_the_servers_setting() -> None:
    own = TurnSettings(locale="de", silence_ns=1, is_adaptive=True, barge_in=False, barge_in_ns=2)
    assert turn_settings(TurnDetection(), own, locale="de") == own


def test_what_the_client_asks_for_is_taken() -> None:
    asked = TurnDetection(
        mode=TurnDetectionMode.MANUAL, silence_ms=100, endpointing=Endpointing.ADAPTIVE, barge_in=False, barge_in_ms=0
    )
    assert turn_settings(asked, TurnSettings(), locale="en-GB") == TurnSettings(
        mode=TurnDetectionMode.MANUAL,
        locale="en-GB",
        silence_ns=100 * NS_PER_MS,
        is_adaptive=True,
        barge_in=False,
        barge_in_ns=0,
    )
