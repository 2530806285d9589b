"""Hosts and addresses: which are this machine's own, how they stand in a URL, and whom an address belongs to."""

import ipaddress
import socket
from collections.abc import Iterator

WILDCARDS = ("0.0.0.0", "::", "")
"""Hosts that mean every address of this machine."""

_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of nobody (RFC 5737, RFC 3849)."""


def is_loopback(host: str) -> bool:
    """Whether a host, without a port, is this machine and nobody else can connect to it."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """A host as it stands in a URL: IPv6 in brackets, and a wildcard as an address that can be connected to."""
    if host in WILDCARDS:
        host = "::1" if host == "::" else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def own_addresses() -> Iterator[str]:
    """The addresses under which other machines on the network reach this one, IPv4 first; none without a network."""
    for family, elsewhere in _ELSEWHERE:
        try:
            # A datagram socket sends nothing to connect; it only picks the address that it would send from.
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                address = str(probe.getsockname()[0])
        except OSError:
            continue
        if not is_loopback(address) and not ipaddress.ip_address(address).is_link_local:
            yield address


def customer(address: str) -> str:
    """Whom an address belongs to, to count by: an IPv6 customer has a whole /64. What is no address stays as it is."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
