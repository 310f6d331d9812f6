"""What is left of an order's lines: `items` on captures and refunds.

Items only describe an amount. So it is an advice, and no error, if more is taken of a line than is
left, or if the line is unknown. With the strict reading the first advice becomes a refusal.

Source: `docs/reference/dintero-api.md#transaction-endpoints`, `#transaction-object`. Amounts are
minor units. The amount of a line may be below zero (a discount). Then what is taken of it is below
zero too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from backend.rules.items import Advice

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ItemAmount:
    """How much of a line a capture or refund takes. `line_id` is None if the item names no line."""

    line_id: str | None
    amount: int


@dataclass(frozen=True, slots=True)
class ItemTotals:
    """What earlier captures, or refunds, took of each line. `unnamed` is what they took without
    naming a line."""

    lines: Mapping[str, int] = field(default_factory=dict)
    unnamed: int = 0


def add_up(events: Iterable[tuple[int, Sequence[ItemAmount]]]) -> ItemTotals:
    """Add up earlier captures or refunds, each given as its amount and its items."""
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
    """Return how much of a line's amount can still be captured."""
    return line - captured


def left_to_refund(line: int, captured: int, refunded: int, *, unnamed: bool) -> int:
    """Return how much of a line can still be refunded. `unnamed`: something was captured without
    naming a line. It may have been this line, so all of it can be refunded."""
    return (line if unnamed else captured) - refunded


def capture_advice(
    lines: Mapping[str, int], captured: ItemTotals, items: Sequence[ItemAmount], amount: int
) -> list[Advice]:
    """Return an advice for each line that is unknown, for each of which more is taken than is left,
    and if the items do not sum to `amount`."""
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
    """Return advice as `capture_advice` does. What was captured of a line and not refunded is
    left."""
    left = {
        name: left_to_refund(
            line,
            captured.lines.get(name, 0),
            refunded.lines.get(name, 0),
            unnamed=captured.unnamed > 0,
        )
        for name, line in lines.items()
    }
    return [*_beyond(left, items, "refund"), *_sum_advice(items, amount)]


def update_advice(captured: ItemTotals, items: Sequence[ItemAmount], amount: int) -> list[Advice]:
    """Return an advice for each line that the new lines of an authorization name twice or make
    smaller than what was captured of it, for one that they leave out although something of it was
    captured, and if they do not sum to `amount`."""
    found: list[Advice] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.line_id is None:
            continue
        if item.line_id in seen:
            text = f"duplicate line_id {item.line_id!r}"
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
        maximum, wanted = left[item.line_id], asked[item.line_id]
        if not min(0, maximum) <= wanted <= max(0, maximum):
            text = f"{maximum} of line {item.line_id!r} is left to {verb}, not {wanted}"
            found.append(Advice("more_than_left", f"items.{index}.amount", text))
    return found


def _sum_advice(items: Sequence[ItemAmount], amount: int) -> list[Advice]:
    total = sum(item.amount for item in items)
    if total == amount:
        return []
    text = f"the items sum to {total}, the amount is {amount}"
    return [Advice("items_sum", "items", text)]


def vat_within(parts: Iterable[tuple[int, object]]) -> int | None:
    """Return the VAT that is within amounts (minor units), by the rate (percent) of each. None if a
    rate is not known."""
    total = Decimal(0)
    for amount, said in parts:
        rate = rate_of(said)
        if rate is None:
            return None
        total += amount * rate / (_HUNDRED + rate)
    return int(total.quantize(Decimal(1), ROUND_HALF_UP))


def rate_of(value: object) -> Decimal | None:
    """Return a VAT rate in percent, from 0 to 100; None if the value is no such rate."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and 0 <= rate <= _HUNDRED else None
