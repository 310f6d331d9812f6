"""nopCommerce with its extension for version 4: what it sends, and what it reads.

It is written in C#: decimals come as `59980.0000`, and what it does not know as empty text, null or
zero. It reads every answer into classes that take no null for a number or a time, and no fraction
for a count. It captures and refunds by amount alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.support.plugin import PROFILE, Plugin, last_event, read_typed

REFERENCE = "3f0c9c43-31a4-4a52-9d3c-0a5b3d1c7e11"
ADDRESS = """{"first_name": "Kari", "last_name": "Nordmann", "address_line": "Karl Johans gate 1",
  "address_line_2": "", "co_address": "", "business_name": "", "postal_code": "0154",
  "postal_place": "Oslo", "country": "%(country)s", "phone_number": "%(phone)s",
  "email": "%(email)s", "latitude": 0, "longitude": 0, "comment": "", "organization_number": "",
  "customer_reference": "", "cost_center": ""}"""
NOBODY = """{"first_name": null, "last_name": null, "address_line": null, "address_line_2": null,
  "co_address": null, "business_name": null, "postal_code": null, "postal_place": null,
  "country": null, "phone_number": null, "email": null, "latitude": 0, "longitude": 0,
  "comment": null, "organization_number": null, "customer_reference": null, "cost_center": null}"""
CREATE = """{
  "order": {
    "merchant_reference": "%(reference)s", "amount": 67880.0000, "currency": "NOK",
    "vat_amount": 0.0,
    "items": [
      {"id": "1001", "line_id": "1", "description": "Ullpledd", "quantity": 2, "amount": 57980.0,
       "vat_amount": 11596.0, "vat": 25.0, "discount_lines": [
         {"amount": 2000.0, "percentage": 3.3344, "discount_type": "customer", "discount_id": "5",
          "description": "Sommer", "line_id": 1}]}],
    "shipping_option": {"id": "0b8f0d0e-8d0b-4b5e-9c55-5d0f2d9a0001",
      "line_id": "0b8f0d0e-8d0b-4b5e-9c55-5d0f2d9a0002", "amount": 9900, "vat_amount": 1980,
      "vat": 25, "title": "Ground", "operator": "Shipping.FixedByWeightByTotal"},
    "shipping_address": %(shipping)s, "billing_address": %(billing)s,
    "discount_lines": [], "discount_codes": []},
  "url": {"return_url": "https://shop.example/dintero/return/7/%(reference)s",
          "callback_url": "%(server)s/dintero/callback/7/%(reference)s"},
  "profile_id": "%(profile)s",
  "customer": {"customer_id": "7", "email": "%(email)s", "phone_number": "",
    "tokens": {"payex.creditcard": {"payment_token": "", "recurrence_token": ""}}}
}"""
ITEM: dict[str, Any] = {
    "id": str, "line_id": str, "description": str, "quantity": int, "amount": float, "vat": float,
    "vat_amount": float,
}  # fmt: skip
METADATA = {
    "payex:transaction:number": int, "payex:payment:number": int, "payex:payment:created": datetime,
    "payex:transaction:created": datetime, "merchant_name": str, "payout_correlation_id": str,
}  # fmt: skip
TRANSACTION: dict[str, Any] = {
    "id": str, "account_id": str, "session_id": str, "status": str, "settlement_status": str,
    "payment_product": str, "payment_product_type": str, "amount": float, "currency": str,
    "merchant_reference": str, "customer_ip": str, "user_agent": str, "version": int,
    "created_at": datetime, "updated_at": datetime, "metadata": METADATA, "items": [ITEM],
    "card": {
        "brand": str, "masked_pan": str, "expiry_date": str, "type": str, "issuing_bank": str,
        "acquirer_transaction_time": datetime, "authentication_status": str,
    },
    "url": {"return_url": str},
    "events": [{
        "id": str, "event": str, "items": [ITEM], "amount": float, "success": bool,
        "metadata": METADATA, "created_at": datetime, "request_id": str, "transaction_status": str,
        "error": {"message": str, "code": str},
    }],
}  # fmt: skip


def body(server: str, **more: str) -> str:
    filled = ADDRESS % {"country": "NO", "phone": "+4741234567", "email": "kari@example.no"}
    facts = {
        "server": server,
        "reference": REFERENCE,
        "profile": PROFILE,
        "shipping": filled,
        "billing": filled,
        "email": "kari@example.no",
    }
    return CREATE % {**facts, **more}


@pytest.fixture
async def nop(plugin: Plugin) -> Plugin:
    plugin.headers = {
        "content-type": "application/json; charset=utf-8",
        "dintero-system-name": "nopCommerce",
        "dintero-system-plugin-name": "Payments.Dintero",
        "dintero-system-version": "4.30",
        "dintero-system-plugin-version": "1.00",
    }
    token = await plugin.signs_in()
    read_typed(token, {"access_token": str, "expires_in": int, "token_type": str})
    return plugin


async def paid(nop: Plugin, **more: str) -> dict[str, Any]:
    """The transaction, as the page for the payer's return reads it."""
    made = await nop.asks("POST", "sessions-profile", raw=body(nop.server.url, **more))
    assert made["url"]
    back = await nop.payer_pays(made["id"], 67880)
    transaction: dict[str, Any] = await nop.asks("GET", f"transactions/{back['transaction_id']}")
    read_typed(transaction, TRANSACTION)
    return transaction


