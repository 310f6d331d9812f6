"""A merchant does not delete a card by mistake while it is needed, and can restore a deleted
one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, sign_in
from tests.support.wallets import CARDS, MOVES, code, later, move


async def in_use(merchant: Merchant, path: str) -> list[dict[str, Any]]:
    answer = await merchant.api.delete(path)
    assert (answer.status_code, code(answer.json())) == (409, "CARD_IN_USE"), answer.text
    errors: list[dict[str, Any]] = answer.json()["error"]["errors"]
    return errors


def uses(errors: list[dict[str, Any]]) -> list[tuple[str, int, str, str]]:
    return [
        (e["code"], e["amount"], e["currency"], e.get("transaction_id") or "drawdown")
        for e in errors
    ]


async def test_a_card_that_may_be_refunded_to_is_not_deleted(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    paid = await merchant.paid(card_gateway, 4000, card)
    held = await merchant.paid(card_gateway, 3000, card)
    await merchant.post(f"/v1/transactions/{paid}/capture", {"amount": 4000})
    drawdown = await move(merchant, card_id=card["card_id"], ref_id="p", amount=500, pending=True)
    errors = await in_use(merchant, path)
    assert sorted(uses(errors)) == sorted(
        [
            ("held", 3000, "NOK", held),
            ("held", 500, "NOK", "drawdown"),
            ("refundable", 4000, "NOK", paid),
        ]
    )
    assert {e.get("wallet_transaction_id") for e in errors} == {None, drawdown["id"]}
    assert {e["field"] for e in errors} == {"card_id"}
    await merchant.post(f"{MOVES}/{drawdown['id']}/void", {"ref_id": "v"})
    await merchant.post(f"/v1/transactions/{held}/void")
    await merchant.post(f"/v1/transactions/{paid}/refund", {"amount": 1000})
    assert uses(await in_use(merchant, path)) == [("refundable", 3000, "NOK", paid)]
    assert (await merchant.get(path))["status"] == "partially_used"
    # After a full refund there is nothing to lose.
    await merchant.post(f"/v1/transactions/{paid}/refund", {"amount": 3000})
    answer = await merchant.api.delete(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "deleted")
    await merchant.audit()


async def test_force_says_who_and_what_for(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    paid = await merchant.paid(card_gateway, 40000, card)
    await in_use(merchant, f"{path}?force=false")
    forced = await merchant.api.delete(f"{path}?force=true&reason=reported%20as%20stolen")
    assert (forced.status_code, forced.json()["status"]) == (200, "deleted")
    again = await merchant.api.delete(f"{path}?force=true&reason=again")
    assert again.status_code == 200
    (event,) = (await merchant.get(f"{path}/events"))["events"]
    assert event["name"] == "DELETED"
    assert (event["created_by"], event["reason"]) == (merchant.client_id, "reported as stolen")
    held = {"kind": "held", "amount": 10000, "currency": "NOK", "transaction_id": paid}
    assert event["details"] == {"forced": True, "in_use": [held]}
    # The held amount can still be captured, because the order was placed with it.
    await merchant.post(f"/v1/transactions/{paid}/capture", {"amount": 40000})
    listed = await merchant.get(f"{CARDS}?include_deleted=true")
    (shown,) = listed["cards"]
    assert (shown["amount_available"], shown["amount_drawdown"]) == (0, 10000)
    await merchant.audit()


async def test_what_is_voided_on_a_deleted_card_comes_back_with_it(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    paid = await merchant.paid(card_gateway, 40000, card)
    await merchant.api.delete(f"{path}?force=true")
    await merchant.post(f"/v1/transactions/{paid}/void")
    back = await merchant.post(f"{path}/restore", {"reason": "a mistake"})
    assert (back["status"], back["amount_available"]) == ("unused", 10000)
    assert (await merchant.post(f"{path}/restore"))["amount_available"] == 10000
    events = (await merchant.get(f"{path}/events"))["events"]
    assert [(e["name"], e.get("reason")) for e in events] == [
        ("RESTORED", "a mistake"),
        ("DELETED", None),
    ]
    # Number and PIN are as they were.
    session_id = await merchant.ready(40000, card)
    assert (await merchant.view(session_id)).to_pay == 30000
    await merchant.post(f"{CARDS}/none/restore", expect=404)
    await merchant.get(f"{CARDS}/none/events", expect=404)
    await merchant.audit()


async def test_a_payment_under_way_ends_though_its_card_was_deleted(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert uses(await in_use(merchant, path))[0][:3] == ("held", 10000, "NOK")
    assert (await merchant.api.delete(f"{path}?force=true")).status_code == 200
    assert result.url is not None
    await merchant.come_back(card_gateway.pay(result.url).headers["location"])
    transaction_id = (await merchant.view(session_id)).transaction_id
    assert transaction_id is not None
    done = await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 40000})
    assert (done["status"], done["gift_cards"][0]["amount"]) == ("CAPTURED", 10000)
    await merchant.audit()


async def test_extend(merchant: Merchant) -> None:
    first, second = later(merchant, days=1), later(merchant, days=30)
    card = await merchant.card(10000, expires_at=first)
    path = f"{CARDS}/{card['card_id']}"
    for wrong, status in (
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400),
        ({}, 400),
        ({"expires_at": "soon"}, 400),
    ):
        await merchant.post(f"{path}/extend", wrong, expect=status)
    merchant.clock.ahead = timedelta(days=2)
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    assert (await merchant.get(path))["status"] == "expired"
    for _ in range(2):
        done = await merchant.post(f"{path}/extend", {"expires_at": second, "reason": "asked for"})
        assert done["status"] == "unused"
    (event,) = (await merchant.get(f"{path}/events"))["events"]
    assert (event["name"], event["created_by"]) == ("EXTENDED", merchant.client_id)
    assert event["reason"] == "asked for"
    assert event["details"] == {"from": (await _iso(first)), "to": done["expires_at"]}
    session_id = await merchant.ready(40000, card)
    assert (await merchant.view(session_id)).to_pay == 30000
    sooner = later(merchant, days=3)
    refused = await merchant.post(f"{path}/extend", {"expires_at": sooner}, expect=409)
    assert code(refused) == "NOT_LATER"
    for_ever = await merchant.post(f"{path}/extend", {"expires_at": None})
    assert "expires_at" not in for_ever
    refused = await merchant.post(f"{path}/extend", {"expires_at": second}, expect=409)
    assert code(refused) == "NOT_LATER"
    await merchant.api.delete(path)
    await merchant.post(f"{path}/extend", {"expires_at": second}, expect=404)
    page = await merchant.get(f"{path}/events?limit=2")
    assert [e["name"] for e in page["events"]] == ["DELETED", "EXTENDED"]
    rest = await merchant.get(f"{path}/events?starting_after={page['starting_after']}")
    assert [e["name"] for e in rest["events"]] == ["EXTENDED"]
    await merchant.get(f"{path}/events?starting_after=x", expect=400)


async def _iso(text: str) -> str:
    from datetime import datetime

    from backend.core.clock import iso

    return iso(datetime.fromisoformat(text))


async def test_reissue(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    token = await merchant.post(f"{path}/tokens", {"ref_id": "a", "expires_in": 600})
    open_session = await merchant.ready(40000, card)
    made = await merchant.post(f"{path}/reissue", {"reason": "lost"})
    number, pin = made["card_token"]["token"]["value"], made["pin"]["pin"]["value"]
    assert (made["card_id"], made["amount_available"]) == (card["card_id"], 10000)
    assert number != card["number"] and len(number) == 16 and len(pin) == 4
    info = "/v1/accounts/T12345678/wallets/info"
    for old in (card["number"], token["token"]["value"]):
        await merchant.post(info, {"token": old, "pin": card["pin"]}, expect=404)
        await merchant.post(info, {"token": old, "pin": pin}, expect=404)
    assert (await merchant.post(info, {"token": number, "pin": pin}))["amount_available"] == 10000
    # A payer who added the card with the old PIN has to give the new one.
    assert (await merchant.view(open_session)).to_pay == 40000
    (event,) = (await merchant.get(f"{path}/events"))["events"]
    assert (event["name"], event["reason"], event["details"]) == ("REISSUED", "lost", {})
    assert number not in str(event) and pin not in str(event)
    await merchant.api.delete(path)
    await merchant.post(f"{path}/reissue", expect=404)


@pytest.mark.parametrize("verb", ["extend", "restore", "reissue"])
async def test_another_accounts_card_is_not_found(merchant: Merchant, verb: str) -> None:
    other = f"/v1/accounts/T87654321/wallets/cards/x/{verb}"
    body = {"expires_at": None} if verb == "extend" else None
    await merchant.post(other, body, expect=403)
