from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from voiceserver.certificate import LIFETIME, SPARE, fingerprint, make, serves

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
HOSTS = ["localhost", "192.168.1.5", "::1"]


def test_it_is_for_every_host_and_no_authority() -> None:
    certificate = x509.load_pem_x509_certificate(make(HOSTS, NOW))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == HOSTS
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == LIFETIME


@pytest.mark.parametrize(
    ("later", "hosts", "good"),
    [
        (timedelta(), HOSTS, True),
        (timedelta(days=380), HOSTS[:1], True),
        (LIFETIME - SPARE, HOSTS, False),
        (-timedelta(days=1), HOSTS, False),
        (timedelta(), [*HOSTS, "192.168.1.6"], False),
    ],
)
def test_it_is_used_again_while_it_is_good(later: timedelta, hosts: list[str], good: bool) -> None:
    assert serves(make(HOSTS, NOW), hosts, NOW + later) is good


@pytest.mark.parametrize("pem", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_made_again(pem: bytes) -> None:
    assert not serves(pem, [], NOW)


def test_the_fingerprint_is_the_certificates_own() -> None:
    pem = make(HOSTS, NOW)
    assert fingerprint(pem) == fingerprint(pem) != fingerprint(make(HOSTS, NOW))
    assert len(fingerprint(pem).split(":")) == 32
