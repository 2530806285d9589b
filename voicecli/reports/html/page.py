"""A run as one HTML page that needs nothing else: figures, waterfalls, and calls to listen to.

The page's parts lie beside this module as they are read and tested, and are put into one file as they are. Nothing in
it is fetched: its policy allows the one script and the one style that it was made with, and sound from itself.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from voicecli.baseline import Baseline
from voicecli.calls.take import Take
from voicecli.figures.comparison import Comparison, Incomparable, compare
from voicecli.figures.run import Run
from voicecli.figures.verdict import Tolerance
from voicecli.reports.html import content
from voicecli.reports.html.content import Audio, Content, PageRun
from voicecli.reports.html.sound import CALLS_OF_FIXTURE, MB, PEAK_MS, CallSound, Kept, kept

FOLDER = Path(__file__).parent
SCRIPTS = (
    "figures.js",
    "layout.js",
    "samples.js",
    "element.js",
    "distributions.js",
    "waterfalls.js",
    "timeline.js",
    "player.js",
    "call.js",
    "comparison.js",
    "overview.js",
    "report.js",
)
"""In the order in which they need each other."""

FROM_FILE = "No audio: a run file keeps figures, and no sound."

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_UNSAFE = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})
"""What could end the element that holds JSON, or a line of it."""


class Compared(NamedTuple):
    """The other run beside the run."""

    name: str
    run: Run
    comparison: Comparison | None
    refused: str = ""
    """Why there is no comparison."""


def replay_page(
    run: Run,
    takes: Sequence[Take],
    baseline: Baseline | None = None,
    tolerance: Tolerance | None = None,
    *,
    force: bool = False,
    most_mb: float,
) -> bytes:
    """The page of a run that was just made, with at most `most_mb` of sound before it is coded as text."""
    found = kept(takes, round(most_mb * MB))
    places = [(at, number) for at, fixture in enumerate(run.fixtures) for number in range(len(fixture.runs))]
    # A run's fixtures are in the order of their first takes, and so are the calls of each.
    ordered = sorted(range(len(takes)), key=lambda at: _fixture_at(run, takes[at]))
    sounds = {places[place]: found.sounds[at] for place, at in enumerate(ordered) if at in found.sounds}
    compared = None
    if baseline is not None:
        try:
            comparison = compare(baseline.run, run, tolerance, force=force)
            compared = Compared(baseline.name, baseline.run, comparison)
        except Incomparable as error:
            compared = Compared(baseline.name, baseline.run, None, str(error))
    return page(run, "this run", sounds=sounds, audio_note=_audio_note(found, len(takes), most_mb), compared=compared)


def page(
    run: Run,
    name: str,
    *,
    sounds: Mapping[tuple[int, int], CallSound] | None = None,
    audio_note: str = FROM_FILE,
    compared: Compared | None = None,
) -> bytes:
    """`sounds` by the place of the fixture and of the call. The same run gives the same page."""
    sounds = sounds or {}
    audio = {
        (at, number): Audio(id=f"sound-{at}-{number}", bytes=len(sound.webm), peaks=_base64(sound.peaks))
        for (at, number), sound in sounds.items()
    }
    durations_ms = {audio[place].id: sound.duration_ms for place, sound in sounds.items()}
    runs: list[PageRun] = [content.page_run(name, run, audio_note, audio, durations_ms)]
    if compared is not None:
        runs.append(content.page_run(compared.name, compared.run, FROM_FILE, {}, {}))
    title = content.title(run.fixtures)
    told = Content(
        title=title,
        peak_ms=PEAK_MS,
        parts=content.PART_NAMES,
        spans=content.SPAN_NAMES,
        runs=tuple(runs),
        comparison=content.page_comparison(compared.comparison) if compared and compared.comparison else UNSET,
        not_compared=compared.refused if compared and compared.refused else UNSET,
    )
    blocks = [
        f'<script type="audio/webm" id="{audio[place].id}">{_base64(sound.webm)}</script>'
        for place, sound in sounds.items()
    ]
    script, style = _script(), _file("report.css")
    filled = {
        "title": escape(f"{title} · voicecli report"),
        "policy": _policy(script, style),
        "style": style,
        "sounds": "\n".join(blocks),
        "content": json_in_html(told),
        "script": script,
    }
    return _SLOT.sub(lambda slot: filled[slot[1]], _file("report.html")).encode()


def json_in_html(told: object) -> str:
    """JSON that no text in it can end or break, wherever it stands in a page."""
    return msgspec.json.encode(told).decode().translate(_UNSAFE)


def _fixture_at(run: Run, take: Take) -> int:
    return [fixture.name for fixture in run.fixtures].index(take.fixture.name)


def _audio_note(found: Kept, calls: int, most_mb: float) -> str:
    if most_mb == 0:
        return "No audio: --html-audio 0 leaves it out."
    which = f"of each fixture the typical call, the slowest, and up to {CALLS_OF_FIXTURE - 2} more, failed ones first"
    note = f"{len(found.sounds)} of {calls} calls can be heard"
    if len(found.sounds) < calls:
        note += f": {which}"
    total = sum(len(sound.webm) for sound in found.sounds.values()) / MB
    full = f"; {found.left_out} more did not fit into {most_mb:g} MB (--html-audio)" if found.left_out else ""
    return f"{note} ({total:.1f} MB{full})."


def _script() -> str:
    """All modules as one: a page opened from a file cannot load another file."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _file(name))) for name in SCRIPTS)


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; media-src blob:; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _file(name: str) -> str:
    # Read as bytes: on Windows, a checkout's line ends would come out as others.
    return (FOLDER / name).read_bytes().decode().replace("\r\n", "\n")
