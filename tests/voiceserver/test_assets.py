import os
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver import assets as module
from voiceserver.assets import CONTENT_TYPES, Answer, Assets, AssetsError, folder_of_page

PAGE = {"index.html": b"<p>hello", "app.js": b"export {}", "voicewire/frames.js": b"// frames", "logo.svg": b"<svg/>"}
SECRET = b"the secret beside the page"


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def web(tmp_path: Path) -> Path:
    tree(tmp_path, {"secret.json": SECRET, "private/secret.js": SECRET})
    return tree(tmp_path / "web", PAGE)


def test_a_file_is_found_by_its_path_and_the_page_at_the_root(web: Path) -> None:
    assets = Assets.read(web)
    assert assets.has_page
    for path, content in [("/", PAGE["index.html"]), *((f"/{name}", content) for name, content in PAGE.items())]:
        found = assets.find(path)
        assert found is not None
        assert found.content == content


def test_a_query_does_not_matter_and_an_encoded_name_is_decoded() -> None:
    assets = Assets({"a b.js": b"1"})
    found = assets.find("/a b.js")
    assert found is not None
    assert assets.find("/a%20b.js?token=x") == found
    assert assets.find("/%61%20b.js#x") is None


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.json",
        "/..%2fsecret.json",
        "/%2e%2e/secret.json",
        "/%2E%2E%2Fsecret.json",
        "/%252e%252e/secret.json",
        "/voicewire/../../secret.json",
        "/voicewire/../index.html",
        "/./index.html",
        "//index.html",
        "/..\\secret.json",
        "/%5c..%5csecret.json",
        "/index.html%00.js",
        "/index.html/",
        "/INDEX.HTML",
        "/voicewire",
        "/voicewire/",
        "/%ff%fe",
        "/%",
        "",
        "index.html",
        "http://127.0.0.1/index.html",
        "/etc/passwd",
        "/private/secret.js",
    ],
)
def test_nothing_but_a_file_of_the_page_has_a_path(target: str, web: Path) -> None:
    assert Assets.read(web).find(target) is None
    assert Assets.read(web).find(f"{web}{target}") is None


_SEGMENTS = ["..", ".", "", "%2e%2e", "%2E.", "..%2f", "..%5c", "\\", "%00", "secret.json", "private", "secret.js"]


@given(
    st.lists(st.sampled_from([*_SEGMENTS, "web", *PAGE, "voicewire"]) | st.text(max_size=5).map(quote), max_size=8),
    st.sampled_from(["", "/", "//", "?", "/?"]),
)
def test_no_path_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, segments: list[str], end: str) -> None:
    parent = tmp_path_factory.getbasetemp() / "once"
    if not parent.exists():
        tree(parent, {"secret.json": SECRET, "private/secret.js": SECRET})
        tree(parent / "web", PAGE)
    found = Assets.read(parent / "web").find("/" + "/".join(segments) + end)
    assert found is None or found.content in PAGE.values()


def test_links_that_leave_the_folder_and_hidden_files_are_no_part_of_the_page(web: Path) -> None:
    (web / "linked.json").symlink_to(web.parent / "secret.json")
    (web / "linked").symlink_to(web.parent / "private", target_is_directory=True)
    (web / "absolute.js").symlink_to((web.parent / "private" / "secret.js").resolve())
    (web / "nowhere.js").symlink_to(web / "nothing.js")
    (web / "alias.js").symlink_to("app.js")
    tree(web, {".git/config.json": SECRET, ".env.json": SECRET})
    os.mkfifo(web / "pipe.js")
    assets = Assets.read(web)
    for path in ("linked.json", "linked/secret.js", "absolute.js", "nowhere.js", ".git/config.json", ".env.json"):
        assert assets.find(f"/{path}") is None
    assert assets.find("/pipe.js") is None
    assert assets.find("/alias.js") == assets.find("/app.js")


