"""The merchant's colours and corners as a style sheet, light and dark, that can always be read.

A merchant chooses a brand, not a contrast. What is drawn with its colours is moved towards black or
white as far as WCAG 2.2 AA requires (1.4.3: 4.5 for text; 1.4.11: 3 for edges and the focus), and
no further. Pure: it takes a theme and returns CSS. Source:
`docs/reference/dintero-api.md#configuration`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TEXT, EDGE = 4.5, 3.0
"""The lowest contrast of text, and of shapes that have to be distinguished."""

Colour = tuple[int, int, int]
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)

_HEX = re.compile(r"#(?:([0-9a-f]{3,4})|([0-9a-f]{6}|[0-9a-f]{8}))", re.IGNORECASE)
_RGB = re.compile(
    r"rgba?\(\s*(\d{1,3})\s*[,\s]\s*(\d{1,3})\s*[,\s]\s*(\d{1,3})\s*(?:[,/]\s*(\d*\.?\d+)(%?)\s*)?\)"
)
_LENGTH = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)(px|rem|em)?")
MAX_ROUND = {"cardRadius": 24.0, "buttonRadius": 28.0}
"""Pixels. A button of 54 px is a pill at 27, and a rounder card would cut its own text."""
_ROUNDEST_FIELD = 14.0
_DARKEST = 0.009
"""The largest luminance of a backdrop in the dark scheme: darker than the cards on it."""


@dataclass(frozen=True)
class Scheme:
    """The colours of assets/checkout.css that the merchant's colours meet. `test_theme` compares
    the two."""

    surface: Colour
    sunken: Colour
    text: Colour
    muted: Colour
    line_strong: Colour
    focus: Colour
    toward: Colour
    """Away from the surface: the direction in which a colour is moved that cannot be distinguished
    from it."""


LIGHT = Scheme(
    surface=(0xFF, 0xFF, 0xFF),
    sunken=(0xF7, 0xF8, 0xF6),
    text=(0x16, 0x21, 0x1B),
    muted=(0x56, 0x62, 0x5B),
    line_strong=(0x87, 0x92, 0x8B),
    focus=(0x15, 0x58, 0xD6),
    toward=_BLACK,
)
DARK = Scheme(
    surface=(0x18, 0x1E, 0x1A),
    sunken=(0x1F, 0x27, 0x22),
    text=(0xEE, 0xF3, 0xEF),
    muted=(0xA7, 0xB3, 0xAB),
    line_strong=(0x77, 0x83, 0x7B),
    focus=(0x8A, 0xB4, 0xFF),
    toward=_WHITE,
)


def stylesheet(theme: Mapping[str, str]) -> str:
    """Return CSS for a session's theme. It is empty if the theme has nothing that can be used.

    `html:root` outweighs `:root` in the style sheet, wherever the two are.
    """
    light, dark = properties(theme, LIGHT), properties(theme, DARK)
    page_light, page_dark = on_page(theme, LIGHT), on_page(theme, DARK)
    rules = _rule("html:root", {**_corners(theme), **light})
    # If another page embeds this one, the backdrop is that page's.
    rules += _rule("html:root:not(.embedded)", page_light)
    inner = _rule("html:root", dark) + _rule("html:root:not(.embedded)", page_dark)
    return rules + (f"@media (prefers-color-scheme:dark){{{inner}}}" if inner else "")


def properties(theme: Mapping[str, str], scheme: Scheme) -> dict[str, str]:
    """Return the colours of what is drawn in the merchant's primary colour, by custom property."""
    accent = read(theme.get("primary"), scheme.surface)
    if accent is None:
        return {}
    text = best(accent, (_WHITE, _BLACK))
    return {
        "--accent": written(accent),
        "--on-accent": written(text),
        # The colour moves away from the text's, so that the contrast grows.
        "--accent-hover": written(mix(accent, _BLACK if text == _WHITE else _WHITE, 0.14)),
        "--accent-edge": written(apart(accent, (scheme.surface, scheme.sunken), scheme.toward)),
    }


