"""Settings of a server that a command starts or stands in for: as `voicecli serve` would have them here."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from voiceserver.settings import CONFIG_ENV, ServerSettings, SettingsError, load, misspelt


def settled(
    flags: Mapping[str, object],
    env: Mapping[str, str],
    *,
    config: str | None = None,
    defaults: Mapping[str, str] | None = None,
    flags_alone: Collection[str] = (),
) -> ServerSettings:
    """From flags (None is not given), the environment, and the TOML file that `config` or the environment names; the
    rest is as with `load`. Raises SettingsError."""
    path, called = (config, "--config") if config else (env.get(CONFIG_ENV), CONFIG_ENV)
    toml = _read(path, called) if path else None
    return load(flags, env, toml, toml_name=path or "", defaults=defaults, flags_alone=flags_alone)


def _read(path: str, called: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise SettingsError(f"{called}: {path}: {reason}") from None


def warn_of_misspelt(env: Mapping[str, str]) -> None:
    """Of variables that nobody reads, on standard error."""
    for called, meant in misspelt(env):
        print(f"voicecli: no setting is called {called}; did you mean {meant}?", file=sys.stderr)
