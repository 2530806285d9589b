"""A sweep as one HTML page: plot, table, and the cut-offs to listen to. It needs nothing but itself."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from string import Template

from msgspec import UNSET

from voicecli.tuning.clip import Clip
from voicecli.tuning.document import CutUtterance, SettingDocument, Tuning
from voicecli.tuning.picture import STYLE as PLOT_STYLE
from voicecli.tuning.picture import embedded
from voicecli.tuning.report import place, verdict
from voicecli.tuning.sweep import shown

_STYLE = (
    """
:root{color-scheme:light dark;--ink:#1d2129;--faint:#5c6471;--line:#d9dde3;--paper:#fff;--card:#f5f6f8;--chosen:#1a7f45;
--bad:#a8301c;--front:#1f6fb2}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaee;--faint:#a0a8b4;--line:#333a44;--paper:#14171c;--card:#1d2128;
--chosen:#5fd08f;--bad:#f08a74;--front:#6db3ee}}
body{margin:2.5rem auto;padding:0 1.25rem;max-width:50rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}
h2{font-size:1.1rem;margin:2.5rem 0 .5rem}
p{margin:.25rem 0}
.faint{color:var(--faint)}
.verdict{margin:1.25rem 0;padding:.75rem 1rem;border-left:4px solid var(--chosen);background:var(--card)}
.verdict.none{border-color:var(--bad)}
.scrolled{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:500;color:var(--faint)}
tr.other{color:var(--faint)}
tr.chosen{color:var(--chosen);font-weight:600}
tr.front td:first-child{color:var(--front)}
ol{list-style:none;padding:0}
li{padding:.75rem 0;border-bottom:1px solid var(--line)}
audio{display:block;width:100%;margin-top:.4rem}
mark{background:none;color:var(--chosen);font-weight:600}
"""
    + PLOT_STYLE
)

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>When to take the turn</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<h1>When to take the turn</h1>
<p class="faint">$basis</p>
<div class="$kind">$verdict</div>
$plot
<h2>Settings</h2>
<div class="scrolled" tabindex="0" role="region" aria-label="Settings"><table>
<thead><tr>$headings</tr></thead>
<tbody>
$rows
</tbody></table></div>
<p class="faint">◆ to choose · ● on the front: no other setting is better in one way and no worse in the other
· “waiting” is from the true end of speech to the turn being taken; p95 from 20 utterances on</p>
$cuts
</body>
</html>
""")


def page(document: Tuning, cuts: Sequence[tuple[CutUtterance, Clip]]) -> bytes:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return _PAGE.substitute(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; media-src data:; img-src data:; base-uri 'none';"
        " form-action 'none'",
        style=_STYLE,
        basis=escape(_basis(document)),
        kind="verdict none" if document.chosen is UNSET else "verdict",
        verdict="".join(f"<p>{escape(sentence.strip())}</p>" for sentence, _ in verdict(document)),
        plot=embedded(document),
        headings="".join(f'<th scope="col">{escape(each)}</th>' for each in _headings(document)),
        rows="\n".join(_row(document, index) for index in range(len(document.settings))),
        cuts=_cuts(document, cuts),
    ).encode()


def _basis(document: Tuning) -> str:
    utterances = sum(len(fixture.utterances) for fixture in document.fixtures)
    engines = ", ".join(engine.name for engine in document.engines.values())
    return (
        f"{utterances} utterances of {len(document.fixtures)} fixtures, called with {len(document.settings)} settings"
        f" on a virtual clock; {engines}; voicecli {document.voicecli}"
    )


def _headings(document: Tuning) -> list[str]:
    return ["", "#", *document.names, "cut off", "rate", "95 % interval", "missed", "waiting p50", "p95"]


def _row(document: Tuning, index: int) -> str:
    each = document.settings[index]
    is_chosen = index == document.chosen
    kind = "chosen" if is_chosen else "front" if each.on_front else "other"
    mark = "◆" if is_chosen else "●" if each.on_front else ""
    cells = [mark, str(index + 1), *(shown(value) for value in each.values.values()), *_figures(each)]
    return f'<tr class="{kind}">{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


def _figures(each: SettingDocument) -> Iterator[str]:
    figures = each.figures
    low, high = figures.interval
    yield f"{figures.cut} of {figures.utterances}"
    yield f"{figures.rate * 100:.3g} %"
    yield f"{low * 100:.1f}–{high * 100:.1f} %"
    yield str(figures.missed + figures.unspoken)
    for waiting_ms in (figures.waiting_p50_ms, figures.waiting_p95_ms):
        yield "–" if waiting_ms is UNSET else f"{waiting_ms:.0f} ms"


def _cuts(document: Tuning, cuts: Sequence[tuple[CutUtterance, Clip]]) -> str:
    if not cuts:
        return "<h2>Cut off</h2>\n<p>No setting of the front cuts anybody off.</p>"
    items = "\n".join(_cut(document, each, sound) for each, sound in cuts)
    note = "The caller is on the left; on the right a tick where the server took the turn, and its reply."
    return f'<h2>Cut off</h2>\n<p class="faint">{note}</p>\n<ol>\n{items}\n</ol>'


def _cut(document: Tuning, each: CutUtterance, sound: Clip) -> str:
    audio = base64.b64encode(sound.mp3()).decode()
    chosen = " <mark>◆ also with the setting to choose</mark>" if each.by_chosen else ""
    settings = f"{each.of_settings} of {len(document.settings)} settings cut it off"
    return (
        f"<li><strong>{escape(each.fixture)}</strong>, utterance {each.utterance + 1}{chosen}<br>"
        f"“{escape(each.text)}”<br>"
        f'<span class="faint">{escape(document.title(each.setting))}: {escape(place(each))}; {settings}</span>'
        f'<audio controls preload="none" aria-label="{escape(each.fixture)}, utterance {each.utterance + 1}"'
        f' src="data:audio/mpeg;base64,{audio}"></audio></li>'
    )