def on_page(theme: Mapping[str, str], scheme: Scheme) -> dict[str, str]:
    """Return the colours of the backdrop, and of what is on it beside the cards."""
    backdrop = read(theme.get("backdrop"), scheme.surface)
    if backdrop is None:
        return {}
    if scheme is DARK:
        backdrop = darkened(backdrop)
    text = best(backdrop, (scheme.text, _WHITE, _BLACK), enough=TEXT)
    return {
        "--page": written(backdrop),
        "--on-page": written(text),
        "--on-page-muted": written(best(backdrop, (scheme.muted, text), enough=TEXT)),
        "--on-page-line": written(best(backdrop, (scheme.line_strong, text), enough=EDGE)),
        "--on-page-focus": written(best(backdrop, (scheme.focus, text), enough=EDGE)),
    }


def _corners(theme: Mapping[str, str]) -> dict[str, str]:
    card = _pixels(theme, "cardRadius")
    button = _pixels(theme, "buttonRadius")
    corners = {} if card is None else {"--radius": f"{card:g}px"}
    if button is not None:
        corners["--radius-button"] = f"{button:g}px"
        corners["--radius-small"] = f"{min(button, _ROUNDEST_FIELD):g}px"
    return corners


def _pixels(theme: Mapping[str, str], key: str) -> float | None:
    """Return a number, or a length in px, em or rem, in pixels."""
    match = _LENGTH.fullmatch(theme.get(key, "").strip().lower())
    if match is None:
        return None
    return min(float(match[1]) * (16 if match[2] in ("em", "rem") else 1), MAX_ROUND[key])


def _rule(selector: str, properties: Mapping[str, str]) -> str:
    inside = ";".join(f"{name}:{value}" for name, value in properties.items())
    return f"{selector}{{{inside}}}" if inside else ""


# --- colours --------------------------------------------------------------------------------------


def read(colour: str | None, behind: Colour) -> Colour | None:
    """Read hex, rgb() or rgba(). A translucent colour is read as it looks on `behind`. None if it
    is unknown."""
    said = (colour or "").strip().lower()
    if match := _HEX.fullmatch(said):
        digits = "".join(digit * 2 for digit in match[1]) if match[1] else match[2]
        red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
        opacity = int(digits[6:], 16) / 255 if len(digits) == 8 else 1.0
    elif match := _RGB.fullmatch(said):
        red, green, blue = (int(match[place]) for place in (1, 2, 3))
        opacity = float(match[4] or 1) / (100 if match[5] else 1)
    else:
        return None
    if max(red, green, blue) > 255 or opacity > 1:
        return None
    return mix(behind, (red, green, blue), opacity)


def written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """Mix two colours. `part` is the share of the other, from 0 to 1."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Return the relative luminance, WCAG 2.2."""

    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(channel) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def best(behind: Colour, choices: tuple[Colour, ...], enough: float | None = None) -> Colour:
    """Return the first that has `enough` contrast, else the one that has most."""
    if enough is not None:
        for colour in choices:
            if contrast(colour, behind) >= enough:
                return colour
    return max(choices, key=lambda colour: contrast(colour, behind))


def apart(colour: Colour, behind: Iterable[Colour], toward: Colour) -> Colour:
    """Return `colour`, moved as little as possible so that it is an edge on each of `behind`."""
    steps = (mix(colour, toward, step / 20) for step in range(21))
    return next(c for c in steps if all(contrast(c, b) >= EDGE for b in behind))


def darkened(backdrop: Colour) -> Colour:
    """Return a backdrop for the dark scheme, of the same hue."""
    steps = (mix(backdrop, _BLACK, step / 20) for step in range(21))
    return next(colour for colour in steps if luminance(colour) <= _DARKEST)
