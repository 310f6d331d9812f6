"""Write the page that shows the pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_HEAD = """# Screenshots

Every state of the page as `make screenshots` takes it: a phone of 390 px and a desktop of 1280 px,
some in the dark, some in other languages. The states are those of `tests/support/states.py`, which
the tests of accessibility go through as well, and `tests/screenshots/more_states.py`.
"""


class Taken(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def scheme(self) -> str: ...
    @property
    def file(self) -> str: ...


def write_index(folder: Path, pictures: Sequence[Taken]) -> None:
    """Write `README.md` in `folder` for the pictures in it."""
    there = [picture for picture in pictures if (folder / picture.file).is_file()]
    parts = [_HEAD]
    for state in dict.fromkeys(picture.state for picture in there):
        parts.append(f"## {state[0].upper()}{state[1:]}\n")
        images = [_image(picture) for picture in there if picture.state == state]
        parts.append("\n".join(images) + "\n")
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _image(picture: Taken) -> str:
    said = f"{picture.state}, {picture.width} px, {picture.language}, {picture.scheme}"
    shown = 240 if picture.width < 700 else 560
    return f'<img src="{picture.file}" alt="{said}" width="{shown}">'
