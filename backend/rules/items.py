"""Read `items` as shops send them with captures, refunds and updates of an authorization.

Items only describe an amount. So nothing in them is an error: a value that cannot be read is left
out, and an advice says so. Amounts are minor units.

Source: `docs/reference/dintero-api.md#transaction-endpoints`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from backend.rules.numbers import MAXIMUM, has_fraction, nearest

_WHOLE = ("amount", "vat_amount", "gross_amount")
_LISTS = ("discount_lines", "splits")
"""What an item lists, each with amounts of its own."""
_NUMBERS = ("vat", "quantity")
_LONGEST_NUMBER = 40
"""Characters. A longer text is not read as a number."""
_ONE = frozenset({"line_id", "id", "amount"})
"""An object with one of these fields is an item itself, and not a list written as an object."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is odd about items. `code` is stable, `field` is a dotted path into the request."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Items:
    """Items that were read, in the shop's order."""

    rows: tuple[dict[str, Any], ...] = ()
    advice: tuple[Advice, ...] = ()


def read_items(value: object) -> Items:
    """Read a list of items. Some languages write a list as an object: its values are the items. A
    single item without a list is accepted too. Null and everything empty are no items."""
    if value is None or value == "":
        return Items()
    if isinstance(value, Mapping):
        values = [value] if _ONE & value.keys() else list(value.values())
    elif isinstance(value, list):
        values = value
    else:
        return Items((), (Advice("items_unreadable", "items", "items must be a list"),))
    advice: list[Advice] = []
    return Items(tuple(_read(i, one, advice) for i, one in enumerate(values)), tuple(advice))


def _read(index: int, value: object, advice: list[Advice]) -> dict[str, Any]:
    path = f"items.{index}"
    if not isinstance(value, Mapping):
        advice.append(Advice("item_unreadable", path, "an item must be an object"))
        return {} if value is None else {"description": str(value)[:255]}
    row = {name: part for name, part in value.items() if part is not None}
    _read_line_id(path, row, advice)
    for name in (*_WHOLE, *_NUMBERS):
        if name in row:
            _read_number(f"{path}.{name}", name, row, advice)
    for name in _LISTS:
        if isinstance(row.get(name), list):
            row[name] = [
                _read_part(f"{path}.{name}.{place}", part, advice)
                for place, part in enumerate(row[name])
                if part is not None
            ]
    if "amount" not in value or value["amount"] in (None, ""):
        advice.append(Advice("amount_missing", f"{path}.amount", "the item says no amount"))
    return row


def _read_part(path: str, value: object, advice: list[Advice]) -> object:
    """Read a part of an item, such as one of its discounts: its amounts are integers too."""
    if not isinstance(value, Mapping):
        return value
    part = {name: one for name, one in value.items() if one is not None}
    for name in _WHOLE:
        if name in part:
            _read_number(f"{path}.{name}", name, part, advice)
    return part


def _read_line_id(path: str, row: dict[str, Any], advice: list[Advice]) -> None:
    """Keep a `line_id` as text. Some shops send the number of a row."""
    line_id = row.pop("line_id", None)
    if isinstance(line_id, int | float) and not isinstance(line_id, bool):
        line_id = f"{line_id:g}" if isinstance(line_id, float) else str(line_id)
    if isinstance(line_id, str) and line_id:
        row["line_id"] = line_id
    else:
        advice.append(Advice("line_id_missing", f"{path}.line_id", "the item names no line"))


def _read_number(field: str, name: str, row: dict[str, Any], advice: list[Advice]) -> None:
    """Keep a number. An amount becomes an integer, and a value that is no number is left out."""
    value = row.pop(name)
    if value == "":
        return
    number = _number(value)
    if number is None:
        advice.append(Advice("unreadable", field, f"{name} must be a number"))
        return
    if name in _WHOLE:
        whole = nearest(number)
        if has_fraction(number):
            advice.append(Advice("amount_rounded", field, f"{number} is kept as {whole}"))
        row[name] = whole
    elif isinstance(value, str):
        row[name] = int(number) if number == int(number) else float(number)
    else:
        row[name] = value


def _number(value: object) -> Decimal | None:
    """Return a finite number of at most `MAXIMUM`; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    text = str(value).strip()
    if not text.isascii() or len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) <= MAXIMUM else None
