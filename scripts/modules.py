"""Which modules the page needs to begin: found by following `import` from its first one."""

import posixpath
import re
from pathlib import Path

FIRST = "app.js"
_IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?from\s*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE | re.DOTALL)
_PRELOADS = re.compile(r'(?:^ *<link rel="modulepreload"[^\n]*\n)+', re.MULTILINE)


def imported(web: Path, first: str = FIRST) -> list[str]:
    """All modules that `first` imports, directly or not, by their path below `web`. What is imported later is not."""
    found: list[str] = []
    waiting = [first]
    while waiting:
        module = waiting.pop(0)
        text = (web / module).read_text(encoding="utf-8")
        for target in _IMPORT.findall(text):
            name = posixpath.normpath(posixpath.join(posixpath.dirname(module), target))
            if name != first and name not in found:
                found.append(name)
                waiting.append(name)
    return sorted(found)


def with_preloads(html: str, modules: list[str]) -> str:
    """The page with a `modulepreload` for each module in place of those it has: a browser that must read one module to
    learn of the next pays a round trip for each level."""
    links = "".join(f'    <link rel="modulepreload" href="{module}" />\n' for module in modules)
    written, replaced = _PRELOADS.subn(lambda _: links, html, count=1)
    if not replaced:
        raise ValueError('index.html has no <link rel="modulepreload"> to replace')
    return written
