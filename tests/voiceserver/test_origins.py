import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.origins import Origin, OriginPolicy


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:8080", Origin("http", "127.0.0.1", 8080)),
        ("https://App.Example.com", Origin("https", "app.example.com", 443)),
        ("http://[::1]", Origin("http", "[::1]", 80)),
        ("capacitor://localhost", Origin("capacitor", "localhost", None)),
        ("chrome-extension://abcdef", Origin("chrome-extension", "abcdef", None)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: Origin) -> None:
    assert Origin.parse(text) == origin
    assert Origin.parse(str(origin)) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "*", "app.example.com", "//a", "https://", "https://a/", "https://a/b", "https://u@a"),
        *("https://a:", "https://a b", "https://a;b", "https://a\n", "https://a,https://b", "https://-a", "a:b"),
    ],
)
def test_what_is_no_origin_is_none(text: str) -> None:
    assert Origin.parse(text) is None


@given(st.text())
def test_parsing_takes_any_text(text: str) -> None:
    assert Origin.parse(text) is None or "://" in text
    OriginPolicy("127.0.0.1").admits(text, text, secure=True)
    OriginPolicy("127.0.0.1").admits_host(text)


@pytest.mark.parametrize(
    ("origin", "host", "secure", "same"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", False, True),
        ("http://LOCALHOST:8080", "localhost:8080", False, True),
        ("http://localhost", "localhost:80", False, True),
        ("https://voice.example.com", "voice.example.com", True, True),
        ("https://voice.example.com:443", "voice.example.com", True, True),
        ("https://voice.example.com", "voice.example.com", False, False),
        ("http://voice.example.com", "voice.example.com", True, False),
        ("http://127.0.0.1:8081", "127.0.0.1:8080", False, False),
        ("http://localhost:8080", "127.0.0.1:8080", False, False),
        ("https://evil.example", "voice.example.com", True, False),
        ("https://voice.example.com.evil.example", "voice.example.com", True, False),
        ("https://evilvoice.example.com", "voice.example.com", True, False),
        ("null", "voice.example.com", True, False),
        ("", "", True, False),
        ("http://", "", False, False),
        ("http://a, http://b", "a", False, False),
        (None, "voice.example.com", True, True),
        (None, "", False, True),
    ],
)
def test_the_servers_own_page_and_no_page_are_admitted(origin: str | None, host: str, secure: bool, same: bool) -> None:
    policy = OriginPolicy("127.0.0.1")
    assert policy.admits(origin, host, secure=secure) is same
    assert policy.trusts(origin, host, secure=secure) is same


def test_origins_that_are_named_are_admitted_and_no_others() -> None:
    policy = OriginPolicy("127.0.0.1", ["https://app.example.com/", "http://localhost:5173"])
    for origin, admitted in [
        ("https://app.example.com", True),
        ("http://localhost:5173", True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://other.example.com", False),
        ("null", False),
    ]:
        assert policy.admits(origin, "127.0.0.1:8080", secure=False) is admitted
    assert policy.listed == ["http://localhost:5173", "https://app.example.com"]


def test_any_origin_is_admitted_when_asked_for_but_only_those_named_are_trusted() -> None:
    policy = OriginPolicy("127.0.0.1", ["*", "https://app.example.com"])
    for origin, trusted in [("https://evil.example", False), ("null", False), ("https://app.example.com", True)]:
        assert policy.admits(origin, "127.0.0.1", secure=False)
        assert policy.trusts(origin, "127.0.0.1", secure=False) is trusted


@pytest.mark.parametrize("text", ["app.example.com", "https://app.example.com/talk", "https://*.example.com", "null"])
def test_an_allowed_origin_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be an origin such as https://app\.example\.com, or \* for any"):
        OriginPolicy("127.0.0.1", [text])


@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_a_server_of_this_machine_goes_by_names_of_this_machine(bound: str) -> None:
    policy = OriginPolicy(bound, ["https://voice.example.com"])
    for host in ("127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "app.localhost:8080", "voice.example.com"):
        assert policy.admits_host(host)
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.168.1.5", "", "a, localhost"):
        assert not policy.admits_host(host)


def test_a_server_on_the_network_goes_by_any_name() -> None:
    assert OriginPolicy("0.0.0.0").admits_host("voice.example.com")
