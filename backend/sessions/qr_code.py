"""QR codes, as images that need no request of their own."""

from __future__ import annotations

import segno


def qr_code(content: str) -> str:
    """Return an SVG as a `data:` URI, black on white with a quiet zone, so that it can be read on a
    dark page too."""
    code = segno.make(content, error="m", micro=False)
    return str(code.svg_data_uri(scale=8, border=4, dark="#000", light="#fff"))
