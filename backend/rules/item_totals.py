"""What is left of an order's lines: `items` on captures and refunds.

A line that is taken beyond what is left, or that nobody knows, is an advice and no error: what
binds is the amount. The strict reading refuses for the first advice.

Source: `docs/reference/dintero-api.md#transaction-endpoints`, `#transaction-object`. Amounts are
minor units; a line's may be below zero (a discount), and then what is taken of it is too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from backend.rules.items import Advice

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ItemAmount:
    """`line_id` and how much of the line a capture or refund takes. None names no line."""

    line_id: str | None
    amount: int


@dataclass(frozen=True, slots=True)
class ItemTotals:
    """What earlier captures, or refunds, took: per line where they said so, else `unnamed`."""

    lines: Mapping[str, int] = field(default_factory=dict)
    unnamed: int = 0


def moved(events: Iterable[tuple[int, Sequence[ItemAmount]]]) -> ItemTotals:
    """Fold earlier captures or refunds: each one's amount, and its items where it named any."""
    lines: dict[str, int] = {}
    unnamed = 0
    for amount, items in events:
        named = 0
        for item in items:
            if item.line_id is not None:
                lines[item.line_id] = lines.get(item.line_id, 0) + item.amount
                named += item.amount
        # What the items leave of the amount may have been of any line.
        unnamed += max(0, amount - named)
    return ItemTotals(lines, unnamed)


def left_to_capture(line: int, captured: int) -> int:
    return line - captured


def left_to_refund(line: int, captured: int, refunded: int, *, unnamed: bool) -> int:
    """`unnamed`: something was captured without naming lines, which may have been this one."""
    return (line if unnamed else captured) - refunded


def capture_advice(
    lines: Mapping[str, int], captured: ItemTotals, items: Sequence[ItemAmount], amount: int
) -> list[Advice]:
    """Say where a line is unknown, where more than is left of it is taken, and where the items do
    not sum to `amount`."""
    left = {
        name: left_to_capture(line, captured.lines.get(name, 0)) for name, line in lines.items()
    }
    return [*_beyond(left, items, "capture"), *_sum_advice(items, amount)]


def refund_advice(
    lines: Mapping[str, int],
    captured: ItemTotals,
    refunded: ItemTotals,
    items: Sequence[ItemAmount],
    amount: int,
) -> list[Advice]:
    """As for a capture; no more of a line is refunded than was captured."""
    left = {
        name: left_to_refund(
            line, captured.lines.get(name, 0), refunded.lines.get(name, 0),
            unnamed=captured.unnamed > 0,
        )
        for name, line in lines.items()
    }  # fmt: skip
    return [*_beyond(left, items, "refund"), *_sum_advice(items, amount)]


def update_advice(captured: ItemTotals, items: Sequence[ItemAmount], amount: int) -> list[Advice]:
    """The lines of an authorization from now on: unique, together `amount`, and of none less than
    was captured of it. Say where they are not."""
    found: list[Advice] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.line_id is None:
            continue
        if item.line_id in seen:
            text = f"line {item.line_id!r} is there twice"
            found.append(Advice("line_twice", f"items.{index}.line_id", text))
        seen.add(item.line_id)
        taken = captured.lines.get(item.line_id, 0)
        if not min(0, item.amount) <= taken <= max(0, item.amount):
            text = f"{taken} of line {item.line_id!r} is captured, it cannot be {item.amount}"
            found.append(Advice("less_than_captured", f"items.{index}.amount", text))
    for name, taken in captured.lines.items():
        if taken and name not in seen:
            text = f"line {name!r} is captured, it cannot be left out"
            found.append(Advice("line_left_out", "items", text))
            break
    return [*found, *_sum_advice(items, amount)]


def _beyond(left: Mapping[str, int], items: Sequence[ItemAmount], verb: str) -> list[Advice]:
    found: list[Advice] = []
    asked: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.line_id is None:
            continue
        if item.line_id not in left:
            text = f"the transaction has no line {item.line_id!r}"
            found.append(Advice("unknown_line", f"items.{index}.line_id", text))
            continue
        asked[item.line_id] = asked.get(item.line_id, 0) + item.amount
        most, wanted = left[item.line_id], asked[item.line_id]
        if not min(0, most) <= wanted <= max(0, most):
            text = f"{most} of line {item.line_id!r} is left to {verb}, not {wanted}"
            found.append(Advice("more_than_left", f"items.{index}.amount", text))
    return found


def _sum_advice(items: Sequence[ItemAmount], amount: int) -> list[Advice]:
    total = sum(item.amount for item in items)
    if total == amount:
        return []
    text = f"the items sum to {total}, the amount is {amount}"
    return [Advice("items_sum", "items", text)]


def vat_within(parts: Iterable[tuple[int, object]]) -> int | None:
    """The VAT within amounts by the rate of each (percent); None where one is not known."""
    total = Decimal(0)
    for amount, said in parts:
        rate = rate_of(said)
        if rate is None:
            return None
        total += amount * rate / (_HUNDRED + rate)
    return int(total.quantize(Decimal(1), ROUND_HALF_UP))


def rate_of(value: object) -> Decimal | None:
    """A VAT rate in percent, from 0 to 100; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and 0 <= rate <= _HUNDRED else None
