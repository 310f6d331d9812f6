"""Read single values of JSON that was checked when it came, and kept since. Older rows may hold
values that we would refuse today, so a value of another type counts as not given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from backend.rules.numbers import MAXIMUM

_LONGEST_NUMBER = 40
"""Characters of a number that is written as text."""

Json = Mapping[str, object]
"""An object of JSON, by the names of its fields."""


def part(value: object) -> Json:
    """Return an object; empty if the value is none."""
    return value if isinstance(value, Mapping) else {}


def parts(value: object) -> tuple[Json, ...]:
    """Return the objects of a list; empty if the value is no list."""
    return tuple(one for one in listed(value) if isinstance(one, Mapping))


def listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def texts(value: object) -> tuple[str, ...]:
    """Return what a list says, each as text."""
    return tuple(str(one) for one in listed(value))


def text(value: object) -> str | None:
    """Return a text, or a number as text; None if it is empty."""
    return None if value is None or value == "" else str(value)


def number(value: object) -> int | float | None:
    """Return a finite number. It may be written as text, which only old rows have."""
    if isinstance(value, str):
        value = _written(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _written(value: str) -> int | float | None:
    try:
        known = Decimal(value) if value.isascii() and len(value) <= _LONGEST_NUMBER else None
    except InvalidOperation:
        return None
    if known is None or not known.is_finite() or abs(known) > MAXIMUM:
        return None
    return int(known) if known == known.to_integral_value() else float(known)


def amount(value: object) -> int | None:
    """Return an amount (minor units). A fraction, which only old rows have, is cut off."""
    known = number(value)
    return None if known is None else int(known)


def switch(value: object) -> bool | None:
    """Return true or false; None if the value is neither."""
    return value if isinstance(value, bool) else None
