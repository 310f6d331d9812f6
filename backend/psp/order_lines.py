"""Order lines that sum to an amount, whatever a shop sent. Pure.

Some providers refuse an order, a capture or a refund whose lines do not sum to its amount. What the
lines leave of the amount becomes one line more. Amounts are minor units, rates hundredths of a
percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from backend.psp.protocol import OrderLine

WHOLE = 10_000
"""100 % as a rate."""
_MOST_PIECES = 1_000_000


def with_adjustment(lines: Sequence[OrderLine], amount: int, name: str) -> tuple[OrderLine, ...]:
    """The lines, and one of that name more where they do not sum to `amount`. Its rate is the one
    at which the lines together are taxed, so that it lies between the lowest of theirs and the
    highest."""
    rest = amount - sum(line.amount for line in lines)
    if rest == 0:
        return tuple(lines)
    made = OrderLine(name, rest, vat_rate=common_rate(lines), kind="adjustment")
    return (*lines, made)


def common_rate(lines: Sequence[OrderLine]) -> int:
    """The rate of the VAT within all that is bought; 0 where nothing is."""
    net = gross = Fraction(0)
    for line in lines:
        if line.amount > 0 and line.kind != "tender":
            gross += line.amount
            net += Fraction(line.amount * WHOLE, WHOLE + rate_of(line))
    return round((gross - net) * WHOLE / net) if net else 0


def rate_of(line: OrderLine) -> int:
    """The line's rate; 0 for one that cannot be, and for tender, which is no sale."""
    return line.vat_rate if 0 <= line.vat_rate <= WHOLE and line.kind != "tender" else 0


def tax_of(amount: int, rate: int) -> int:
    """The VAT within `amount`, in integers, halves away from zero."""
    share = abs(amount) * rate
    tax = (2 * share + WHOLE + rate) // (2 * (WHOLE + rate))
    return tax if amount >= 0 else -tax


def whole_units(line: OrderLine) -> OrderLine:
    """The line so that `quantity` times a unit price is its amount: where no whole unit price gives
    it, or where nobody counts that far, it is sold as one."""
    counted = 1 <= line.quantity <= _MOST_PIECES
    if counted and line.amount % line.quantity == 0:
        return line
    name = f"{line.quantity} × {line.name}" if line.quantity > 1 else line.name
    return OrderLine(name, line.amount, 1, line.vat_rate, line.kind, line.reference)
