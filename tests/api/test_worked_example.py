"""The test follows the worked example: `docs/reference/dintero-api.md#money-flow`."""

from __future__ import annotations

from typing import Any

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant


def split(transaction: Any, event: str) -> tuple[int, int]:
    """Return the card's part and the provider's part of the last such event."""
    last = [e for e in transaction["events"] if e["event"] == event][-1]
    assert last["success"] is True
    card = sum(part["amount"] for part in last["gift_cards"])
    return card, last["amount"] - card


async def test_card_first_in_captures_and_refunds(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}"
    paid = await merchant.transaction(transaction_id)
    assert paid["status"] == "AUTHORIZED"
    assert paid["amount"] == 40000
    assert paid["payment_product_type"] == "dintero_psp.creditcard"
    assert [c["amount"] for c in paid["gift_cards"]] == [10000]
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()

    steps = (
        ("capture", 15000, "PARTIALLY_CAPTURED", (10000, 5000), (0, 0, 10000)),
        ("capture", 25000, "CAPTURED", (0, 25000), (0, 0, 10000)),
        ("refund", 12000, "PARTIALLY_REFUNDED", (10000, 2000), (10000, 0, 0)),
        ("refund", 28000, "REFUNDED", (0, 28000), (10000, 0, 0)),
    )
    for verb, amount, status, parts, balance in steps:
        done = await merchant.post(f"{path}/{verb}", {"amount": amount})
        assert done["status"] == status
        assert split(done, verb.upper()) == parts
        assert await merchant.balance(card["card_id"]) == balance
        await merchant.audit()

    events = [event["event"] for event in done["events"]]
    assert events == [
        "INITIALIZE",
        "AUTHORIZE",
        "CAPTURE",
        "CAPTURE",
        "REFUND",
        "REFUND",
    ]
    again = await merchant.post(f"{path}/refund", {"amount": 1}, expect=400)
    assert again["error"]["code"] == "INVALID_REQUEST_PARAMETER"


async def test_void_gives_the_hold_back(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    done = await merchant.post(f"/v1/transactions/{transaction_id}/void", {"ignored": True})
    assert done["status"] == "AUTHORIZATION_VOIDED"
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_a_card_that_covers_all_needs_no_provider(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(100000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    paid = await merchant.transaction(transaction_id)
    assert paid["payment_product_type"] == "dintero.wallets"
    assert paid["payment_product"] == "dintero"
    captured = await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 15000})
    assert captured["status"] == "PARTIALLY_CAPTURED"
    assert await merchant.balance(card["card_id"]) == (60000, 25000, 15000)
    voided = await merchant.post(f"/v1/transactions/{transaction_id}/void")
    assert voided["status"] == "CAPTURED"
    assert await merchant.balance(card["card_id"]) == (85000, 0, 15000)
    await merchant.audit()
