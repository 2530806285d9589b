"""The page's files. They are read once, into memory: a request can name one of them, and nothing else on the disk."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""What a page is made of. Files of other kinds are not served."""

MAX_BYTES = 16 * 1024 * 1024
"""All files together. The page has a small part of that; past it, the folder is not the page's."""

REVALIDATE = "no-cache"
"""A browser may keep a file, and asks each time whether it changed: there is no build step that would put a hash into
names, and a page whose modules are of two versions is broken."""


class AssetsError(Exception):
    """The page's folder cannot be read, or is not what it should be: a sentence."""


class Asset(NamedTuple):
    content: bytes
    content_type: str
    etag: str
    """Quoted, as the header has it; made from the content."""


class Answer(NamedTuple):
    """An HTTP response, still without what the server says in all of them."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes


class Assets:
    """Files by the path of their URL: `/voicewire/frames.js`."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        """`files` go by their path below the page's folder. Those of another kind than CONTENT_TYPES are left out."""
        self._assets = {
            f"/{path}": Asset(content, content_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
            for path, content in (files or {}).items()
            if (content_type := CONTENT_TYPES.get(os.path.splitext(path)[1]))
        }
        if "/index.html" in self._assets:
            self._assets["/"] = self._assets["/index.html"]

    @classmethod
    def read(cls, folder: Path) -> "Assets":
        """Raises AssetsError."""
        files: dict[str, bytes] = {}
        size = 0
        try:
            for path in _files(folder.resolve(strict=True)):
                size += path.stat().st_size
                if size > MAX_BYTES:
                    raise AssetsError(f"{folder} holds more than the {MAX_BYTES >> 20} MiB that a page may have")
                files[path.relative_to(folder.resolve()).as_posix()] = path.read_bytes()
        except OSError as error:
            raise AssetsError(f"the page cannot be read: {error.filename}: {error.strerror}") from None
        return cls(files)

    @property
    def has_page(self) -> bool:
        return "/" in self._assets

    def find(self, target: str) -> Asset | None:
        """What a request's target names, query and all. Percent-decoding happens once, and only for the look-up."""
        path, _, _ = target.partition("?")
        try:
            return self._assets.get(unquote_to_bytes(path).decode())
        except UnicodeError:
            return None

    def answer(self, method: str, target: str, if_none_match: str = "") -> Answer | None:
        """The response to GET or HEAD; None where there is no such file."""
        asset = self.find(target)
        if asset is None:
            return None
        headers = {"ETag": asset.etag, "Cache-Control": REVALIDATE}
        if _matches(if_none_match, asset.etag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        headers |= {"Content-Type": asset.content_type, "Content-Length": str(len(asset.content))}
        return Answer(HTTPStatus.OK, headers, b"" if method == "HEAD" else asset.content)


def folder_of_page(package: Path | None = None) -> Path | None:
    """`_web` beside this module, as a wheel has it, or else `web` in the checkout; None where neither is."""
    package = package or Path(__file__).parent
    candidates = [package / "_web"]
    if package.parent.name == "server":
        candidates.append(package.parent.parent / "web")
    return next((folder for folder in candidates if folder.is_dir()), None)


def _files(folder: Path) -> Iterator[Path]:
    """Regular files that are served, in order. A link that leaves the folder is none of the page's, nor is a file whose
    name, or whose folder's name, begins with a dot."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            shown = not name.startswith(".") and path.suffix in CONTENT_TYPES
            if shown and path.is_file() and path.resolve().is_relative_to(folder):
                yield path


def _matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110, section 13.1.2: the weak comparison."""
    told = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in told or "*" in told
