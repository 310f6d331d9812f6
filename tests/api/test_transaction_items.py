"""Captures and refunds have `items` and references, which the events repeat. A refusal here means
that the shop asked for the strict reading. `test_items.py` covers the usual reading.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, session_body

ITEMS = [
    {"line_id": "1", "id": "10", "amount": 30000, "vat": 25, "description": "Lamp"},
    {"line_id": "2", "id": "11", "amount": 7000, "vat": 15, "description": "Book"},
    {"line_id": "d", "id": "d", "amount": -2000, "vat": 25, "description": "Discount"},
]
SHIPPING = {
    "id": "s", "line_id": "ship", "amount": 5000, "operator": "Posten", "title": "Home", "vat": 25,
}  # fmt: skip


@pytest.fixture
async def path(merchant: Merchant, card_gateway: CardGatewaySandbox) -> str:
    """Pay 40000 for two lines, a discount and shipping, and return the transaction's path."""
    order = session_body(40000)["order"] | {
        "items": ITEMS,
        "shipping_option": SHIPPING,
        "event_reference": "order's own",
    }
    transaction_id = await merchant.paid(card_gateway, 40000, order=order)
    return f"/v1/transactions/{transaction_id}"


def taken(*lines: tuple[str, int]) -> dict[str, Any]:
    items = [{"line_id": line, "amount": amount} for line, amount in lines]
    return {"amount": sum(amount for _, amount in lines), "items": items}


async def refused(merchant: Merchant, path: str, body: Any) -> str:
    answer = await merchant.post(path, body, expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    return str(answer["error"]["errors"][0]["field"])


async def test_shipping_is_an_item(merchant: Merchant, path: str) -> None:
    items = (await merchant.get(path))["items"]
    assert [item["line_id"] for item in items] == ["1", "2", "d", "ship"]
    assert (items[-1]["type"], items[-1]["amount"]) == ("shipping", 5000)


async def test_lines_are_captured_and_refunded_one_by_one(merchant: Merchant, path: str) -> None:
    merchant.api.headers["Dintero-Feature-Toggles"] = "strict-items"
    capture, refund = f"{path}/capture", f"{path}/refund"
    done = await merchant.post(
        capture, taken(("1", 20000), ("ship", 5000)) | {"capture_reference": "parcel 1"}
    )
    event = done["events"][-1]
    assert (event["amount"], event["event_reference"]) == (25000, "parcel 1")
    assert [(i["line_id"], i["amount"]) for i in event["items"]] == [("1", 20000), ("ship", 5000)]
    assert event["calculated_vat_amount"] == 5000

    assert await refused(merchant, capture, taken(("1", 10001))) == "items.0.amount"
    assert await refused(merchant, capture, taken(("ship", 1))) == "items.0.amount"
    assert await refused(merchant, capture, taken(("x", 1))) == "items.0.line_id"
    assert await refused(merchant, capture, taken(("1", 100)) | {"amount": 101}) == "items"
    assert await refused(merchant, capture, taken(("1", 5000), ("d", -2001))) == "items.1.amount"
    assert await refused(merchant, refund, taken(("2", 1))) == "items.0.amount"
    assert await refused(merchant, refund, taken(("1", 20001))) == "items.0.amount"
    assert await refused(merchant, capture, {"amount": 1, "items": [{"amount": 1}]}) == (
        "items.0.line_id"
    )

    rest = await merchant.post(capture, taken(("1", 10000), ("2", 7000), ("d", -2000)))
    assert rest["status"] == "CAPTURED"
    # An event without its own reference has the order's.
    assert rest["events"][-1]["event_reference"] == "order's own"
    body = taken(("2", 7000)) | {"refund_reference": "return 1", "reason": "torn"}
    back = await merchant.post(refund, body | {"metadata": {"ext_case": 7}})
    event = back["events"][-1]
    assert (event["event_reference"], event["metadata"]) == (
        "return 1",
        {"ext_case": 7, "reason": "torn"},
    )
    assert await refused(merchant, refund, taken(("2", 1))) == "items.0.amount"
    last = await merchant.post(refund, taken(("1", 30000), ("ship", 5000), ("d", -2000)))
    assert last["status"] == "REFUNDED"
    failed = [event for event in last["events"] if not event["success"]]
    assert failed == []
    await merchant.audit()


async def test_a_capture_without_items_may_have_been_of_any_line(
    merchant: Merchant, path: str
) -> None:
    merchant.api.headers["Dintero-Feature-Toggles"] = "strict-items"
    await merchant.post(f"{path}/capture", {"amount": 40000})
    assert await refused(merchant, f"{path}/refund", taken(("2", 7001))) == "items.0.amount"
    done = await merchant.post(f"{path}/refund", taken(("2", 7000)))
    assert done["status"] == "PARTIALLY_REFUNDED"
    assert await refused(merchant, f"{path}/refund", taken(("2", 1))) == "items.0.amount"
    # It is never more than what is left of the whole.
    assert await refused(merchant, f"{path}/refund", {"amount": 33001}) == "amount"
    await merchant.audit()


async def test_floats_and_further_keys_in_items(merchant: Merchant, path: str) -> None:
    body = {"amount": 7000.0, "items": [{"line_id": "2", "amount": 7000.0, "quantity": 1.5}]}
    done = await merchant.post(f"{path}/capture", body)
    assert done["events"][-1]["items"] == [{"line_id": "2", "amount": 7000, "quantity": 1.5}]
    assert await refused(merchant, f"{path}/capture", {"amount": 1.5}) == "amount"
