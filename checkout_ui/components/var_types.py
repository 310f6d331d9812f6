"""What a var of Reflex can do beyond the value that it stands for.

A state class declares a var with the type of its value, and Reflex puts a `Var` on the class. So a
function that draws says `str` where it takes the var of a text, as Reflex's own papers do. The type
checker then knows the fields of what is drawn, but not the few operations below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def has(errors: dict[str, str], name: str) -> bool:
    """Return whether `errors` has an entry for `name`."""
    var: Any = errors
    return var.contains(name)


def number_of(items: Sequence[object]) -> int:
    """Return how many `items` there are."""
    var: Any = items
    return var.length()


def as_text(number: int) -> str:
    """Return `number` in digits."""
    var: Any = number
    return var.to_string()


def opposite(flag: bool) -> bool:
    """Return true where `flag` is false."""
    var: Any = flag
    return ~var
