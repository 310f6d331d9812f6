"""How numbers in requests are read: one bound, one tolerance and one way to round for all of them.

An amount is an integer of minor units. Some clients multiply by 100 in floats: `299.90 * 100` is
29989.999999999996 and means 29990. Such noise is no fraction.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

MAXIMUM = 10**12
"""The largest amount (minor units), count or percentage that a request may have."""
_NOISE = Decimal("1e-6")


def nearest(number: float | Decimal) -> int:
    """Return the nearest integer of a finite number. A half is rounded away from zero."""
    if isinstance(number, int):
        return number
    return int(_exact(number).to_integral_value(ROUND_HALF_UP))


def has_fraction(number: float | Decimal) -> bool:
    """Return whether a finite number differs from the nearest integer by more than the noise of a
    float."""
    if isinstance(number, int):
        return False
    exact = _exact(number)
    return abs(exact - exact.to_integral_value(ROUND_HALF_UP)) > _NOISE


def _exact(number: float | Decimal) -> Decimal:
    # Through the text, so that 0.1 is 0.1 and not the binary fraction next to it.
    return number if isinstance(number, Decimal) else Decimal(str(number))
