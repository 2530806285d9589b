"""What a project asks of all its runs: `voicecli.toml`, in the working directory or above it in the repository."""

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

TOML_NAME = "voicecli.toml"
_REPOSITORY = ".git"


class ProjectError(Exception):
    """A `voicecli.toml` cannot be used; the message names the file and what to do."""


class Project(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    budgets: tuple[str, ...] = ()


def found_from(folder: Path) -> Path | None:
    """The nearest `voicecli.toml`, no further up than the root of the repository; outside of one, in `folder` alone."""
    folder = folder.absolute()
    above = [folder, *folder.parents]
    root = next((place for place in above if (place / _REPOSITORY).exists()), folder)
    within = above[: above.index(root) + 1]
    return next((place / TOML_NAME for place in within if (place / TOML_NAME).is_file()), None)


def load(path: Path) -> Project:
    """Raises ProjectError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Project)
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path}: not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ProjectError(f'{path}: {error}; it holds budgets = ["voice_to_voice p95 < 900ms"]') from None
