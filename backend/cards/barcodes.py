"""Bar codes of numbers, tokens and PINs, for a till's scanner."""

from __future__ import annotations

import base64
import io

from barcode import Code128
from barcode.writer import ImageWriter

# Two pixels a module, a quiet zone of ten modules on either side (ISO/IEC 15417), no text below.
_OPTIONS = {"module_width": 0.339, "module_height": 12.0, "quiet_zone": 3.5, "dpi": 150,
            "write_text": False}  # fmt: skip


class _Code128(Code128):  # type: ignore[misc]
    """The library (0.16.1) takes a leading digit pair 99 for a switch of the character set, and
    leaves it out: 9962 would be scanned as 62."""

    def _try_to_optimize(self, encoded: list[int]) -> list[int]:
        if self.code.startswith("99"):
            return encoded
        optimized: list[int] = super()._try_to_optimize(encoded)
        return optimized


def can_be_barcode(value: str) -> bool:
    """Return whether Code 128 can show the value: it knows only ASCII."""
    return value.isascii() and value.isprintable()


def barcode_128(value: str) -> str:
    """Return the value as Code 128: a PNG in a data URI. `value` is printable ASCII."""
    image = io.BytesIO()
    _Code128(value, writer=ImageWriter()).write(image, options=dict(_OPTIONS))
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
