from pathlib import Path

import pytest

from voicecli.calls import plan as plans
from voicecli.calls.network import LinkSettings
from voicecli.calls.plan import InputCodec, PlannedLink
from voicecli.exits import CliError, ExitCode
from voicewire.formats import Codec

FIXTURES = Path(__file__).parents[3] / "fixtures"


def test_fixtures_are_read_with_their_audio_in_the_codec_that_is_asked_for() -> None:
    paths = [FIXTURES / "silence", FIXTURES / "numbers"]
    assert [each.fixture.name for each in plans.planned(paths)] == ["silence", "numbers"]
    codecs = [plans.planned(paths[1:], codec)[0].recording.format.codec for codec in InputCodec]
    assert codecs == [Codec.OPUS, Codec.PCM_S16LE]


def test_what_is_no_fixture_is_a_matter_of_usage(tmp_path: Path) -> None:
    for path in (tmp_path, FIXTURES / "nowhere"):
        with pytest.raises(CliError) as refused:
            plans.planned([path])
        assert refused.value.exit_code is ExitCode.USAGE


def test_audio_that_goes_on_after_what_the_fixture_tells_of_is_said_to() -> None:
    (numbers,) = plans.planned([FIXTURES / "numbers"])
    assert numbers.unsaid is None
    payloads, told_ms = numbers.recording.payloads, numbers.fixture.end_ms

    def lasting(held_ms: int) -> str | None:
        held = (payloads * 2)[: held_ms // 20]
        return numbers._replace(recording=numbers.recording._replace(payloads=held)).unsaid

    assert lasting(told_ms + 100) is None
    assert lasting(told_ms + 120) == (
        f"{numbers.fixture.audio_path()} holds {told_ms + 120} ms, and fixture.toml speaks of {told_ms} ms: the rest is"
        " not sent"
    )


def test_each_call_has_a_link_of_its_own_the_same_in_every_run() -> None:
    link = plans.link(" rtt=80ms   jitter=1ms ", 3)
    assert link == PlannedLink("rtt=80ms jitter=1ms", LinkSettings(rtt_ns=80_000_000, jitter_ns=1_000_000), 3)
    assert str(link) == "rtt=80ms jitter=1ms seed=3"
    assert [link.of_call("tone", number).seed for number in (1, 2)] == ["3 tone 1", "3 tone 2"]
    assert plans.link(None, 3) is None
    with pytest.raises(CliError, match="--net: "):
        plans.link("rtt=fast", 1)


def test_a_folder_for_audio_is_made_or_refused(tmp_path: Path) -> None:
    assert plans.audio_folder(None) is None
    made = plans.audio_folder(tmp_path / "a" / "b")
    assert made is not None
    assert made.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(CliError, match="--save-audio"):
        plans.audio_folder(tmp_path / "file")
