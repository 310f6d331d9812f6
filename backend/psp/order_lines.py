"""Make order lines that sum to an amount, whatever a shop has sent. Pure.

Some providers refuse an order, a capture or a refund whose lines do not sum to its amount. So one
more line, the adjustment, makes up the difference. Amounts are minor units, rates hundredths of a
percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from backend.psp.protocol import OrderLine

WHOLE = 10_000
"""100 % as a rate."""
_MAX_PIECES = 1_000_000


def with_adjustment(lines: Sequence[OrderLine], amount: int, name: str) -> tuple[OrderLine, ...]:
    """Return the lines, with one more line called `name` if they do not sum to `amount`. Its rate
    is the common rate of the lines, which lies between the lowest and the highest of theirs."""
    rest = amount - sum(line.amount for line in lines)
    if rest == 0:
        return tuple(lines)
    made = OrderLine(name, rest, vat_rate=common_rate(lines), kind="adjustment")
    return (*lines, made)


def common_rate(lines: Sequence[OrderLine]) -> int:
    """Return the rate at which all bought lines together are taxed; 0 if nothing is bought."""
    net = gross = Fraction(0)
    for line in lines:
        if line.amount > 0 and line.kind != "tender":
            gross += line.amount
            net += Fraction(line.amount * WHOLE, WHOLE + rate_of(line))
    return round((gross - net) * WHOLE / net) if net else 0


def rate_of(line: OrderLine) -> int:
    """Return the line's rate; 0 if it is not from 0 to 100 %, and for tender, which is no sale."""
    return line.vat_rate if 0 <= line.vat_rate <= WHOLE and line.kind != "tender" else 0


def tax_of(amount: int, rate: int) -> int:
    """Return the VAT within `amount` (minor units), with halves rounded away from zero."""
    share = abs(amount) * rate
    tax = (2 * share + WHOLE + rate) // (2 * (WHOLE + rate))
    return tax if amount >= 0 else -tax


def whole_units(line: OrderLine) -> OrderLine:
    """Return the line so that `quantity` times a unit price of whole minor units is its amount. If
    that is impossible, or if the quantity is out of range, the line is sold as one piece."""
    counted = 1 <= line.quantity <= _MAX_PIECES
    if counted and line.amount % line.quantity == 0:
        return line
    name = f"{line.quantity} × {line.name}" if line.quantity > 1 else line.name
    return OrderLine(name, line.amount, 1, line.vat_rate, line.kind, line.reference)
