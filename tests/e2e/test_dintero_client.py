"""A merchant's existing client is the published `dintero` package with other addresses.

It raises `InvalidRequestBody` for 400, `AuthError` for 401 and 403, and `UnexpectedError` for all
else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dintero import Dintero
from dintero.error import AuthError, DinteroException, InvalidRequestBody, UnexpectedError

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, Payer

ON = {"type": "payment_product_type", "enabled": True}
ITEM = {
    "id": "10", "line_id": "1", "description": "Forsvinnignspølse", "quantity": 2,
    "amount": 72200, "vat": 20,
}  # fmt: skip


@pytest.fixture
def client(demo: Demo) -> Any:
    facts = demo.facts
    dintero = Dintero(
        facts["account_id"],
        facts["client_id"],
        facts["client_secret"],
        application_name="a shop",
        application_version="1.0",
        api_url=demo.base_url,
        checkout_url=demo.base_url,
    )
    return dintero.checkout()


def body(merchant: Merchant, **more: Any) -> dict[str, Any]:
    return {
        "url": merchant.addresses(),
        "order": {
            "amount": 72200,
            "currency": "NOK",
            "vat_amount": 13660,
            "items": [ITEM],
            "merchant_reference": "order-1",
        },
        "configuration": {
            "active_payment_types": {"enabled": True},
            "dintero": {"type": "payment_type", "wallets": ON},
        },
    } | more


@pytest.mark.parametrize("path", ["sessions-profile", "sessions"])
def test_a_whole_life(client: Any, merchant: Merchant, shop: Shop, payer: Payer, path: str) -> None:
    card = merchant.card(10000)
    wanted = body(merchant)
    if path == "sessions-profile":
        wanted |= {
            "profile_id": "default",
            "customer": {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}},
        }
    made = client.create_session(wanted)
    payer.open(made)
    payer.give_details()
    if path == "sessions":
        payer.add_card(card)
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()

    session = client.get_session(made["id"])
    transaction = client.get_transaction(session["transaction_id"])
    assert transaction["status"] == "AUTHORIZED"
    assert transaction["gift_cards"][0]["amount"] == 10000
    assert "AUTHORIZED" in [event["name"] for event in session["events"]]
    part = client.capture_transaction(transaction["id"], 30000, [{**ITEM, "amount": 30000}], "c-1")
    assert part["status"] == "PARTIALLY_CAPTURED"
    assert part["events"][-1]["event_reference"] == "c-1"
    whole = client.capture_transaction(transaction["id"], 42200, [{**ITEM, "amount": 42200}])
    assert whole["status"] == "CAPTURED"
    back = client.refund_transaction(
        transaction["id"], 72200, [ITEM], refund_reference="r-1", reason="returned"
    )
    assert back["status"] == "REFUNDED"
    assert merchant.balance(card) == (10000, 0)


def test_void(client: Any, merchant: Merchant, payer: Payer) -> None:
    card = merchant.card(10000)
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    made = client.create_session(body(merchant, profile_id="default", customer=preset))
    payer.open(made)
    payer.give_details()
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    transaction_id = client.get_session(made["id"])["transaction_id"]
    assert client.void_transaction(transaction_id)["status"] == "AUTHORIZATION_VOIDED"
    assert merchant.balance(card) == (10000, 0)
    with pytest.raises(InvalidRequestBody) as refused:
        client.void_transaction(transaction_id)
    assert "AUTHORIZATION_VOIDED" in refused.value.body


def test_each_error(client: Any, demo: Demo, merchant: Merchant) -> None:
    wrong = body(merchant, profile_id="default")
    # The client itself compares the sums, so the test makes both wrong in the same way.
    wrong["order"] |= {"amount": 722.5, "items": [{**ITEM, "amount": 722.5}]}
    calls: list[tuple[type[DinteroException], Callable[[], Any]]] = [
        (InvalidRequestBody, lambda: client.create_session(wrong)),
        (InvalidRequestBody, lambda: client.create_session(body(merchant, profile_id="none"))),
        (UnexpectedError, lambda: client.get_session("T12345678.nope")),
        (UnexpectedError, lambda: client.get_transaction("T12345678.nope")),
    ]
    for expected, call in calls:
        with pytest.raises(expected) as refused:
            call()
        assert '"error"' in refused.value.body
    assert refused.value.status_code == 404

    facts = demo.facts
    stranger = Dintero(
        facts["account_id"],
        facts["client_id"],
        "wrong",
        api_url=demo.base_url,
        checkout_url=demo.base_url,
    ).checkout()
    with pytest.raises(AuthError) as unknown:
        stranger.get_session("T12345678.nope")
    assert unknown.value.status_code == 401
