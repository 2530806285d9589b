"""The page's modules, found by their imports."""

from pathlib import Path

import pytest

from scripts import modules


def test_modules_are_followed_through_folders_and_named_once(tmp_path: Path) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "app.js").write_text('import { a } from "./ui/a.js";\nimport {\n  b,\n} from "./b.js";\na(b);\n')
    (tmp_path / "b.js").write_text('export { c } from "./c.js";\n// import { no } from "./no.js";\n')
    (tmp_path / "c.js").write_text('const later = () => import("./later.js");\n')
    (tmp_path / "ui" / "a.js").write_text('import { c } from "../c.js";\nimport { app } from "../app.js";\n')
    assert modules.imported(tmp_path) == ["b.js", "c.js", "ui/a.js"]


def test_the_preloads_of_a_page_are_replaced() -> None:
    html = '<head>\n    <link rel="modulepreload" href="old.js" />\n    <script src="app.js"></script>\n</head>\n'
    written = modules.with_preloads(html, ["a.js", "b.js"])
    assert written == (
        '<head>\n    <link rel="modulepreload" href="a.js" />\n    <link rel="modulepreload" href="b.js" />\n'
        '    <script src="app.js"></script>\n</head>\n'
    )
    assert modules.with_preloads(written, ["a.js", "b.js"]) == written


def test_a_page_without_preloads_is_no_place_for_them() -> None:
    with pytest.raises(ValueError, match="modulepreload"):
        modules.with_preloads("<head></head>", ["a.js"])
