import os
import ssl
import stat
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from voiceserver import certificate
from voiceserver.settings import ServerSettings, SettingsError, TlsMode
from voiceserver.tls import cache_folder, hosts, tls
from voicewire.clock import utc_now

NOW = utc_now()
PEM = certificate.make(["localhost"], NOW)
OTHER = certificate.make(["localhost"], NOW)
CERT, KEY = (PEM[: PEM.index(b"-----BEGIN PRIVATE")], PEM[PEM.index(b"-----BEGIN PRIVATE") :])
ENCRYPTED = load_pem_private_key(KEY, None).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush")
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "cache" / "voicecli" / "self-signed.pem"


@pytest.mark.parametrize("given", [{}, {"tls": TlsMode.OFF}, {"tls": TlsMode.OFF, "tls_cert": "a", "tls_key": "b"}])
def test_without_a_certificate_it_is_plain_http(given: dict[str, Any]) -> None:
    assert tls(ServerSettings(**given), NOW) is None


def test_a_certificate_and_its_key_are_used(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_bytes(CERT)
    (tmp_path / "key.pem").write_bytes(KEY)
    (tmp_path / "both.pem").write_bytes(PEM)
    for cert, key in (("cert.pem", "key.pem"), ("both.pem", "both.pem")):
        found = tls(ServerSettings(tls_cert=str(tmp_path / cert), tls_key=str(tmp_path / key)), NOW)
        assert found is not None
        assert found.fingerprint is None
        assert found.context.minimum_version is ssl.TLSVersion.TLSv1_2


def write(folder: Path, cert: bytes | None, key: bytes | None) -> ServerSettings:
    for name, content in (("cert.pem", cert), ("key.pem", key)):
        if content is not None:
            (folder / name).write_bytes(content)
    return ServerSettings(tls_cert=str(folder / "cert.pem"), tls_key=str(folder / "key.pem"))


@pytest.mark.parametrize(
    ("cert", "key", "told"),
    [
        (None, KEY, "--tls-cert: {cert}: No such file or directory"),
        (CERT, None, "--tls-key: {key}: No such file or directory"),
        (b"", KEY, "--tls-cert: {cert}: holds no certificate in PEM form"),
        (KEY, KEY, "--tls-cert: {cert}: holds no certificate in PEM form"),
        (CERT, b"\x30\x82", "--tls-key: {key}: holds no private key in PEM form"),
        (CERT, CERT, "--tls-key: {key}: holds no private key in PEM form"),
        (CERT, OTHER, "--tls-key: {key}: is not the key of the certificate in {cert}"),
        (
            CERT,
            ENCRYPTED,
            "--tls-key: {key}: is encrypted, and nobody is there to type its password; "
            "write a plain one: openssl pkey -in {key} -out plain-key.pem",
        ),
        (CERT[:200] + CERT[-40:], KEY, "--tls-cert, --tls-key: {cert} and {key} cannot be used: "),
        (CERT, KEY[:60] + KEY[-40:], "--tls-cert, --tls-key: {cert} and {key} cannot be used: "),
    ],
)
def test_files_that_cannot_be_used_are_told(cert: bytes | None, key: bytes | None, told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        tls(write(tmp_path, cert, key), NOW)
    expected = told.format(cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    assert str(refused.value).startswith(expected) if told.endswith(": ") else str(refused.value) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"tls_cert": "c.pem"},
            "--tls-cert needs --tls-key beside it; one file that holds both can be given twice",
        ),
        ({"tls_key": "k.pem"}, "--tls-key needs --tls-cert beside it; one file that holds both can be given twice"),
        (
            {"tls": TlsMode.SELF_SIGNED, "tls_cert": "c.pem"},
            "--tls self-signed makes a certificate of its own; leave out --tls-cert and --tls-key",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        tls(ServerSettings(**given), NOW)
    assert str(refused.value) == told


SELF_SIGNED = ServerSettings(tls=TlsMode.SELF_SIGNED)


def test_a_certificate_of_its_own_is_kept_where_nobody_else_reads_it(cache: Path) -> None:
    first, again = tls(SELF_SIGNED, NOW), tls(SELF_SIGNED, NOW + timedelta(days=30))
    assert first is not None
    assert again is not None
    assert first.fingerprint == again.fingerprint == certificate.fingerprint(cache.read_bytes())
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert os.listdir(cache.parent) == [cache.name]
    assert certificate.serves(cache.read_bytes(), hosts("127.0.0.1"), NOW)


@pytest.mark.parametrize("kept", [b"", b"rubbish", PEM, certificate.make(hosts("127.0.0.1"), NOW)[:-80]])
def test_one_that_is_not_good_any_more_is_made_again(kept: bytes, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(kept)
    assert tls(SELF_SIGNED, NOW) is not None
    assert cache.read_bytes() != kept


def test_where_nothing_can_be_kept_it_lives_as_long_as_the_server(cache: Path) -> None:
    cache.parent.parent.write_bytes(b"a file where the folder would be")
    found = tls(SELF_SIGNED, NOW)
    assert found is not None
    assert found.fingerprint


def test_the_cache_is_where_the_system_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/home/ada/.cache/voicecli")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path("/home/ada/Library/Caches/voicecli")


def test_a_machine_is_called_by_its_names_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceserver.tls.socket.gethostname", lambda: "studio")
    monkeypatch.setattr("voiceserver.tls.own_addresses", lambda: iter(["192.168.1.5", "fd00::5"]))
    local = ["localhost", "127.0.0.1", "::1", "studio", "studio.local"]
    assert hosts("0.0.0.0") == [*local, "192.168.1.5", "fd00::5"]
    assert hosts("192.168.1.5") == [*local, "192.168.1.5", "fd00::5"]
    monkeypatch.setattr("voiceserver.tls.socket.gethostname", lambda: "odd_name")
    assert hosts("voice.example.com")[3] == "voice.example.com"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "voiceserver.certificate", None)
    monkeypatch.delattr("voiceserver.certificate", raising=False)
    with pytest.raises(SettingsError, match=r"^--tls self-signed needs the library .*: pip install 'voicecli\[tls\]'$"):
        tls(SELF_SIGNED, NOW)
