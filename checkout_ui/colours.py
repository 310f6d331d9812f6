"""The merchant's colour on our buttons, with a text colour that can be read on it."""

from __future__ import annotations

import re

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?:,\s*(?:1|1\.0)\s*)?\)")


def accent(colour: str | None) -> str:
    """`#rrggbb #rrggbb`: the colour and the text on it; empty where it is not opaque or unknown."""
    channels = _channels(colour or "")
    if channels is None:
        return ""
    luminance = _luminance(channels)
    # Contrast to white against contrast to black (WCAG 2.2, 1.4.3): the better is at least 4.58.
    text = "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"
    return "#{:02x}{:02x}{:02x} {}".format(*channels, text)


def _channels(colour: str) -> tuple[int, int, int] | None:
    if match := _HEX.fullmatch(colour.strip()):
        digits = match[1] if len(match[1]) == 6 else "".join(digit * 2 for digit in match[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if match := _RGB.fullmatch(colour.strip().lower()):
        red, green, blue = (int(part) for part in match.groups())
        return (red, green, blue) if max(red, green, blue) <= 255 else None
    return None


def _luminance(channels: tuple[int, int, int]) -> float:
    """Relative luminance, WCAG 2.2."""

    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in channels)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
