"""Draws the terminal's screens: `python scripts/make_screens.py`.

Those of the README go to docs/ and are of a real call, those that the snapshot tests expect to
tests/voicecli/tui/snapshots/: look at what changed before it is committed.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.make_screenshots import CALL, speak  # noqa: E402
from tests.voicecli.tui.pictures import FOLDER, Picture, drawn, pictures  # noqa: E402
from voicecli.calls.eventloop import run_precisely  # noqa: E402
from voicecli.calls.localserver import local_server  # noqa: E402
from voicecli.talking.talk import Conversation, TalkSettings  # noqa: E402
from voicecli.talking.talksound import SoundWish, opened  # noqa: E402
from voicecli.talking.talkstate import TalkEvent, TalkState  # noqa: E402
from voicewire.clock import SystemClock  # noqa: E402

SPOKEN_MS = 1_200.0
"""So much of an answer was heard when its picture is taken."""


async def called() -> list[TalkState]:
    """A real call; how it stood in the midst of each answer."""
    states: dict[int, TalkState] = {}
    clock = SystemClock()

    def watch(before: TalkState, event: TalkEvent, after: TalkState) -> None:
        for turn in after.call.turns:
            if turn.played_ms > SPOKEN_MS and turn.outcome is None:
                states.setdefault(turn.turn_id, after)

    with tempfile.TemporaryDirectory() as folder:
        call, answer = Path(folder) / "call.wav", Path(folder) / "answer.wav"
        speak(CALL, call)
        async with opened(SoundWish(call, answer), clock, lambda event: None) as sound, local_server({}) as server:
            await Conversation(TalkSettings(server.url, stays=False), sound, clock, watch).run()
    return list(states.values())


async def main() -> int:
    first, *_, last = await called()
    readme = (Picture("talk", first, (100, 30)), Picture("talk-barge-in", last, (100, 30)))
    for folder, some in ((ROOT / "docs", readme), (FOLDER, tuple(pictures()))):
        folder.mkdir(exist_ok=True)
        for picture in some:
            (folder / f"{picture.name}.svg").write_text(await drawn(picture), encoding="utf-8")
        print(f"{folder.relative_to(ROOT)}: {len(some)}")
    return 0


if __name__ == "__main__":
    sys.exit(run_precisely(main()))
