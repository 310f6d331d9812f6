"""`auto_capture` captures right after the authorization, and tries again after growing gaps for 48
hours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profiles import connections_of, get_profile, save_profile
from backend.core.context import Backend
from backend.payments.operations.auto_capture import capture_due, gap
from backend.payments.operations.execute import Command, operate
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import AutoCapture, Operation
from backend.psp.stripe.connector import CardGateway
from backend.worker import start
from tests.support.card_gateway import CAPTURE_TIMES_OUT, CardGatewaySandbox
from tests.support.checkout import ON, Merchant, profile, session_body
from tests.support.klarna import KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer
from tests.support.patience import impatient
from tests.support.waiting import until_async

AUTO = session_body()["configuration"] | {"auto_capture": True}


async def row(merchant: Merchant) -> AutoCapture:
    async with merchant.ctx.db.reading() as db:
        return (await db.exec(select(AutoCapture))).one()


async def captures(merchant: Merchant, transaction_id: str) -> list[tuple[bool, int]]:
    events = (await merchant.transaction(transaction_id))["events"]
    return [(e["success"], e["amount"]) for e in events if e["event"] == "CAPTURE"]


async def test_captured_right_after_the_authorization(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card, configuration=AUTO)
    assert (await merchant.transaction(transaction_id))["status"] == "AUTHORIZED"
    assert await capture_due(merchant.ctx) == 1
    done = await merchant.transaction(transaction_id)
    assert done["status"] == "CAPTURED"
    assert done["events"][-1]["created_by"] == "auto_capture"
    assert await captures(merchant, transaction_id) == [(True, 40000)]
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    assert (await row(merchant)).state == "done"
    assert await capture_due(merchant.ctx) == 0
    await merchant.audit()


async def test_the_worker_does_it(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000, configuration=AUTO)
    worker = start(merchant.ctx)

    async def captured() -> bool:
        return bool((await merchant.transaction(transaction_id))["status"] == "CAPTURED")

    await until_async(captured, "the worker captures")
    await worker.stop()
    assert await captures(merchant, transaction_id) == [(True, 40000)]


async def test_a_gift_card_alone_and_an_order_of_nothing(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(50000)
    covered = await merchant.paid(card_gateway, 40000, card, configuration=AUTO)
    zero = AUTO | {"dintero": {"type": "payment_type", "wallets": ON, "zero": ON}}
    nothing = await merchant.paid(card_gateway, 0, configuration=zero)
    assert await capture_due(merchant.ctx) == 2
    for transaction_id, amount in ((covered, 40000), (nothing, 0)):
        assert (await merchant.transaction(transaction_id))["status"] == "CAPTURED"
        assert await captures(merchant, transaction_id) == [(True, amount)]
    await merchant.audit()


async def test_the_profile_can_say_so(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    async with merchant.ctx.db.reading() as db:
        connections = connections_of(merchant.ctx, await get_profile(db, "T12345678", "default"))
    setup = profile("", "", connections=connections, configuration={"auto_capture": True})
    await save_profile(merchant.ctx, setup)
    asked = await merchant.paid(card_gateway, 40000)
    refused = AUTO | {"auto_capture": False}
    other = await merchant.paid(card_gateway, 40000, configuration=refused)
    assert await capture_due(merchant.ctx) == 1
    assert (await merchant.transaction(asked))["status"] == "CAPTURED"
    assert (await merchant.transaction(other))["status"] == "AUTHORIZED"


def test_the_gaps_grow() -> None:
    assert [gap(n).total_seconds() for n in (1, 2, 3, 8, 9, 50)] == [
        60,
        120,
        240,
        7680,
        14400,
        14400,
    ]


async def test_tried_again_for_48_hours_and_then_given_up(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000, configuration=AUTO)
    card_gateway.fault("capture", "refuse", status=402, times=1000)
    begun = (await row(merchant)).due_at
    tries, waited = 0, []
    while (await row(merchant)).state == "due":
        due = (await row(merchant)).due_at
        merchant.clock.ahead += max(due - merchant.clock.now(), timedelta()) + timedelta(seconds=1)
        tries += await capture_due(merchant.ctx)
        waited.append(round(((await row(merchant)).due_at - due) / timedelta(minutes=1)))
        assert await capture_due(merchant.ctx) == 0
    assert (await row(merchant)).state == "given_up"
    assert waited == sorted(waited)
    assert timedelta(hours=43) < merchant.clock.now() - begun < timedelta(hours=48, minutes=1)
    assert (await row(merchant)).tries == tries
    card_gateway.reset()
    merchant.clock.ahead = timedelta()
    failed = await captures(merchant, transaction_id)
    assert failed == [(False, 40000)] * tries
    transaction = await merchant.transaction(transaction_id)
    assert transaction["status"] == "AUTHORIZED"
    assert transaction["events"][-1]["error"]["code"]
    # The merchant can still capture it by hand.
    done = await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 40000})
    assert done["status"] == "CAPTURED"


async def test_it_succeeds_at_a_later_try(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000, configuration=AUTO)
    card_gateway.fault("capture", "refuse", status=402)
    assert await capture_due(merchant.ctx) == 1
    merchant.clock.ahead += timedelta(seconds=61)
    assert await capture_due(merchant.ctx) == 1
    assert await captures(merchant, transaction_id) == [(False, 40000), (True, 40000)]
    assert (await row(merchant)).state == "done"


@pytest.mark.parametrize(("verb", "body"), [("capture", {"amount": 15000}), ("void", None)])
async def test_a_merchant_who_acts_stops_it(
    merchant: Merchant, card_gateway: CardGatewaySandbox, verb: str, body: Any
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000, configuration=AUTO)
    card_gateway.fault("capture", "refuse", status=402)
    assert await capture_due(merchant.ctx) == 1
    await merchant.post(f"/v1/transactions/{transaction_id}/{verb}", body)
    assert (await row(merchant)).state == "stopped"
    merchant.clock.ahead += timedelta(hours=1)
    assert await capture_due(merchant.ctx) == 0
    expected = [(False, 40000)] + ([(True, 15000)] if verb == "capture" else [])
    assert await captures(merchant, transaction_id) == expected


async def test_a_capture_that_is_not_answered_is_not_sent_twice(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(
        card_gateway, 40000, number=CAPTURE_TIMES_OUT, configuration=AUTO
    )
    with impatient(CardGateway):
        assert await capture_due(merchant.ctx) == 1
    assert (await row(merchant)).state == "due"
    merchant.clock.ahead += timedelta(seconds=61)
    # No second capture starts while the outcome of the first is unknown.
    assert await capture_due(merchant.ctx) == 1
    kinds = [e["event"] for e in (await merchant.transaction(transaction_id))["events"]]
    assert kinds[2:] == ["INITIATE_CAPTURE"]
    card_gateway.reset()
    for _ in range(5):
        merchant.clock.ahead += timedelta(seconds=70)
        await reconcile_due(merchant.ctx)
        await capture_due(merchant.ctx)
    done = await merchant.transaction(transaction_id)
    assert done["status"] == "CAPTURED"
    (event,) = [e for e in done["events"] if e["event"] == "CAPTURE" and e["success"]]
    initiated = next(e for e in done["events"] if e["event"] == "INITIATE_CAPTURE")
    assert event["correlation_request_id"] == initiated["request_id"]
    assert (await row(merchant)).state == "done"
    await merchant.audit()


@pytest.mark.parametrize("amount", [55000, 25000])
async def test_an_authorization_updated_meanwhile_is_captured_as_it_is_then(
    merchant: Merchant, klarna: KlarnaSandbox, monkeypatch: pytest.MonkeyPatch, amount: int
) -> None:
    """The merchant changes the setting after the worker has found the capture due and before it
    captures."""
    payer = KlarnaPayer(merchant, klarna)
    await merchant.come_back(klarna.pay(await payer.begin(configuration=AUTO)))
    transaction_id = (await payer.transaction()).id
    body = {"amount": amount, "items": [{"line_id": "1", "amount": amount}]}

    async def after_an_update(ctx: Backend, command: Command) -> Operation:
        await merchant.post(f"/v1/transactions/{transaction_id}/authorization", body)
        return await operate(ctx, command)

    monkeypatch.setattr("backend.payments.operations.auto_capture.operate", after_an_update)
    assert await capture_due(merchant.ctx) == 1
    done = await merchant.transaction(transaction_id)
    assert (done["status"], done["amount"]) == ("CAPTURED", amount)
    assert await captures(merchant, transaction_id) == [(True, amount)]
    order = klarna.order(str((await payer.transaction()).psp_reference))
    assert (order["captured_amount"], order["remaining_authorized_amount"]) == (amount - 10000, 0)
    assert await merchant.balance(payer.card["card_id"]) == (0, 0, 10000)
    assert (await row(merchant)).state == "done"
    await merchant.audit()
