"""The merchant hears about one object in the order of events: docs/webhooks.md."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, select

from backend.outbox.deliver import deliver_due
from backend.outbox.tables import Delivery
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant
from tests.support.hooks import callback_to, deliver, subscribe
from tests.support.receiver import Receiver

REPORTED = "?report_event=CAPTURE&report_event=REFUND"


async def captured_and_refunded(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> str:
    """Make a payment with three callbacks to send: authorized, captured, refunded."""
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, REPORTED))
    await told.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 15000})
    await told.post(f"/v1/transactions/{transaction_id}/refund", {"amount": 5000})
    return transaction_id


def told_of(shop: Receiver) -> list[str | None]:
    return [got.query.get("event") for got in shop.got]


async def test_each_after_the_answer_to_the_one_before(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    await captured_and_refunded(told, card_gateway, shop)
    for event in (None, "CAPTURE", "REFUND"):
        assert await deliver_due(told.ctx) == 1
        assert shop.got[-1].query.get("event") == event
    assert await deliver_due(told.ctx) == 0


async def test_one_that_another_process_is_sending_is_waited_for(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    transaction_id = await captured_and_refunded(told, card_gateway, shop)
    async with told.ctx.db.unit_of_work() as db:
        of_it = select(Delivery).where(Delivery.subject == transaction_id)
        first = (await db.exec(of_it.order_by(col(Delivery.created_at)))).first()
        assert first is not None
        first.claimed_until = told.clock.now() + timedelta(seconds=120)
    assert await deliver_due(told.ctx) == 0
    # If that process dies, another one takes the delivery over, and the others follow.
    told.clock.ahead += timedelta(seconds=121)
    assert await deliver(told) == 3
    assert told_of(shop) == [None, "CAPTURE", "REFUND"]


async def test_one_that_fails_is_passed(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, REPORTED))
    shop.replies = [500] * 5
    for _ in range(5):
        told.clock.ahead += timedelta(seconds=90)
        assert await deliver(told) == 1
    # The next attempt comes in 80 s.
    await told.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 15000})
    await told.post(f"/v1/transactions/{transaction_id}/refund", {"amount": 5000})
    assert await deliver(told) == 2
    assert told_of(shop)[5:] == ["CAPTURE", "REFUND"]
    told.clock.ahead += timedelta(seconds=90)
    assert await deliver(told) == 1
    assert told_of(shop)[7:] == [None]


async def test_others_are_not_waited_for(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    """Messages of another transaction, address or kind do not wait."""
    await subscribe(told, shop, ["checkout_authorization"])
    await subscribe(told, shop, ["checkout_authorization"])
    await deliver(told)  # the pings
    for _ in range(2):
        await told.paid(card_gateway, url=callback_to(shop))
    assert await deliver_due(told.ctx) == 2 * (1 + 2)
