"""The plot as SVG: a file of its own, or a part of the page."""

from collections.abc import Iterator
from html import escape

from voicecli.tuning.document import Tuning
from voicecli.tuning.scale import Extent, Point, across, label, points, ticks, upwards

WIDTH, HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 34, 52

STYLE = """
svg.plot{--ink:#1d2129;--faint:#6a7280;--line:#d9dde3;--front:#1f6fb2;--chosen:#1a7f45;--limit:#a86a00;
font:13px system-ui,sans-serif;max-width:100%;height:auto}
.plot text{fill:var(--faint)}
.plot .grid{stroke:var(--line)}
.plot .limit{stroke:var(--limit);stroke-dasharray:5 4}
.plot text.limit{fill:var(--limit);stroke:none}
.plot .path{fill:none;stroke:var(--front);stroke-width:1.5;opacity:.45}
.plot .other{fill:var(--faint);opacity:.55}
.plot .front{fill:var(--front)}
.plot .chosen{fill:var(--chosen)}
.plot text.name{fill:var(--ink);font-weight:600}
@media (prefers-color-scheme:dark){
svg.plot{--ink:#e8eaee;--faint:#98a1ae;--line:#333a44;--front:#6db3ee;--chosen:#5fd08f;--limit:#e0a63c}}
"""


def standalone(document: Tuning) -> bytes:
    """A file that every viewer shows, on its own background."""
    background = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    paper = "svg.plot{--paper:#fff}@media (prefers-color-scheme:dark){svg.plot{--paper:#14171c}}"
    return f"{_opened()}<style>{STYLE}{paper}</style>{background}{_drawn(document)}</svg>\n".encode()


def embedded(document: Tuning) -> str:
    """For a page that has STYLE."""
    return f"{_opened()}{_drawn(document)}</svg>"


def _opened() -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-labelledby="plot-title"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        '<title id="plot-title">Utterances cut off against waiting time, a point for each setting</title>'
    )


def _drawn(document: Tuning) -> str:
    placed = points(document)
    if not placed:
        return f'<text x="{WIDTH / 2:g}" y="{HEIGHT / 2:g}" text-anchor="middle">no utterance was answered</text>'
    x, y = across(placed), upwards(placed, document.tolerance)
    return "".join([*_axes(x, y), *_limit(y, document.tolerance), *_settings(document, placed, x, y)])


def _axes(x: Extent, y: Extent) -> Iterator[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    for share in ticks(y, 6):
        at = _y(y, share)
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at:g}" y2="{at:g}"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:g}" text-anchor="end">{share * 100:g} %</text>'
    for waiting_ms in ticks(x, 9):
        at = _x(x, waiting_ms)
        yield f'<line class="grid" x1="{at:g}" x2="{at:g}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield f'<text x="{at:g}" y="{bottom + 20}" text-anchor="middle">{waiting_ms:g}</text>'
    yield f'<text x="{right}" y="{HEIGHT - 10}" text-anchor="end">waiting after the end of speech, ms (p50)</text>'
    yield f'<text x="{_LEFT - 8}" y="18">utterances cut off</text>'


def _limit(y: Extent, tolerance: float) -> Iterator[str]:
    at = _y(y, tolerance)
    yield f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:g}" y2="{at:g}"/>'
    told = f"tolerance {tolerance * 100:g} %"
    yield f'<text class="limit" x="{WIDTH - _RIGHT}" y="{at - 6:g}" text-anchor="end">{told}</text>'


def _settings(document: Tuning, placed: list[Point], x: Extent, y: Extent) -> Iterator[str]:
    along = sorted((point for point in placed if point.on_front), key=lambda point: point.waiting_ms)
    path = " ".join(f"{_x(x, point.waiting_ms):g},{_y(y, point.share):g}" for point in along)
    yield f'<polyline class="path" points="{path}"/>'
    named: list[tuple[float, float]] = []
    for point in placed:
        at_x, at_y = _x(x, point.waiting_ms), _y(y, point.share)
        kind = "chosen" if point.is_chosen else "front" if point.on_front else "other"
        told = f"{document.title(point.setting)}: {point.share * 100:.3g} % cut off, waiting {point.waiting_ms:.0f} ms"
        shape = (
            f'<path class="{kind}" d="M{at_x:g} {at_y - 8:g}l8 8l-8 8l-8 -8z">'
            if point.is_chosen
            else f'<circle class="{kind}" cx="{at_x:g}" cy="{at_y:g}" r="{5 if point.on_front else 3.5}">'
        )
        yield f"{shape}<title>{escape(told)}</title></{'path' if point.is_chosen else 'circle'}>"
    for point in reversed(placed):
        at_x, at_y = _x(x, point.waiting_ms), _y(y, point.share)
        # A name that would lie on another one is left to the tooltip.
        crowded = any(abs(at_x - other_x) < 40 and abs(at_y - other_y) < 16 for other_x, other_y in named)
        if (point.on_front or point.is_chosen) and not crowded:
            named.append((at_x, at_y))
            name = escape(label(document, placed, point))
            yield f'<text class="name" x="{at_x + 9:g}" y="{at_y - 8:g}">{name}</text>'


def _x(extent: Extent, waiting_ms: float) -> float:
    return round(_LEFT + extent.part(waiting_ms) * (WIDTH - _LEFT - _RIGHT), 1)


def _y(extent: Extent, share: float) -> float:
    return round(HEIGHT - _BOTTOM - extent.part(share) * (HEIGHT - _TOP - _BOTTOM), 1)
