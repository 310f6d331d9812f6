"""The image as a PNG. It is put together from large drawings of the marks (`masters.png`), which
`python -m tests.support.marks` makes."""

from __future__ import annotations

import io
from functools import cache, lru_cache
from importlib.resources import files

from PIL import Image, ImageChops, ImageDraw

from backend.branding.marks import LOCK, NAMES
from backend.branding.picture import Box, Colour, Frame, Picture, Variant, lay_out
from backend.branding.svg import BOOST

MASTER = (384, 256)
"""Width and height of one mark in `masters.png`, which has all marks one below the other."""
ORDER = (*NAMES, LOCK)
_FINER = 4
_RADIUS = 8.0


@lru_cache(maxsize=128)
def draw(picture: Picture) -> bytes:
    """Return the content of the file. The images that were asked for last are cached."""
    laid = lay_out(picture)
    image = Image.new("RGBA", (laid.width, laid.height), (0, 0, 0, 0))
    for mark, box in laid.tiles:
        left, top, size = _pixels(box)
        tile = _tile(mark, size)
        if picture.variant is Variant.MONO:
            tile = _in_colour(_darkness(tile), picture.colour)
        image.alpha_composite(tile, (left, top))
    if laid.frame is not None:
        image.alpha_composite(_in_colour(_line(laid.frame, image.size), picture.colour))
        left, top, size = _pixels(laid.frame.lock)
        lock = _tile(LOCK, size).getchannel("A")
        image.alpha_composite(_in_colour(lock, picture.colour), (left, top))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def _pixels(box: Box) -> tuple[int, int, tuple[int, int]]:
    return round(box.x), round(box.y), (max(1, round(box.width)), max(1, round(box.height)))


@cache
def _masters() -> Image.Image:
    data = files("backend.branding").joinpath("masters.png").read_bytes()
    return Image.open(io.BytesIO(data)).convert("RGBA")


@lru_cache(maxsize=256)
def _tile(mark: str, size: tuple[int, int]) -> Image.Image:
    """Return one mark in this size. It is cached, so the caller must not change it."""
    top = ORDER.index(mark) * MASTER[1]
    master = _masters().crop((0, top, MASTER[0], top + MASTER[1]))
    return master.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _darkness(tile: Image.Image) -> Image.Image:
    """Return how strongly each pixel is drawn in one colour. White pixels and those outside the
    mark are not drawn."""
    brightness = tile.convert("RGB").convert("L")
    dark = ImageChops.subtract(tile.getchannel("A"), brightness)
    return dark.point([min(255, round(value * BOOST)) for value in range(256)])


def _in_colour(strength: Image.Image, colour: Colour) -> Image.Image:
    alpha = strength.point([round(value * colour.alpha / 255) for value in range(256)])
    image = Image.new("RGBA", strength.size, (colour.red, colour.green, colour.blue, 0))
    image.putalpha(alpha)
    return image


def _line(frame: Frame, size: tuple[int, int]) -> Image.Image:
    """Return the frame's line, one pixel wide. It is drawn larger and then reduced, so that its
    corners are smooth."""
    fine = Image.new("L", (size[0] * _FINER, size[1] * _FINER), 0)
    drawn = ImageDraw.Draw(fine)
    line, lock = frame.line, frame.lock
    edges = (line.x - 0.5, line.y - 0.5, line.x + line.width + 0.5, line.y + line.height + 0.5)
    around = [round(edge * _FINER) for edge in edges]
    around = [around[0], around[1], around[2] - 1, around[3] - 1]
    drawn.rounded_rectangle(around, radius=_RADIUS * _FINER, outline=255, width=_FINER)
    more = 0.0 if frame.on_top else 2.0
    gap = (lock.x, lock.y - more, lock.x + lock.width, lock.y + lock.height + more)
    drawn.rectangle([round(edge * _FINER) for edge in gap], fill=0)
    return fine.reduce(_FINER)