def test_files_that_no_page_needs_are_not_served(web: Path) -> None:
    tree(web, {"README.md": b"x", "notes.txt": b"x", "app.js.map": b"x", "tool.py": b"x", "Makefile": b"x"})
    assets = Assets.read(web)
    assert [name for name in os.listdir(web) if assets.find(f"/{name}")] == [
        name for name in os.listdir(web) if Path(name).suffix in CONTENT_TYPES
    ]


@pytest.mark.parametrize(("name", "content_type"), [(f"a{suffix}", kind) for suffix, kind in CONTENT_TYPES.items()])
def test_a_file_has_the_type_of_its_suffix(name: str, content_type: str) -> None:
    answer = Assets({name: b""}).answer("GET", f"/{name}")
    assert answer is not None
    assert answer.headers["Content-Type"] == content_type


def test_modules_are_javascript_whatever_the_machine_thinks() -> None:
    assert CONTENT_TYPES[".js"] == "text/javascript; charset=utf-8"


def test_get_gives_the_content_and_head_all_but_the_content() -> None:
    assets = Assets({"app.js": b"let a"})
    got, head = assets.answer("GET", "/app.js"), assets.answer("HEAD", "/app.js")
    assert got is not None
    assert got == Answer(
        HTTPStatus.OK,
        {
            "ETag": got.headers["ETag"],
            "Cache-Control": "no-cache",
            "Content-Type": "text/javascript; charset=utf-8",
            "Content-Length": "5",
        },
        b"let a",
    )
    assert head == got._replace(body=b"")
    assert assets.answer("GET", "/other.js") is None


def test_the_tag_follows_the_content() -> None:
    def etag(content: bytes) -> str:
        found = Assets({"a.js": content}).find("/a.js")
        assert found is not None
        return found.etag

    assert etag(b"one") == etag(b"one") != etag(b"two")


@pytest.mark.parametrize("told", ["{}", "W/{}", '"other", {}', '"other",W/{}', "*"])
def test_a_copy_that_is_fresh_is_not_sent_again(told: str) -> None:
    assets = Assets({"a.js": b"one"})
    found = assets.find("/a.js")
    assert found is not None
    answer = assets.answer("GET", "/a.js", told.format(found.etag))
    assert answer == Answer(HTTPStatus.NOT_MODIFIED, {"ETag": found.etag, "Cache-Control": "no-cache"}, b"")


@pytest.mark.parametrize("told", ["", '"other"', "W/", ",", "{}x"])
def test_a_copy_that_is_stale_is_sent_again(told: str) -> None:
    assets = Assets({"a.js": b"one"})
    found = assets.find("/a.js")
    assert found is not None
    answer = assets.answer("GET", "/a.js", told.format(found.etag))
    assert answer is not None
    assert answer.status is HTTPStatus.OK


def test_a_folder_that_is_too_large_is_not_read(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", sum(map(len, PAGE.values())) - 1)
    with pytest.raises(AssetsError, match="holds more than the"):
        Assets.read(web)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssetsError, match=r"the page cannot be read: .*none: No such file or directory"):
        Assets.read(tmp_path / "none")


def test_without_an_index_there_is_no_page() -> None:
    assert Assets().find("/") is None
    assert not Assets({"app.js": b""}).has_page


def test_the_page_comes_with_the_package_or_else_from_the_checkout(tmp_path: Path) -> None:
    package = tmp_path / "server" / "voiceserver"
    package.mkdir(parents=True)
    assert folder_of_page(package) is None
    (tmp_path / "web").mkdir()
    assert folder_of_page(package) == tmp_path / "web"
    (package / "_web").mkdir()
    assert folder_of_page(package) == package / "_web"
    installed = tmp_path / "lib" / "voiceserver"
    installed.mkdir(parents=True)
    assert folder_of_page(installed) is None


def test_this_checkout_has_its_page_in_web() -> None:
    folder = folder_of_page()
    assert folder == Path(__file__).parents[2] / "web"
    assert Assets.read(folder).find("/voicewire/frames.js") is not None
