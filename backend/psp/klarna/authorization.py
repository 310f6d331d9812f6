"""Change what a Klarna order is authorized for. The order's lines change with its amount.

Source: `docs/reference/psp/klarna.md#order-management`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.psp.http import Answer, number
from backend.psp.klarna.client import Wire, order_path
from backend.psp.klarna.requests import MAX_AMOUNT, order_lines
from backend.psp.klarna.responses import money_of, rows
from backend.psp.protocol import (
    AuthorizationUpdate,
    OperationQuery,
    Outcome,
    Result,
)

_NAME = "Order"
_COMPARED = ("name", "quantity", "total_amount", "tax_rate")


async def ask_for(
    wire: Wire, order: Mapping[str, Any], update: AuthorizationUpdate, key: str
) -> Answer:
    """Send an update once. An update that Klarna would refuse anyway is not sent."""
    amount, captured = update.amount.amount, number(order.get("captured_amount"))
    if not 0 < amount <= MAX_AMOUNT or amount < captured:
        message = f"{captured} is captured, the authorization cannot be {amount}"
        return Answer(Outcome.REFUSED, code="amount", message=message)
    body: dict[str, Any] = {
        "order_amount": amount,
        "order_lines": order_lines(update.lines, amount, update.description or _NAME),
    }
    if update.description:
        body["description"] = update.description[:255]
    return await wire.patch(f"{order_path(order)}/authorization", body, f"{key}:authorization")


def updated_by_read(query: OperationQuery, order: Mapping[str, Any]) -> Result:
    """Tell from a read of the order whether an update took effect: by the order's amount, or by its
    lines if the amount stays."""
    has = money_of(order)
    if has is None or has.currency != query.amount.currency:
        return Result(Outcome.UNKNOWN, query.reference, message="unreadable answer")
    wanted = query.amount.amount
    if has.amount == wanted and (wanted != query.authorized_before or _has_lines(query, order)):
        return Result(Outcome.DONE, query.reference)
    if has.amount in (wanted, query.authorized_before):
        return Result(Outcome.REFUSED, query.reference, code="invalid", message="no such update")
    return Result(Outcome.UNKNOWN, query.reference, message="another amount")


def _has_lines(query: OperationQuery, order: Mapping[str, Any]) -> bool:
    """Return whether the order has the lines that were asked for. If none were asked for, there is
    nothing to compare, and the answer is yes."""
    if not query.lines:
        return True
    asked = order_lines(query.lines, query.amount.amount, _NAME)
    return _compared(asked) == _compared(rows(order.get("order_lines")))


def _compared(lines: Any) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in _COMPARED) for line in lines]
