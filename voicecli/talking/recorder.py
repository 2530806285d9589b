"""The recording of a conversation: one at a time, each into a folder of its own."""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from voicecli.fixtures.fixture import FixtureError
from voicecli.fixtures.tape import Tape, record_into
from voicecli.talking.problems import Problem
from voicecli.talking.talkstate import Ending, ProblemSettled, ProblemTold, RecordingBegan, RecordingEnded, TalkEvent

Aside = Callable[[Callable[[], str | None]], Awaitable[str | None]]
"""Does what may take long, off the loop."""

FAILED = "recording_failed"


def first_free(folder: Path) -> Path:
    """The folder, or else the first of those numbered on from it, that a recording can be made in."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(each for each in chain([folder], numbered) if not os.path.lexists(each))


def replay_command(folder: str) -> str:
    """As a shell takes it."""
    return f"voicecli replay {shlex.quote(folder)}"


class _Open(NamedTuple):
    folder: Path
    files: ExitStack


class Recorder:
    """`tape` is what is recorded on, where something is; what comes of it is told as events."""

    def __init__(self, tell: Callable[[TalkEvent], None], aside: Aside) -> None:
        self.tape: Tape | None = None
        self.group: asyncio.TaskGroup | None = None
        """Drafts fixtures while the conversation goes on; without it, that is waited for."""
        self._tell = tell
        self._aside = aside
        self._open: _Open | None = None

    def begin(self, folder: Path, now_ns: int, *, pre_skip: int, microphone: str, sent_before_ms: float) -> None:
        files = ExitStack()
        tape = record_into(folder, now_ns, pre_skip=pre_skip, microphone=microphone, sent_before_ms=sent_before_ms)
        try:
            self.tape = files.enter_context(tape)
        except FixtureError as error:
            self.refuse(f"{error}.")
            return
        self._open = _Open(folder, files)
        self._tell(ProblemSettled(FAILED))
        self._tell(RecordingBegan(str(folder)))

    def refuse(self, reason: str) -> None:
        self._tell(ProblemTold(Problem(FAILED, "Nothing is recorded.", reason)))

    def end_if_failed(self) -> None:
        if self.tape is not None and self.tape.failure is not None:
            self.end()

    def end(self, *, cut_off: bool = False) -> None:
        """What was recorded is whole, however it ended. To draft its fixture takes some 0.3 s for each minute of it,
        which a conversation that goes on does not wait for."""
        if self.tape is None or self._open is None:
            return
        failure, (folder, files) = self.tape.failure, self._open
        self.tape = self._open = None
        ended = partial(self._ended, folder, cut_off, failure)
        if self.group is None:
            ended(_drafted(files))
        else:
            self.group.create_task(self._draft(files, ended))

    async def _draft(self, files: ExitStack, ended: Callable[[str | None], None]) -> None:
        ended(await self._aside(partial(_drafted, files)))

    def _ended(self, folder: Path, cut_off: bool, failure: str | None, undrafted: str | None) -> None:
        failure = failure or undrafted
        ending = Ending.FAILED if failure else Ending.CUT_OFF if cut_off else Ending.WHOLE
        self._tell(RecordingEnded(str(folder), ending))
        if failure is not None:
            self._tell(ProblemTold(Problem(FAILED, "The recording has ended.", failure)))


def _drafted(files: ExitStack) -> str | None:
    """Why it is not a fixture; None where it is."""
    try:
        files.close()
    except FixtureError as error:
        return f"{error}."
    return None
