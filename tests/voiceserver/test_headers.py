import pytest

from voiceserver.headers import content_security_policy, security_headers

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src {connect}; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {frame}"
)


def test_a_page_is_held_to_its_own_origin() -> None:
    assert security_headers("127.0.0.1:8080") == {
        "Content-Security-Policy": POLICY.format(
            connect="'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080", frame="'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def test_nothing_unsafe_is_allowed() -> None:
    assert "unsafe" not in content_security_policy("localhost", ["https://app.example.com"])


def test_pages_of_allowed_origins_may_frame_it() -> None:
    policy = content_security_policy("localhost", ["https://a.example.com", "https://b.example.com"])
    assert policy.endswith("; frame-ancestors https://a.example.com https://b.example.com")


@pytest.mark.parametrize("host", ["", "a; script-src *", "a *", "a, b", "a'b", "a/b", "*"])
def test_a_host_that_is_none_adds_nothing(host: str) -> None:
    assert content_security_policy(host) == POLICY.format(connect="'self'", frame="'none'")
