"""What the server says in every HTTP response, so that a browser holds the page to what it needs."""

from collections.abc import Sequence

from voiceserver.origins import Origin

PERMISSIONS = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"


def security_headers(host: str, framed_by: Sequence[str] = ()) -> dict[str, str]:
    """`host` is the request's `Host`, and `framed_by` the origins whose pages may frame this one."""
    return {
        "Content-Security-Policy": content_security_policy(host, framed_by),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def content_security_policy(host: str, framed_by: Sequence[str] = ()) -> str:
    """Everything from the page's own origin and nothing inline."""
    connect = ["'self'"]
    # Safari before 15.4 does not take 'self' to mean the WebSocket of the same origin. Behind a proxy either of the two
    # schemes may be the page's. A Host that is none could hold a directive of its own.
    if Origin.of_host(True, host) is not None:
        connect += [f"ws://{host}", f"wss://{host}"]
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": connect,
        "media-src": ["'self'", "blob:"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": list(framed_by) or ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
