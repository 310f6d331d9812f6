"""Bar codes of numbers, tokens and PINs, for a till's scanner."""

from __future__ import annotations

import base64
import io

from barcode import Code128
from barcode.writer import ImageWriter

# Two pixels a module, ten modules of quiet on either side (ISO/IEC 15417), no text below.
_OPTIONS = {"module_width": 0.339, "module_height": 12.0, "quiet_zone": 3.5, "dpi": 150,
            "write_text": False}  # fmt: skip


def can_be_barcode(value: str) -> bool:
    """Code 128 knows ASCII."""
    return value.isascii() and value.isprintable()


def barcode_128(value: str) -> str:
    """Code 128 as a PNG, in a data URI. `value` is printable ASCII."""
    image = io.BytesIO()
    Code128(value, writer=ImageWriter()).write(image, options=dict(_OPTIONS))
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
