import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers

from voiceserver.visitor import Visitor


def visitor(*headers: tuple[str, str], secure: bool = False, trust_proxy: bool = False) -> Visitor:
    return Visitor.of(Headers(headers), "203.0.113.9", secure=secure, trust_proxy=trust_proxy)


def test_a_visitor_is_what_the_connection_and_the_request_tell() -> None:
    assert visitor(("Host", "voice.example.com:8443"), ("Origin", "https://voice.example.com:8443"), secure=True) == (
        Visitor("203.0.113.9", "voice.example.com:8443", True, "https://voice.example.com:8443")
    )
    assert visitor() == Visitor("203.0.113.9")


FORWARDED = (
    ("Host", "127.0.0.1:8080"),
    ("X-Forwarded-For", "10.0.0.1, 198.51.100.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "voice.example.com"),
)


def test_a_proxy_is_not_believed_unless_it_is_trusted() -> None:
    assert visitor(*FORWARDED) == Visitor("203.0.113.9", "127.0.0.1:8080")
    assert visitor(*FORWARDED, trust_proxy=True) == Visitor("198.51.100.7", "voice.example.com", True)


def test_a_trusted_proxy_that_says_nothing_changes_nothing() -> None:
    assert visitor(("Host", "a"), secure=True, trust_proxy=True) == Visitor("203.0.113.9", "a", True)


def test_of_several_addresses_the_last_is_the_proxys_own_word() -> None:
    headers = (("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2, 3.3.3.3"))
    assert visitor(*headers, trust_proxy=True).address == "3.3.3.3"


@pytest.mark.parametrize(
    ("told", "address"),
    [("198.51.100.7:4711", "198.51.100.7"), ("[2001:db8::1]:4711", "2001:db8::/64"), ("2001:db8::1", "2001:db8::/64")],
)
def test_a_port_behind_a_forwarded_address_does_not_count(told: str, address: str) -> None:
    assert visitor(("X-Forwarded-For", told), trust_proxy=True).address == address


def test_headers_that_came_twice_are_nobodys() -> None:
    twice = visitor(("Host", "a"), ("Host", "b"), ("Origin", "http://a"), ("Origin", "http://b"))
    assert (twice.host, twice.origin) == ("a, b", "http://a, http://b")


@pytest.mark.parametrize(
    ("header", "bearer"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
    ],
)
def test_a_bearer_token_is_taken_from_its_header(header: str, bearer: str | None) -> None:
    assert visitor(("Authorization", header)).bearer == bearer


@pytest.mark.parametrize(
    ("header", "cookie"),
    [
        ("voicecli_token=abc", "abc"),
        ("a=1; voicecli_token=abc; b=2", "abc"),
        ('voicecli_token="a.b=="', "a.b=="),
        ("voicecli_token=", None),
        ("xvoicecli_token=abc", None),
        ("Voicecli_Token=abc", None),
        ("; ;=;voicecli_token", None),
    ],
)
def test_a_token_is_taken_from_its_cookie(header: str, cookie: str | None) -> None:
    assert visitor(("Cookie", header)).cookie == cookie


HEADER = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
NAMES = ["Host", "Origin", "Cookie", "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), HEADER)))
def test_any_header_is_taken(headers: list[tuple[str, str]]) -> None:
    visitor(*headers, trust_proxy=True)
