"""The image as an SVG that needs nothing else: it has no script, no style and no other address."""

from __future__ import annotations

from html import escape

from backend.branding.marks import LOCK, NAMES, shapes
from backend.branding.picture import Box, Colour, Frame, Picture, Variant, lay_out

BOOST = 1.6
"""The variant `mono` draws a shape by so much stronger than the shape is dark, so that pale shapes
are visible."""
_RADIUS = 8.0
_MONO = (
    '<filter id="mono" x="0" y="0" width="100%" height="100%" color-interpolation-filters="sRGB">'
    '<feColorMatrix result="dark" values="0 0 0 0 {red} 0 0 0 0 {green} 0 0 0 0 {blue}'
    ' -{r} -{g} -{b} {a} 0"/></filter>'
)
_BRIGHTNESS = (0.299, 0.587, 0.114)


def draw(picture: Picture) -> bytes:
    """Return the image as UTF-8."""
    laid = lay_out(picture)
    shown = [mark for mark, _ in laid.tiles]
    title = escape(", ".join(NAMES[mark] for mark in shown))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{laid.width}" height="{laid.height}"'
        f' viewBox="0 0 {laid.width} {laid.height}" role="img"><title>{title}</title>'
    ]
    tiles = "".join(_tile(mark, box) for mark, box in laid.tiles)
    if picture.variant is Variant.MONO:
        parts.append(_mono(picture.colour))
        tiles = f'<g filter="url(#mono)" opacity="{_share(picture.colour.alpha)}">{tiles}</g>'
    if laid.frame is not None:
        parts.append(_frame(laid.frame, picture.colour))
    return "".join([*parts, tiles, "</svg>"]).encode()


def _tile(mark: str, box: Box) -> str:
    at = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
    return f'<svg {at} viewBox="0 0 48 32">{shapes()[mark]}</svg>'


def _mono(colour: Colour) -> str:
    red, green, blue = (_share(part) for part in (colour.red, colour.green, colour.blue))
    r, g, b = (_n(part * BOOST) for part in _BRIGHTNESS)
    return _MONO.format(red=red, green=green, blue=blue, r=r, g=g, b=b, a=BOOST)


def _frame(frame: Frame, colour: Colour) -> str:
    hexed = f"#{colour.red:02x}{colour.green:02x}{colour.blue:02x}"
    lock = _tile(LOCK, frame.lock).replace("#000", hexed)
    return (
        f'<g opacity="{_share(colour.alpha)}"><path fill="none" stroke="{hexed}" d="{_line(frame)}"'
        f"/>{lock}</g>"
    )


def _line(frame: Frame) -> str:
    """Return the path of the frame, clockwise from one side of the padlock to the other."""
    line, lock, r = frame.line, frame.lock, _RADIUS
    x1, y1, x2, y2 = line.x, line.y, line.x + line.width, line.y + line.height
    corners = {
        "right top": f"H{_n(x2 - r)}A{r} {r} 0 0 1 {_n(x2)} {_n(y1 + r)}",
        "right bottom": f"V{_n(y2 - r)}A{r} {r} 0 0 1 {_n(x2 - r)} {_n(y2)}",
        "left bottom": f"H{_n(x1 + r)}A{r} {r} 0 0 1 {_n(x1)} {_n(y2 - r)}",
        "left top": f"V{_n(y1 + r)}A{r} {r} 0 0 1 {_n(x1 + r)} {_n(y1)}",
    }
    right, bottom, left, top = corners.values()
    if frame.on_top:
        start = f"M{_n(lock.x + lock.width)} {_n(y1)}"
        return start + right + bottom + left + top + f"H{_n(lock.x)}"
    start = f"M{_n(x1)} {_n(lock.y - 2)}"
    around = top + right + bottom + left
    return start + around + f"V{_n(lock.y + lock.height + 2)}"


def _share(part: int) -> str:
    return _n(part / 255)


def _n(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
