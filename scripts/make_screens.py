"""Draws the terminal's screens: `python scripts/make_screens.py`.

Those of the README go to docs/, and those that the snapshot tests expect to tests/voicecli/tui/snapshots/: look at what
changed before it is committed.
"""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.voicecli.scenes import SCENES, acted  # noqa: E402
from tests.voicecli.tui.pictures import FOLDER, Picture, drawn, pictures  # noqa: E402

README = (
    Picture("talk", acted(SCENES["speaking"]), (100, 30)),
    Picture("talk-barge-in", acted(SCENES["barge-in"]), (80, 24)),
)


async def main() -> int:
    for folder, some in ((ROOT / "docs", README), (FOLDER, tuple(pictures()))):
        folder.mkdir(exist_ok=True)
        for picture in some:
            (folder / f"{picture.name}.svg").write_text(await drawn(picture), encoding="utf-8")
        print(f"{folder.relative_to(ROOT)}: {len(some)}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
