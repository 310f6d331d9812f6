"""The provider confirms refunds and reverses them later."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

from backend.payments.operations.refund_reversals import LOOKS, look_due
from tests.api.paying import reconcile_until_quiet
from tests.api.test_payment_notifications import notify, signed
from tests.support.card_gateway import REFUND_COMES_BACK, REFUND_WAITS, CardGatewaySandbox
from tests.support.checkout import Merchant


async def captured(
    merchant: Merchant,
    card_gateway: CardGatewaySandbox,
    *,
    number: str = REFUND_COMES_BACK,
    card: int = 0,
    capture: int = 40000,
    **more: Any,
) -> str:
    """Capture an order of 400.00, `card` of it by gift card, and return the transaction's path."""
    gift_card = await merchant.card(card) if card else None
    transaction_id = await merchant.paid(card_gateway, 40000, gift_card, number, **more)
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": capture})
    return path


async def told_of_refund(merchant: Merchant, path: str) -> None:
    """Send a signed notification as the provider does. We do not believe its content."""
    subject = {"object": "refund", "metadata": {"transaction_id": path.rpartition("/")[2]}}
    event = {"id": "evt_1", "type": "refund.failed", "data": {"object": subject}}
    body = json.dumps(event).encode()
    assert (await notify(merchant, body, signed(body))).status_code == 200


def time_passes(card_gateway: CardGatewaySandbox) -> None:
    """Move the provider's time until the refunds made so far have their outcome."""
    card_gateway.admin("clock", advance=60)


async def test_a_refund_that_comes_back_is_refundable_anew(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = await captured(merchant, card_gateway)
    refunded = await merchant.post(f"{path}/refund", {"amount": 40000, "refund_reference": "r-1"})
    assert refunded["status"] == "REFUNDED"
    # No refund has come back yet, whatever the notification says.
    await told_of_refund(merchant, path)
    assert (await merchant.get(path))["status"] == "REFUNDED"

    time_passes(card_gateway)
    await asyncio.gather(*(told_of_refund(merchant, path) for _ in range(3)))
    shape = await merchant.get(path)
    assert shape["status"] == "CAPTURED"
    told, back = shape["events"][-2:]
    assert (told["event"], told["success"], told["transaction_status"]) == (
        "REFUND",
        True,
        "REFUNDED",
    )
    assert back["error"] == {"code": "refund_returned", "message": "expired_or_canceled_card"}
    assert back["correction"] == {
        "event_ids": [told["id"]],
        "status": "CAPTURED",
        "remaining_capture_amount": 0,
        "remaining_refund_amount": 40000,
        "remaining_void_amount": 0,
    }
    assert (back["event"], back["success"], back["amount"], back["event_reference"]) == (
        "REFUND",
        False,
        40000,
        "r-1",
    )
    assert back["correlation_request_id"] == told["request_id"]
    assert len(shape["events"]) == 5
    # The merchant may try again, and no more than was captured.
    await merchant.post(f"{path}/refund", {"amount": 40001}, expect=400)
    again = await merchant.post(f"{path}/refund", {"amount": 40000})
    assert again["status"] == "REFUNDED"
    await merchant.audit()


async def test_the_gift_cards_part_stays_refunded(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = await captured(merchant, card_gateway, card=10000)
    items = [{"line_id": "1", "amount": 25000}]
    await merchant.post(f"{path}/refund", {"amount": 25000, "items": items})
    time_passes(card_gateway)
    await told_of_refund(merchant, path)
    shape = await merchant.get(path)
    assert (shape["status"], shape["events"][-1]["amount"]) == ("PARTIALLY_REFUNDED", 15000)
    assert shape["events"][-1]["correction"]["remaining_refund_amount"] == 30000
    assert shape["events"][-1]["gift_cards"] == []
    card_id = shape["gift_cards"][0]["card_id"]
    assert await merchant.balance(card_id) == (10000, 0, 0)
    await merchant.audit()
    # This holds for its lines as for its amount.
    items = [{"line_id": "1", "amount": 30001}]
    await merchant.post(f"{path}/refund", {"amount": 30001, "items": items}, expect=400)
    items = [{"line_id": "1", "amount": 30000}]
    done = await merchant.post(f"{path}/refund", {"amount": 30000, "items": items})
    assert done["status"] == "REFUNDED"
    assert await merchant.balance(card_id) == (10000, 0, 0)
    await merchant.audit()


async def test_of_several_refunds_each_by_itself(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = await captured(merchant, card_gateway, capture=30000)
    await merchant.post(f"{path}/refund", {"amount": 10000})
    time_passes(card_gateway)
    partly = await merchant.post(f"{path}/refund", {"amount": 5000})
    statuses = [partly["status"]]
    for _ in range(2):
        await told_of_refund(merchant, path)
        statuses.append((await merchant.get(path))["status"])
        time_passes(card_gateway)
    assert statuses == [
        "PARTIALLY_CAPTURED_REFUNDED",
        "PARTIALLY_CAPTURED_REFUNDED",
        "PARTIALLY_CAPTURED",
    ]
    back = [e for e in (await merchant.get(path))["events"] if "correction" in e]
    assert [e["correction"]["remaining_refund_amount"] for e in back] == [25000, 30000]
    await merchant.audit()


async def test_without_a_notification_it_is_looked_for(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = await captured(merchant, card_gateway)
    await merchant.post(f"{path}/refund", {"amount": 40000})
    assert await look_due(merchant.ctx) == 0
    merchant.clock.ahead = LOOKS[0] + timedelta(minutes=1)
    card_gateway.fault("read", "drop_before")
    assert await look_due(merchant.ctx) == 1
    time_passes(card_gateway)
    assert await look_due(merchant.ctx) == 0
    merchant.clock.ahead = LOOKS[1] + timedelta(minutes=1)
    assert await look_due(merchant.ctx) == 1
    merchant.clock.ahead = timedelta()  # its token is still valid
    assert (await merchant.transaction(path.rpartition("/")[2]))["status"] == "CAPTURED"
    merchant.clock.ahead = LOOKS[-1] * 2
    assert await look_due(merchant.ctx) == 0
    await merchant.audit()


async def test_one_that_stays_is_left_alone_after_a_month(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = await captured(merchant, card_gateway, number="4000 0000 0000 0002", card=10000)
    # The gift card's part involves no provider.
    await merchant.post(f"{path}/refund", {"amount": 10000})
    await merchant.post(f"{path}/refund", {"amount": 30000})
    looks = 0
    for days in range(60):
        merchant.clock.ahead = timedelta(days=days, minutes=1)
        looks += await look_due(merchant.ctx)
    assert looks == len(LOOKS)
    merchant.clock.ahead = timedelta()
    assert (await merchant.transaction(path.rpartition("/")[2]))["status"] == "REFUNDED"


async def test_one_that_waits_at_the_provider_first(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    path = await captured(merchant, card_gateway, number=REFUND_WAITS)
    waiting = await merchant.post(f"{path}/refund", {"amount": 40000}, expect=202)
    assert waiting["status"] == "CAPTURED"
    time_passes(card_gateway)
    merchant.clock.ahead = timedelta(minutes=10)
    await reconcile_until_quiet(merchant)
    assert (await merchant.transaction(path.rpartition("/")[2]))["status"] == "REFUNDED"
    await merchant.audit()
