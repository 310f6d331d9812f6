"""Captures, refunds and voids are refused, get lost on the way, or happen at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.profiles import connections_of, get_profile, save_profile
from backend.payments.review.reconcile import reconcile_due
from backend.psp.stripe.connector import CardGateway
from tests.support.card_gateway import (
    CANCEL_TIMES_OUT,
    CAPTURE_TIMES_OUT,
    REFUND_TIMES_OUT,
    CardGatewaySandbox,
)
from tests.support.checkout import ACCOUNT, ON, OPTION, Merchant, profile
from tests.support.patience import impatient


async def at_provider(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> list[tuple[int, int]]:
    """Return the received and the still capturable amount of each payment, as the provider
    reports."""
    async with merchant.ctx.db.reading() as db:
        stored = await get_profile(db, ACCOUNT, "default")
    key = connections_of(merchant.ctx, stored)[OPTION]["secret_key"]
    headers = {"authorization": f"Bearer {key}"}
    url = f"{card_gateway.base_url}/v1/checkout/sessions?limit=100&expand[0]=data.payment_intent"
    pages = card_gateway.http.get(url, headers=headers).json()["data"]
    intents = [page["payment_intent"] for page in pages if page["payment_intent"]]
    return [(intent["amount_received"], intent["amount_capturable"]) for intent in intents]


def split_of(event: Any) -> tuple[int, int]:
    card = sum(part["amount"] for part in event["gift_cards"])
    return card, event["amount"] - card


async def test_what_is_refused_moves_nothing(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}"

    async def refused(verb: str, body: Any, status: int = 400) -> None:
        before = await merchant.transaction(transaction_id)
        answer = await merchant.post(f"{path}/{verb}", body, expect=status)
        assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER", answer
        assert await merchant.transaction(transaction_id) == before

    amount: object
    for amount in (0, -1, 40001, 10**13, "1", 1.5, None, True, [], {}):
        await refused("capture", {"amount": amount})
    await refused("capture", {})
    await refused("capture", None)
    await refused("refund", {"amount": 1})
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.post(f"{path}/capture", {"amount": 15000.0})
    await refused("capture", {"amount": 25001})
    for amount in (0, -1, 15001):
        await refused("refund", {"amount": amount})
    await refused("void", None)
    assert await at_provider(merchant, card_gateway) == [(5000, 25000)]
    await merchant.post(f"{path}/capture", {"amount": 25000})
    await refused("capture", {"amount": 1})
    await refused("void", None)
    await merchant.post(f"{path}/refund", {"amount": 40000})
    for verb in ("capture", "refund"):
        await refused(verb, {"amount": 1})
    await refused("void", None)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_what_was_voided_stays_voided(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/void")
    for verb, body in (("capture", {"amount": 1}), ("refund", {"amount": 1}), ("void", None)):
        await merchant.post(f"{path}/{verb}", body, expect=400)
    assert await at_provider(merchant, card_gateway) == [(0, 0)]
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    events = (await merchant.transaction(transaction_id))["events"]
    assert [e["event"] for e in events] == ["INITIALIZE", "AUTHORIZE", "VOID"]
    await merchant.audit()


async def test_void_after_the_card_alone_was_captured(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}"
    taken = await merchant.post(f"{path}/capture", {"amount": 4000})
    assert (taken["status"], split_of(taken["events"][-1])) == ("PARTIALLY_CAPTURED", (4000, 0))
    done = await merchant.post(f"{path}/void")
    assert (done["status"], split_of(done["events"][-1])) == ("CAPTURED", (6000, 30000))
    assert await at_provider(merchant, card_gateway) == [(0, 0)]
    assert await merchant.balance(card["card_id"]) == (6000, 0, 4000)
    await merchant.audit()


async def test_references_items_and_metadata_stand_in_the_event(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}"
    items = [{"line_id": "1", "amount": 15000, "unknown": "kept"}]
    done = await merchant.post(
        f"{path}/capture",
        {
            "amount": 15000,
            "capture_reference": "c-1",
            "items": items,
            "metadata": {"a": 1},
            "unknown": {"ignored": True},
        },
    )
    event = done["events"][-1]
    assert (event["event_reference"], event["items"], event["metadata"]) == (
        "c-1",
        items,
        {"a": 1},
    )
    done = await merchant.post(
        f"{path}/refund", {"amount": 1, "reason": "broken", "refund_reference": "r-1"}
    )
    event = done["events"][-1]
    assert (event["event_reference"], event["metadata"]) == ("r-1", {"reason": "broken"})
    await merchant.audit()


async def test_a_provider_that_captures_once(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card_gateway.admin("settings", multicapture=False)
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}"
    answer = await merchant.post(f"{path}/capture", {"amount": 15000}, expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    assert "final_capture" in answer["error"]["message"]
    assert await at_provider(merchant, card_gateway) == [(0, 30000)]
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    # The gift card's part is ours, so the merchant can capture it in any number of parts.
    done = await merchant.post(f"{path}/capture", {"amount": 4000})
    assert split_of(done["events"][-1]) == (4000, 0)
    done = await merchant.post(f"{path}/capture", {"amount": 11000, "final_capture": True})
    assert (done["status"], split_of(done["events"][-1])) == ("CAPTURED", (6000, 5000))
    assert await at_provider(merchant, card_gateway) == [(5000, 0)]
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    await merchant.post(f"{path}/capture", {"amount": 1}, expect=400)
    done = await merchant.post(f"{path}/refund", {"amount": 15000})
    assert (done["status"], split_of(done["events"][-1])) == ("REFUNDED", (10000, 5000))
    await merchant.audit()


async def test_a_final_capture_of_the_card_alone_releases_all_the_rest(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    body = {"amount": 3000, "final_capture": True}
    done = await merchant.post(f"/v1/transactions/{transaction_id}/capture", body)
    assert (done["status"], split_of(done["events"][-1])) == ("CAPTURED", (3000, 0))
    assert await at_provider(merchant, card_gateway) == [(0, 0)]
    assert await merchant.balance(card["card_id"]) == (7000, 0, 3000)
    await merchant.audit()


async def test_an_order_of_nothing(merchant: Merchant) -> None:
    """A `dintero.zero` payment is captured or voided once and never refunded. Nothing is left
    open."""
    configuration = {"dintero": {"wallets": ON, "zero": ON}}
    for verb, body, status in (
        ("capture", {"amount": 0}, "CAPTURED"),
        ("void", None, "AUTHORIZATION_VOIDED"),
    ):
        session_id = await merchant.ready(0, configuration=configuration)
        assert (await merchant.press_pay(session_id)).state == "paid"
        transaction_id = (await merchant.view(session_id)).transaction_id
        assert transaction_id is not None
        path = f"/v1/transactions/{transaction_id}"
        paid = await merchant.transaction(transaction_id)
        assert (paid["payment_product_type"], paid["amount"]) == ("dintero.zero", 0)
        assert (await merchant.post(f"{path}/{verb}", body))["status"] == status
        await merchant.post(f"{path}/refund", {"amount": 0}, expect=400)
        await merchant.post(f"{path}/{verb}", body, expect=400)
        assert (await merchant.transaction(transaction_id))["status"] == status
    assert await reconcile_due(merchant.ctx) == 0
    await merchant.audit()


async def lost(
    merchant: Merchant, transaction_id: str, verb: str, body: Any, event: str
) -> dict[str, Any]:
    """Send the command whose answer never comes. Assert a 202, and return the event to wait for."""
    with impatient(CardGateway):
        answer = await merchant.api.post(f"/v1/transactions/{transaction_id}/{verb}", json=body)
    assert answer.status_code == 202, answer.text
    shape: dict[str, Any] = answer.json()
    assert shape["events"][-1]["event"] == event
    assert shape["events"][-1]["request_id"] == answer.headers["event-request-id"]
    # While the outcome is unknown, no other operation may start.
    again = await merchant.post(f"/v1/transactions/{transaction_id}/{verb}", body, expect=409)
    assert again["error"]["code"] == "CONFLICT"
    return shape


async def reconciled(merchant: Merchant, transaction_id: str) -> Any:
    merchant.clock.ahead += timedelta(seconds=200)
    assert await reconcile_due(merchant.ctx) == 1
    return await merchant.transaction(transaction_id)


async def test_a_capture_that_is_not_answered(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card, CAPTURE_TIMES_OUT)
    shape = await lost(merchant, transaction_id, "capture", {"amount": 15000}, "INITIATE_CAPTURE")
    assert shape["status"] == "AUTHORIZED"
    # The card's part moves only when the provider's outcome is known.
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()
    done = await reconciled(merchant, transaction_id)
    assert (done["status"], done["events"][-1]["event"]) == ("PARTIALLY_CAPTURED", "CAPTURE")
    assert split_of(done["events"][-1]) == (10000, 5000)
    assert done["events"][-1]["request_id"] == shape["events"][-1]["request_id"]
    assert await at_provider(merchant, card_gateway) == [(5000, 25000)]
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    assert await reconcile_due(merchant.ctx) == 0
    await merchant.audit()


async def test_a_refund_that_is_not_answered(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card, REFUND_TIMES_OUT)
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 40000})
    await lost(merchant, transaction_id, "refund", {"amount": 12000}, "INITIATE_REFUND")
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    done = await reconciled(merchant, transaction_id)
    assert done["status"] == "PARTIALLY_REFUNDED"
    assert split_of(done["events"][-1]) == (10000, 2000)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_a_void_that_is_not_answered(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card, CANCEL_TIMES_OUT)
    await lost(merchant, transaction_id, "void", None, "INITIATE_VOID")
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    done = await reconciled(merchant, transaction_id)
    assert done["status"] == "AUTHORIZATION_VOIDED"
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert await at_provider(merchant, card_gateway) == [(0, 0)]
    await merchant.audit()


async def test_what_never_reached_the_provider_ends_once(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    card_gateway.fault("capture", "drop_before")
    await lost(merchant, transaction_id, "capture", {"amount": 40000}, "INITIATE_CAPTURE")
    for _ in range(3):
        merchant.clock.ahead += timedelta(seconds=200)
        await reconcile_due(merchant.ctx)
    done = await merchant.transaction(transaction_id)
    ended = [e for e in done["events"] if e["event"] == "CAPTURE"]
    assert len(ended) == 1
    if ended[0]["success"]:
        assert await at_provider(merchant, card_gateway) == [(30000, 0)]
        assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    else:
        assert await at_provider(merchant, card_gateway) == [(0, 30000)]
        assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


@pytest.mark.parametrize("verb", ["capture", "refund", "void"])
async def test_the_provider_says_no(
    merchant: Merchant, card_gateway: CardGatewaySandbox, verb: str
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}"
    if verb == "refund":
        await merchant.post(f"{path}/capture", {"amount": 40000})
    before, balance = (
        await merchant.transaction(transaction_id),
        await merchant.balance(card["card_id"]),
    )
    card_gateway.fault({"void": "cancel"}.get(verb, verb), "refuse", status=402)
    body = None if verb == "void" else {"amount": 40000}
    answer = await merchant.post(f"{path}/{verb}", body, expect=400)
    assert answer["error"]["code"] == "OPERATION_REFUSED"
    after = await merchant.transaction(transaction_id)
    assert after["status"] == before["status"]
    event = after["events"][-1]
    assert (event["event"], event["success"]) == (verb.upper(), False)
    assert await merchant.balance(card["card_id"]) == balance
    await merchant.audit()
    # The operation has ended, so the same one may start again.
    done = await merchant.post(f"{path}/{verb}", body)
    assert done["events"][-1]["success"] is True
    await merchant.audit()


async def test_parallel_captures_never_take_more_than_was_authorized(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}/capture"

    async def capture() -> int:
        return (await merchant.api.post(path, json={"amount": 15000})).status_code

    statuses = Counter(await asyncio.gather(*(capture() for _ in range(10))))
    assert set(statuses) <= {200, 400, 409}
    taken = statuses[200] * 15000
    assert 15000 <= taken <= 30000
    done = await merchant.transaction(transaction_id)
    captures = [split_of(e) for e in done["events"] if e["event"] == "CAPTURE"]
    assert sum(card + card_gateway for card, card_gateway in captures) == taken
    assert await at_provider(merchant, card_gateway) == [(taken - 10000, 40000 - taken)]
    await merchant.audit()


async def test_forty_voids_at_once(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    """There are more units of work than database connections. Each needs one connection and no
    second one."""
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}/void"

    async def void() -> int:
        return (await merchant.api.post(path)).status_code

    async with asyncio.timeout(60):
        statuses = Counter(await asyncio.gather(*(void() for _ in range(40))))
    assert statuses[200] == 1
    assert set(statuses) <= {200, 400, 409}
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_the_connection_is_gone(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 12000})
    await save_profile(merchant.ctx, profile(card_gateway.base_url, "sk_test_x", connections={}))
    for verb, body, status in (
        ("capture", {"amount": 1}, 400),
        ("refund", {"amount": 11000}, 400),
        ("void", None, 503),
    ):
        answer = await merchant.api.post(f"/v1/transactions/{transaction_id}/{verb}", json=body)
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"error"}
    assert await at_provider_unchanged(merchant, transaction_id) == "PARTIALLY_CAPTURED"
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    await merchant.audit()


async def at_provider_unchanged(merchant: Merchant, transaction_id: str) -> str:
    return str((await merchant.transaction(transaction_id))["status"])
