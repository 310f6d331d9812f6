"""Read what an image's address asks for.

Shops put these addresses together from their settings, so a part may be empty, and the forms have
changed over the years. An empty part has a default. A part that cannot be read is refused, and the
refusal names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.branding.picture import NARROWEST, WIDEST, Colour, Template, Variant
from backend.core.errors import FieldError, InvalidRequest, NotFound

_DEFAULT_COLOUR = Colour(0x44, 0x44, 0x44)
_DEFAULT_WIDTH = 600
_PARTS = ("variant", "color", "width")
_ALSO = {"type": "variant"}
_WIDTH = re.compile(r"([0-9]{1,9})(?:\.[0-9]*)?(?:px)?")
_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(r"rgba?\(([0-9.,%/ ]{5,40})\)")


class Kind(StrEnum):
    SVG = "svg"
    PNG = "png"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What an address asks for. `of` is its part before the looks: `("logos", "visa_vipps")`,
    `("profiles", id)` or `("accounts", id, "profiles", id)`."""

    of: tuple[str, ...]
    variant: Variant
    colour: Colour
    width: int
    template: Template
    kind: Kind


def read(path: str) -> ImageRequest:
    """Read the path below `/v1/branding/`. NotFound if there is no such image, InvalidRequest if
    the colour or the width cannot be read."""
    segments = path.rstrip("/").split("/")
    taken = 4 if segments[0] == "accounts" else 2
    *of, last = (*segments[:taken], segments[-1])
    known = of[0] in ("logos", "profiles") or (of[0] == "accounts" and of[2:3] == ["profiles"])
    if not known or len(segments) <= taken:
        raise NotFound("there is no such image; see docs/branding.md")
    looks = _looks(segments[taken:-1])
    template, kind = _file(last)
    return ImageRequest(
        of=tuple(of),
        variant=_variant(looks.get("variant", "")),
        colour=_colour(looks.get("color", "")),
        width=_width(looks.get("width", "")),
        template=template,
        kind=kind,
    )


def _looks(segments: Sequence[str]) -> dict[str, str]:
    """Return `variant/mono/color/444444/width/600` as names and values. A word that is no such name
    is ignored, since one shop's extension puts one between them. Doubled slashes have become one by
    now, so a name that follows another one shows that the first has no value."""
    found: dict[str, str] = {}
    place = 0
    while place < len(segments):
        name = _name(segments[place])
        value = segments[place + 1] if place + 1 < len(segments) else ""
        if name in _PARTS and _name(value) in _PARTS:
            found[name] = ""
        elif name in _PARTS:
            found[name] = value
            place += 1
        place += 1
    return found


def _name(segment: str) -> str:
    return _ALSO.get(segment, segment)


def _variant(text: str) -> Variant:
    if not text:
        return Variant.COLORS
    try:
        return Variant(text.lower())
    except ValueError:
        known = ", ".join(Variant)
        raise NotFound(f"there is no variant {text[:40]!r}; there are {known}") from None


def _file(name: str) -> tuple[Template, Kind]:
    """Return the template and the kind of file. A name without an ending means SVG."""
    stem, _, ending = name.lower().partition(".")
    try:
        template, kind = Template(stem), Kind(ending or Kind.SVG)
    except ValueError:
        known = ", ".join(f"{template}.svg" for template in Template)
        raise NotFound(
            f"there is no image {name[:40]!r}; there are {known}, and each as .png"
        ) from None
    return template, kind


def _width(text: str) -> int:
    """Return the width in pixels, within the limits."""
    if not text:
        return _DEFAULT_WIDTH
    match = _WIDTH.fullmatch(text.strip().lower())
    if match is None:
        raise _wrong("width", text, "a whole number of pixels, such as 600")
    return max(NARROWEST, min(WIDEST, int(match[1])))


def _colour(text: str) -> Colour:
    wanted = text.strip().lower()
    if not wanted:
        return _DEFAULT_COLOUR
    found = _from_hex(wanted) or _from_rgb(wanted)
    if found is None:
        raise _wrong("color", text, "a hex colour without #, such as 444444, or rgba(0,0,0,0.5)")
    return found


def _from_hex(text: str) -> Colour | None:
    match = _HEX.fullmatch(text)
    if match is None:
        return None
    digits = match[1]
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    return Colour(*bytes.fromhex(digits))


def _from_rgb(text: str) -> Colour | None:
    match = _RGB.fullmatch(text)
    if match is None:
        return None
    parts = [part for part in re.split(r"[\s,/]+", match[1]) if part]
    if len(parts) not in (3, 4):
        return None
    try:
        numbers = [_part(part, 255) for part in parts[:3]]
        alpha = _part(parts[3], 1) * 255 if len(parts) == 4 else 255.0
    except ValueError:
        return None
    red, green, blue = (round(number) for number in numbers)
    return Colour(red, green, blue, round(alpha))


def _part(text: str, whole: int) -> float:
    """Return a number from 0 to `whole`, written as such or as a percentage. ValueError for
    anything else."""
    share = text.removesuffix("%")
    number = float(share) * whole / 100 if share != text else float(text)
    return max(0.0, min(float(whole), number))


def _wrong(field: str, sent: str, right: str) -> InvalidRequest:
    text = f"{field} {sent[:40]!r} is not readable; it must be {right}"
    return InvalidRequest(text, (FieldError(field, text),))
