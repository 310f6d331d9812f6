"""What is left of an order's lines: `items` on captures and refunds.

Source: `docs/reference/dintero-api.md#transaction-endpoints`, `#transaction-object`. Amounts are
minor units; a line's may be below zero (a discount), and then what is taken of it is too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

_HUNDRED = Decimal(100)


class ItemRefused(ValueError):
    """An item that cannot be captured or refunded. `field` is its dotted path."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field
        self.description = description


@dataclass(frozen=True, slots=True)
class ItemAmount:
    """`line_id` and how much of the line a capture or refund takes."""

    line_id: str
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
        for item in items:
            lines[item.line_id] = lines.get(item.line_id, 0) + item.amount
        if not items:
            unnamed += amount
    return ItemTotals(lines, unnamed)


def left_to_capture(line: int, captured: int) -> int:
    return line - captured


def left_to_refund(line: int, captured: int, refunded: int, *, unnamed: bool) -> int:
    """`unnamed`: something was captured without naming lines, which may have been this one."""
    return (line if unnamed else captured) - refunded


def check_capture_items(
    lines: Mapping[str, int], captured: ItemTotals, items: Sequence[ItemAmount], amount: int
) -> None:
    """ItemRefused where a line is unknown, where more than is left of it is asked for, or where
    the items do not sum to `amount`."""
    left = {
        name: left_to_capture(line, captured.lines.get(name, 0)) for name, line in lines.items()
    }
    _check(left, items, amount, "capture")


def check_refund_items(
    lines: Mapping[str, int],
    captured: ItemTotals,
    refunded: ItemTotals,
    items: Sequence[ItemAmount],
    amount: int,
) -> None:
    """As for a capture; no more of a line is refunded than was captured."""
    left = {
        name: left_to_refund(
            line, captured.lines.get(name, 0), refunded.lines.get(name, 0),
            unnamed=captured.unnamed > 0,
        )
        for name, line in lines.items()
    }  # fmt: skip
    _check(left, items, amount, "refund")


def check_update_items(captured: ItemTotals, items: Sequence[ItemAmount], amount: int) -> None:
    """The lines of an authorization from now on: unique, together `amount`, and of none less than
    was captured of it. ItemRefused where not."""
    lines: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.line_id in lines:
            raise ItemRefused(f"items.{index}.line_id", f"line {item.line_id!r} is there twice")
        lines[item.line_id] = item.amount
        taken = captured.lines.get(item.line_id, 0)
        if not min(0, item.amount) <= taken <= max(0, item.amount):
            raise ItemRefused(
                f"items.{index}.amount",
                f"{taken} of line {item.line_id!r} is captured, it cannot be {item.amount}",
            )
    missing = next(
        (name for name, taken in captured.lines.items() if taken and name not in lines), None
    )
    if missing is not None:
        raise ItemRefused("items", f"line {missing!r} is captured, it cannot be left out")
    _check_sum(items, amount)


def _check(left: Mapping[str, int], items: Sequence[ItemAmount], amount: int, verb: str) -> None:
    asked: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.line_id not in left:
            raise ItemRefused(
                f"items.{index}.line_id", f"the transaction has no line {item.line_id!r}"
            )
        asked[item.line_id] = asked.get(item.line_id, 0) + item.amount
        most, wanted = left[item.line_id], asked[item.line_id]
        if not min(0, most) <= wanted <= max(0, most):
            raise ItemRefused(
                f"items.{index}.amount",
                f"{most} of line {item.line_id!r} is left to {verb}, not {wanted}",
            )
    _check_sum(items, amount)


def _check_sum(items: Sequence[ItemAmount], amount: int) -> None:
    total = sum(item.amount for item in items)
    if total != amount:
        raise ItemRefused("items", f"the items sum to {total}, the amount is {amount}")


def vat_of(rates: Mapping[str, object], items: Iterable[ItemAmount]) -> int | None:
    """The VAT within `items` by the lines' rates (percent, 25 is 25 %); None where one is not
    known."""
    total = Decimal(0)
    for item in items:
        rate = _rate(rates.get(item.line_id))
        if rate is None:
            return None
        total += item.amount * rate / (_HUNDRED + rate)
    return int(total.quantize(Decimal(1), ROUND_HALF_UP))


def _rate(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and 0 <= rate <= _HUNDRED else None