async def test_a_whole_life(nop: Plugin) -> None:
    transaction = await paid(nop)
    assert (transaction["status"], transaction["amount"]) == ("AUTHORIZED", 67880)
    assert transaction["merchant_reference"] == REFERENCE
    assert transaction["payment_product"] == "dintero_psp"
    # The order is authorized by this event, and its metadata is looked into.
    [authorized] = [e for e in transaction["events"] if e["event"].lower() == "authorize"]
    assert authorized["transaction_status"].lower() == "authorized"
    assert isinstance(authorized["metadata"], dict)
    assert isinstance(transaction["metadata"], dict)
    card = transaction["card"]
    assert card["brand"]
    assert card["masked_pan"].endswith("0002")
    month, year = card["expiry_date"].split("/")
    assert (month, year[-2:]) == ("12", "34")
    assert [type(item["quantity"]) for item in transaction["items"]] == [int, int]

    path = f"transactions/{transaction['id']}"
    captured = await nop.asks("POST", f"{path}/capture", raw='{"amount":67880.0000}')
    read_typed(captured, TRANSACTION)
    assert captured["status"] == "CAPTURED"
    refunded = await nop.asks("POST", f"{path}/refund", raw='{"amount":9900.0}')
    read_typed(refunded, TRANSACTION)
    assert refunded["status"] == "PARTIALLY_REFUNDED"
    assert last_event(refunded, "REFUND")["amount"] == 9900
    refunded = await nop.asks("POST", f"{path}/refund", raw='{"amount":57980.00}')
    assert refunded["status"] == "REFUNDED"
    assert await nop.confirmed_callbacks() == [""]
    heard = nop.server.got[0]
    assert heard.target.startswith(f"/dintero/callback/7/{REFERENCE}?")
    assert heard.query["transaction_id"] == transaction["id"]


async def test_an_order_that_is_voided(nop: Plugin) -> None:
    """Empty text as the body, which is called JSON."""
    transaction = await paid(nop)
    voided = await nop.asks("POST", f"transactions/{transaction['id']}/void", raw="")
    read_typed(voided, TRANSACTION)
    assert voided["status"] == "AUTHORIZATION_VOIDED"


async def test_a_capture_of_less_then_the_rest_is_given_up(nop: Plugin) -> None:
    """An adjustment of the order's total before it is shipped."""
    transaction = await paid(nop)
    path = f"transactions/{transaction['id']}"
    captured = await nop.asks("POST", f"{path}/capture", raw='{"amount":50000.5000}', expect=400)
    assert captured["error"]["message"]
    captured = await nop.asks("POST", f"{path}/capture", raw='{"amount":50000.0}')
    assert captured["status"] == "PARTIALLY_CAPTURED"
    assert last_event(captured, "CAPTURE")["amount"] == 50000


async def test_a_guest_of_whom_the_shop_knows_nothing(nop: Plugin) -> None:
    """Nulls and empty text in every field of an address, and an order that is not shipped."""
    empty = ADDRESS % {"country": "", "phone": "", "email": ""}
    for address in (NOBODY, empty, "null"):
        transaction = await paid(nop, shipping=address, billing=address, email="")
        assert transaction["status"] == "AUTHORIZED"


async def test_what_is_refused_is_read(nop: Plugin) -> None:
    refused = await nop.asks("GET", "transactions/T12345678.absent", expect=404)
    read_typed(refused, {"error": {"message": str}, "message": str})
    assert refused["error"]["message"]
