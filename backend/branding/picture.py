"""What an image of the ways to pay shows, and where each part is. Pure: nothing is drawn here.

All lengths are pixels of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

NARROWEST, WIDEST = 48, 1200
"""The smallest and the largest width of an image. A width beyond them becomes the nearest one."""
LARGEST_LOGO = 384
"""The largest width of an image of one mark alone, since `masters.png` has no larger drawings."""
ASPECT = 2 / 3
"""The height of a mark, as a share of its width."""
_GAP = 8.0
_PADDING = 16.0
_LOCK = 30.0
"""The width of the padlock's box. The frame's line has a gap there."""


class Variant(StrEnum):
    COLORS = "colors"
    MONO = "mono"
    DARKCOLORS = "darkcolors"
    LOGOMARK = "logomark"
    SMALLMARK = "smallmark"


class Template(StrEnum):
    TOP_FRAME = "dintero_top_frame"
    LEFT_FRAME = "dintero_left_frame"
    LOGOS = "logos"
    LOGO = "logo"


@dataclass(frozen=True, slots=True)
class Colour:
    """Each part from 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255


@dataclass(frozen=True, slots=True)
class Picture:
    """A requested image. `marks` are names of `backend.branding.marks`, at least one, and
    `width` is within the limits."""

    marks: tuple[str, ...]
    variant: Variant
    colour: Colour
    width: int
    template: Template

    @property
    def framed(self) -> bool:
        """Return whether there is a frame. Two variants have none, whatever the template."""
        frames = (Template.TOP_FRAME, Template.LEFT_FRAME)
        bare = (Variant.LOGOMARK, Variant.SMALLMARK)
        return self.template in frames and self.variant not in bare


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A line around the marks with a gap for the padlock, which is on top or on the left."""

    line: Box
    lock: Box
    on_top: bool


@dataclass(frozen=True, slots=True)
class Layout:
    width: int
    height: int
    tiles: tuple[tuple[str, Box], ...]
    """Marks and their boxes."""
    frame: Frame | None


def lay_out(picture: Picture) -> Layout:
    """Put the marks in as few rows of equal length as fit. Each mark is between its smallest and
    its largest size."""
    if picture.template is Template.LOGO:
        width = min(picture.width, LARGEST_LOGO)
        box = Box(0, 0, width, round(width * ASPECT))
        return Layout(width, round(box.height), ((picture.marks[0], box),), None)
    on_top = picture.template is Template.TOP_FRAME
    left = right = top = bottom = 0.0
    if picture.framed:
        left = right = top = bottom = _PADDING
        if on_top:
            top += _LOCK * ASPECT / 2
        else:
            left += _LOCK / 2
    tiles, inner = _rows(picture, left, top, picture.width - left - right)
    height = ceil(top + inner + bottom)
    frame = _frame(picture.width, height, on_top) if picture.framed else None
    return Layout(picture.width, height, tiles, frame)


def _rows(
    picture: Picture, left: float, top: float, room: float
) -> tuple[tuple[tuple[str, Box], ...], float]:
    """Return the marks' boxes, centred in `room`, and the height of all rows together."""
    marks = picture.marks
    small = picture.variant is Variant.SMALLMARK
    minimum, maximum = (24.0, 36.0) if small else (36.0, 60.0)
    columns = max(1, min(len(marks), int((room + _GAP) / (minimum + _GAP))))
    columns = ceil(len(marks) / ceil(len(marks) / columns))
    wide = max(1.0, min(maximum, (room - _GAP * (columns - 1)) / columns))
    high = wide * ASPECT
    tiles = []
    for place, mark in enumerate(marks):
        row, column = divmod(place, columns)
        in_row = min(columns, len(marks) - row * columns)
        start = left + (room - in_row * wide - (in_row - 1) * _GAP) / 2
        box = Box(start + column * (wide + _GAP), top + row * (high + _GAP), wide, high)
        tiles.append((mark, box))
    rows = ceil(len(marks) / columns)
    return tuple(tiles), rows * high + (rows - 1) * _GAP


def _frame(width: int, height: int, on_top: bool) -> Frame:
    high = _LOCK * ASPECT
    if on_top:
        lock = Box((width - _LOCK) / 2, 0, _LOCK, high)
        line = Box(0.5, high / 2 + 0.5, width - 1, height - high / 2 - 1)
    else:
        lock = Box(0, (height - high) / 2, _LOCK, high)
        line = Box(_LOCK / 2, 0.5, width - _LOCK / 2 - 0.5, height - 1)
    return Frame(line, lock, on_top)
