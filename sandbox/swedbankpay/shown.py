"""A payment order as the API shows it: sub-resources by their address or expanded, and the
operations that its state allows.

Source: `docs/reference/psp/swedbankpay.md#creating-an-order`, `#reading-an-order`.
"""

from __future__ import annotations

from collections.abc import Collection

from sandbox.common.storage import Json
from sandbox.common.wire import public
from sandbox.swedbankpay.movements import left

_NODES = (
    "orderItems",
    "urls",
    "payeeInfo",
    "payer",
    "history",
    "failed",
    "aborted",
    "paid",
    "cancelled",
    "reversed",
    "financialTransactions",
    "failedAttempts",
    "postPurchaseFailedAttempts",
    "metadata",
)


def answer(order: Json, expand: Collection[str] = ()) -> Json:
    """Return `{"paymentOrder": …, "operations": […]}`."""
    shown = public({name: value for name, value in order.items() if name not in _NODES})
    del shown["object"]
    for name, amount in zip(
        ("remainingCaptureAmount", "remainingCancellationAmount", "remainingReversalAmount"),
        left(order).values(),
        strict=True,
    ):
        if amount:  # nothing is told by leaving it out
            shown[name] = amount
    for name in _NODES:
        node: Json = {"id": f"{order['id']}/{name.lower()}"}
        shown[name] = node | _node(order, name) if name in expand else node
    return {"paymentOrder": shown, "operations": operations(order)}


def _node(order: Json, name: str) -> Json:
    if name == "paid":
        return order["_paid"] or {}
    if name == "aborted":
        return order["_problem"] or {}
    if name == "financialTransactions":
        return {"financialTransactionsList": order["_movements"]}
    if name == "failedAttempts":
        return {"failedAttemptList": order["_failed"]}
    if name == "orderItems":
        return {"orderItemList": order["_lines"]}
    if name in ("urls", "payeeInfo", "metadata"):
        return dict(order[name])
    return {}


def operations(order: Json) -> list[Json]:
    """Return only what can be done now. The provider makes the addresses."""
    address = f"{order['_base_url']}{order['id']}"
    rows: list[tuple[str, str, str]] = []
    if order["status"] == "Initialized":
        page = f"{order['_base_url']}/payment/menu/{order['_token']}"
        rows = [
            ("GET", page, "redirect-checkout"),
            ("PATCH", address, "update-order"),
            ("PATCH", address, "abort"),
            ("PATCH", address, "abort-paymentattempt"),
        ]
    # While a refund is on its way, no other operation is offered.
    amounts = left(order) if not order["_pending"] else dict.fromkeys(left(order), 0)
    after = (("capture", "captures"), ("cancel", "cancellations"), ("reversal", "reversals"))
    rows += [("POST", f"{address}/{path}", rel) for rel, path in after if amounts[rel]]
    return [
        {
            "method": method,
            "href": href,
            "rel": rel,
            "contentType": "text/html" if rel == "redirect-checkout" else "application/json",
        }
        for method, href, rel in rows
    ]
