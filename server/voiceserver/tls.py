"""TLS: with the certificate that is given, or with one of the server's own making."""

import os
import re
import socket
import ssl
import sys
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from voiceserver.network import WILDCARDS, own_addresses
from voiceserver.settings import ServerSettings, SettingsError, TlsMode

_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


class Tls(NamedTuple):
    context: ssl.SSLContext
    fingerprint: str | None = None
    """SHA-256 of a certificate that no browser knows, for its user to compare."""


def tls(settings: ServerSettings, now: datetime) -> Tls | None:
    """None for plain HTTP. Raises SettingsError: a file is missing, or is not what it should be."""
    if settings.tls is TlsMode.OFF:
        return None
    if settings.tls is TlsMode.SELF_SIGNED:
        if settings.tls_cert or settings.tls_key:
            raise SettingsError("--tls self-signed makes a certificate of its own; leave out --tls-cert and --tls-key")
        return _self_signed(settings.host, now)
    if settings.tls_cert and settings.tls_key:
        return Tls(_given(settings.tls_cert, settings.tls_key))
    if settings.tls_cert or settings.tls_key:
        given, missing = ("--tls-cert", "--tls-key") if settings.tls_cert else ("--tls-key", "--tls-cert")
        raise SettingsError(f"{given} needs {missing} beside it; one file that holds both can be given twice")
    return None


def hosts(host: str) -> list[str]:
    """The names and addresses that this machine is called by, when it listens on `host`."""
    called = ["localhost", "127.0.0.1", "::1"]
    name = socket.gethostname()
    if _DNS_NAME.fullmatch(name):
        called += [name] if "." in name else [name, f"{name}.local"]
    called += [host] if host not in WILDCARDS else []
    return list(dict.fromkeys([*called, *own_addresses()]))


def cache_folder() -> Path:
    """Where a certificate is kept, so that a phone that has accepted it need not be asked again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "voicecli"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicecli"


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _given(certificate: str, key: str) -> ssl.SSLContext:
    for flag, path in (("--tls-cert", certificate), ("--tls-key", key)):
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise SettingsError(f"{flag}: {path}: {error.strerror}") from None
        wanted = b"CERTIFICATE-----" if flag == "--tls-cert" else b"PRIVATE KEY-----"
        if wanted not in text:
            kind = "certificate" if flag == "--tls-cert" else "private key"
            raise SettingsError(f"{flag}: {path}: holds no {kind} in PEM form")

    def ask() -> str:
        raise SettingsError(
            f"--tls-key: {key}: is encrypted, and nobody is there to type its password; "
            f"write a plain one: openssl pkey -in {key} -out plain-key.pem"
        )

    context = _context()
    try:
        context.load_cert_chain(certificate, key, password=ask)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"--tls-key: {key}: is not the key of the certificate in {certificate}") from None
        raise SettingsError(f"--tls-cert, --tls-key: {certificate} and {key} cannot be used: {error.reason}") from None
    return context


def _self_signed(host: str, now: datetime) -> Tls:
    try:
        from voiceserver import certificate
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        raise SettingsError(
            f"--tls self-signed needs the library {library}, which is not installed: pip install 'voicecli[tls]'"
        ) from None
    names = hosts(host)
    path = cache_folder() / "self-signed.pem"
    with suppress(OSError):  # none is kept, or it is broken (an SSLError is an OSError): it is made again
        pem = path.read_bytes()
        if certificate.serves(pem, names, now):
            return Tls(_load(path), certificate.fingerprint(pem))
    pem = certificate.make(names, now)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, pem)
        context = _load(path)
    except OSError:  # nowhere to keep it: it lives as long as the server
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder, path.name), pem)
            context = _load(Path(folder, path.name))
    return Tls(context, certificate.fingerprint(pem))


def _load(path: Path) -> ssl.SSLContext:
    context = _context()
    context.load_cert_chain(path)
    return context


def _write(path: Path, secret: bytes) -> None:
    """So that nobody else reads it, and nobody sees half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
