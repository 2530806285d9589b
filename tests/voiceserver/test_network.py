import socket

import pytest

from voiceserver.network import customer, in_url, is_loopback, own_addresses


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "a.localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
def test_a_loopback_host_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.1.5", "localhost.example.com", "127.0.0.1.example.com", "notlocalhost"]
)
def test_every_other_host_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("voice.example.com", "voice.example.com"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("", "127.0.0.1"),
    ],
)
def test_a_host_in_a_url_can_be_connected_to(host: str, shown: str) -> None:
    assert in_url(host) == shown


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_addresses_are_counted_by_whom_they_belong_to(address: str, whose: str) -> None:
    assert customer(address) == whose


def test_own_addresses_are_ones_that_can_be_listened_on() -> None:
    for address in own_addresses():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as listener:
            listener.bind((address, 0))
        assert not is_loopback(address)


def test_a_machine_without_a_network_has_no_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("voiceserver.network.socket.socket.connect", unreachable)
    assert list(own_addresses()) == []
