"""Write what is generated from the protocol's source and the page's modules.

`generate.py` writes, and `generate.py --check` only tells what is stale.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import modules  # noqa: E402
from voicewire import schema  # noqa: E402


def generated() -> dict[str, str]:
    """The text of every generated file, by its path in the checkout."""
    template = (ROOT / "docs/protocol.template.md").read_text(encoding="utf-8")
    page = (ROOT / "web/index.html").read_text(encoding="utf-8")
    return {
        "docs/voicewire.schema.json": schema.schema_text(),
        "docs/protocol.md": schema.protocol_markdown(template),
        "web/index.html": modules.with_preloads(page, modules.imported(ROOT / "web")),
        "web/voicewire/types.js": schema.typedefs(),
    }


def stale(root: Path = ROOT) -> list[str]:
    """The generated files that are missing or differ from what they should say."""
    return [
        name
        for name, text in generated().items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 naming the files that are stale")
    if parser.parse_args().check:
        for name in (names := stale()):
            print(f"{name} is stale: run .venv/bin/python scripts/generate.py", file=sys.stderr)
        return 1 if names else 0
    for name in stale():
        (ROOT / name).write_text(generated()[name], encoding="utf-8")
        print(f"wrote {name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
