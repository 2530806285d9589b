import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from voicecli.fixtures import fixture
from voicecli.talking.recorder import Recorder, first_free, replay_command
from voicecli.talking.talkstate import Ending, ProblemSettled, ProblemTold, RecordingBegan, RecordingEnded, TalkEvent
from voicewire.clock import NS_PER_MS

PACKET = b"\xf8\xff\xfe"
"""20 ms of silence, as Opus."""


async def at_once(call: Callable[[], str | None]) -> str | None:
    return call()


class Recorded:
    """A recorder, and what it told."""

    def __init__(self) -> None:
        self.events: list[TalkEvent] = []
        self.recorder = Recorder(self.events.append, at_once)

    def begin(self, folder: Path) -> None:
        self.recorder.begin(folder, 0, pre_skip=312, microphone="a microphone", sent_before_ms=0.0)

    def hear(self, packets: int = 50) -> None:
        assert self.recorder.tape is not None
        for number in range(packets):
            at_ns = number * 20 * NS_PER_MS
            self.recorder.tape.audio_sent([PACKET], at_ns, at_ns)

    def problems(self) -> list[tuple[str, str]]:
        return [(event.problem.title, event.problem.advice) for event in self.events if isinstance(event, ProblemTold)]


@pytest.mark.parametrize(("cut_off", "ending"), [(False, Ending.WHOLE), (True, Ending.CUT_OFF)])
def test_a_recording_is_told_of_when_it_begins_and_when_it_is_on_the_disk(
    tmp_path: Path, cut_off: bool, ending: Ending
) -> None:
    it, folder = Recorded(), tmp_path / "session"
    it.begin(folder)
    it.hear()
    it.recorder.end(cut_off=cut_off)
    fixture.load(folder)
    told = [ProblemSettled("recording_failed"), RecordingBegan(str(folder)), RecordingEnded(str(folder), ending)]
    assert it.events == told
    it.recorder.end()
    assert it.events == told


def test_a_conversation_that_goes_on_does_not_wait_for_the_draft(tmp_path: Path) -> None:
    it, folder = Recorded(), tmp_path / "session"

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            it.recorder.group = group
            it.begin(folder)
            it.hear()
            it.recorder.end()
            assert (it.recorder.tape, (folder / "fixture.toml").exists()) == (None, False)
            it.begin(tmp_path / "next")
        assert it.events[-1] == RecordingEnded(str(folder))

    asyncio.run(main())
    it.recorder.group = None
    it.recorder.end()


def test_a_recording_that_cannot_be_written_has_failed_and_says_why(tmp_path: Path) -> None:
    it, folder = Recorded(), tmp_path / "session"
    it.begin(folder)
    it.hear()
    it.recorder.end_if_failed()
    assert it.recorder.tape is not None
    it.recorder.tape.failure = "the disk is full"
    it.recorder.end_if_failed()
    assert it.recorder.tape is None
    assert it.events[2] == RecordingEnded(str(folder), Ending.FAILED)
    assert it.problems() == [("The recording has ended.", "the disk is full")]


def test_where_nothing_was_heard_there_is_no_recording(tmp_path: Path) -> None:
    it, folder = Recorded(), tmp_path / "session"
    it.begin(folder)
    it.recorder.end(cut_off=True)
    assert it.events[2] == RecordingEnded(str(folder), Ending.FAILED)
    [(title, reason)] = it.problems()
    assert (title, "nothing was recorded" in reason) == ("The recording has ended.", True)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    it = Recorded()
    it.begin(tmp_path)
    [(title, reason)] = it.problems()
    assert (it.recorder.tape, title, "holds something already" in reason) == (None, "Nothing is recorded.", True)


def test_the_folder_that_is_offered_is_the_first_free_one(tmp_path: Path) -> None:
    offered = tmp_path / "recording"
    assert first_free(offered) == offered
    offered.mkdir()
    assert first_free(offered) == tmp_path / "recording-2"
    (tmp_path / "recording-2").write_text("a file")
    assert first_free(offered) == tmp_path / "recording-3"


def test_a_folder_with_a_blank_is_quoted_for_the_shell() -> None:
    assert replay_command("there") == "voicecli replay there"
    assert replay_command("over there") == "voicecli replay 'over there'"
