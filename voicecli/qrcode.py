"""A QR code for a terminal. Only this file knows the library segno."""

import io


def draw(text: str) -> str | None:
    """Lines of half blocks, to be shown bright on dark; None where segno is not installed."""
    try:
        import segno
    except ModuleNotFoundError:
        return None
    lines = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=lines, border=2, compact=True)
    return lines.getvalue()
