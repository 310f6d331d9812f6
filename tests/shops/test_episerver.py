"""Episerver (Optimizely) with its extension: what it sends, and what it reads.

Countries have three letters, quantities are decimals, a telephone number or an e-mail address that
the shop has not got is null. A capture of a part sends the lines of the whole order; a refund calls
a line that it does not find `0`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.plugin import PROFILE, Plugin, last_event, lines, read_typed

LINE: dict[str, Any] = {
    "id": str, "line_id": str, "description": str, "quantity": float, "amount": int,
    "vat_amount": int, "vat": int,
}  # fmt: skip
BLANKET = {"id": "PLEDD-1", "groups": [], "line_id": "0", "description": "Ullpledd",
           "quantity": 2.0, "amount": 59980, "vat_amount": 11996, "vat": 25}  # fmt: skip
CAP = {"id": "LUE-1", "groups": [], "line_id": "1", "description": "Lue", "quantity": 1.0,
       "amount": 19990, "vat_amount": 3998, "vat": 25}  # fmt: skip
FREIGHT = {"id": "17", "groups": [], "line_id": "2", "description": "Posten", "quantity": 1.0,
           "amount": 9900, "vat_amount": 1980, "vat": 25}  # fmt: skip
ADDRESS: dict[str, Any] = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Karl Johans gate 1 ",
    "postal_code": "0154", "postal_place": "Oslo", "country": "NOR", "phone_number": None,
    "email": None, "comment": None,
}  # fmt: skip


def session(server: str, amount: int = 89870, **order: Any) -> dict[str, Any]:
    items = [BLANKET, CAP, FREIGHT]
    return {
        "url": {
            "return_url": "https://shop.example/dintero-payment/",
            "callback_url": f"{server}/dintero-payment/",
        },
        "customer": {"email": None, "phone_number": None},
        "order": {
            "amount": amount,
            "currency": "NOK",
            "merchant_reference": "PO4242",
            "merchant_reference_2": None,
            "vat_amount": 17974,
            "items": items,
            "partial_payment": amount != sum(int(item["amount"]) for item in items),  # type: ignore[call-overload]
            "billing_address": ADDRESS,
            "shipping_address": ADDRESS,
            "store": {"id": ""},
            **order,
        },
        "profile_id": PROFILE,
    }


@pytest.fixture
async def epi(plugin: Plugin) -> Plugin:
    plugin.headers = {"accept": "application/json", "content-type": "application/json"}
    await plugin.signs_in()
    return plugin


async def paid(epi: Plugin) -> str:
    session_id = await epi.creates(session(epi.server.url))
    return (await epi.payer_pays(session_id, 89870))["transaction_id"]


async def read(epi: Plugin, transaction_id: str) -> Any:
    """Return the transaction as the extension's class reads it."""
    found = await epi.asks("GET", f"transactions/{transaction_id}")
    read_typed(found["items"], [LINE])
    assert type(found["amount"]) is int
    return found


async def test_a_whole_life(epi: Plugin) -> None:
    session_id = await epi.creates(session(epi.server.url))
    made = await epi.asks("GET", f"sessions/{session_id}")
    assert made["order"]["billing_address"]["country"] == "NO"
    assert made["order"]["partial_payment"] is False
    back = await epi.payer_pays(session_id, 89870)
    assert back["merchant_reference"] == "PO4242"
    transaction_id = back["transaction_id"]
    found = await read(epi, transaction_id)
    assert (found["status"].upper(), found["currency"], found["payment_product"].lower()) == (
        "AUTHORIZED",
        "NOK",
        "dintero_psp",
    )
    assert [(line["id"], line["line_id"]) for line in found["items"]] == [
        ("PLEDD-1", "0"),
        ("LUE-1", "1"),
        ("17", "2"),
    ]

    # The first shipment is paid: its amount, and the lines of the whole order.
    path = f"transactions/{transaction_id}"
    part = {"amount": 69880, "capture_reference": "PO4242", "items": [BLANKET, CAP, FREIGHT]}
    captured = await epi.asks("POST", f"{path}/capture", part)
    assert captured["status"] == "PARTIALLY_CAPTURED"
    event = last_event(captured, "CAPTURE")
    assert (event["amount"], event["event_reference"]) == (69880, "PO4242")
    rest = {"amount": 19990, "capture_reference": "PO4242", "items": []}
    captured = await epi.asks("POST", f"{path}/capture", rest)
    assert captured["status"] == "CAPTURED"

    # A return of one blanket, less a fee; the second of something that the shop has renamed.
    one = {**BLANKET, "quantity": 1.0, "amount": 29990, "vat_amount": 5998}
    refunded = await epi.asks(
        "POST", f"{path}/refund", {"amount": 25000, "reason": "Refund", "items": [one]}
    )
    assert refunded["status"] == "PARTIALLY_REFUNDED"
    assert lines(last_event(refunded, "REFUND")) == [("0", 29990)]
    renamed = {**CAP, "id": "LUE-2", "line_id": "0"}
    refunded = await epi.asks(
        "POST", f"{path}/refund", {"amount": 64870, "reason": "Refund", "items": [renamed]}
    )
    assert refunded["status"] == "REFUNDED"
    found = await read(epi, transaction_id)
    assert [event["event"] for event in found["events"]].count("REFUND") == 2
    heard = await epi.hears()
    assert [got.query["transaction_id"] for got in heard] == [transaction_id]


async def test_an_order_that_is_cancelled(epi: Plugin) -> None:
    transaction_id = await paid(epi)
    voided = await epi.asks("POST", f"transactions/{transaction_id}/void")
    assert voided["status"] == "AUTHORIZATION_VOIDED"


async def test_an_order_paid_in_part_elsewhere(epi: Plugin) -> None:
    """The shop's own means paid the rest."""
    body = session(epi.server.url, 50000)
    assert body["order"]["partial_payment"] is True
    session_id = await epi.creates(body)
    back = await epi.payer_pays(session_id, 50000)
    captured = await epi.asks(
        "POST",
        f"transactions/{back['transaction_id']}/capture",
        {"amount": 50000, "capture_reference": "PO4242", "items": [BLANKET, CAP, FREIGHT]},
    )
    assert captured["status"] == "CAPTURED"
    assert last_event(captured, "CAPTURE")["amount"] == 50000


async def test_what_is_refused_is_read(epi: Plugin) -> None:
    """An answer with a status means success. Otherwise the extension stores the message and the
    code."""
    transaction_id = await paid(epi)
    path = f"transactions/{transaction_id}/capture"
    too_much = {"amount": 89871, "capture_reference": "PO4242", "items": []}
    refused = await epi.asks("POST", path, too_much, expect=400)
    assert "status" not in refused
    assert refused["error"]["message"]
    assert refused["error"]["code"]
    assert (await read(epi, transaction_id))["status"] == "AUTHORIZED"
