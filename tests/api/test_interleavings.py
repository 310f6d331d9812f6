"""Two processes work on one payment, and answers come late. No money moves twice, and none is
forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend import worker
from backend.accounts.profiles import connections_of, get_profile
from backend.core.context import Backend
from backend.outbox.deliver import deliver_due
from backend.outbox.tables import Delivery
from backend.payments.attempts.resolve import reopen
from backend.payments.operations.execute import finish
from backend.payments.review import reconcile
from backend.payments.review.notifications import read_now
from backend.payments.review.reconcile import reconcile_due
from backend.payments.store import connector_of
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import Outcome, Result
from backend.psp.stripe.connector import CardGateway
from tests.api.paying import is_asked
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, OPTION, Merchant
from tests.support.patience import impatient
from tests.support.waiting import until_async

LATER = timedelta(seconds=130)


async def operation_of(merchant: Merchant, transaction_id: str, kind: str) -> Operation:
    """Return the last operation of this kind."""
    async with merchant.ctx.db.reading() as db:
        query = select(Operation).where(
            Operation.transaction_id == transaction_id, Operation.kind == kind
        )
        return list(await db.exec(query))[-1]


async def transaction_of(merchant: Merchant, session_id: str) -> Transaction:
    async with merchant.ctx.db.reading() as db:
        query = select(Transaction).where(Transaction.session_id == session_id)
        return list(await db.exec(query))[-1]


async def with_lost_refund(
    merchant: Merchant, card_gateway: CardGatewaySandbox, **fault: Any
) -> tuple[str, str]:
    """Make a captured payment, 100.00 of it by gift card, whose refund of 120.00 got no answer.
    Return the transaction's and the card's id."""
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 40000})
    card_gateway.fault("refund", **fault)
    path = f"/v1/transactions/{transaction_id}/refund"
    with impatient(CardGateway):
        answer = await merchant.api.post(path, json={"amount": 12000})
    assert answer.status_code == 202, answer.text
    return transaction_id, str(card["card_id"])


async def refunded_at_provider(merchant: Merchant, transaction_id: str) -> int:
    async with merchant.ctx.db.reading() as db:
        transaction = await db.get(Transaction, transaction_id)
    assert transaction is not None
    connector = await connector_of(merchant.ctx, transaction)
    payment = await connector.fetch(transaction.psp_reference or "")
    assert payment.outcome is Outcome.DONE
    return payment.refunded


async def test_a_call_held_up_on_its_way_is_not_taken_for_one_that_failed(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The refund stays invisible for longer than a provider may take, and then has its effect. If
    we called it refused, the merchant would refund once more."""
    transaction_id, _ = await with_lost_refund(merchant, card_gateway, kind="hang", seconds=3.0)
    merchant.clock.ahead += LATER
    assert await reconcile_due(merchant.ctx) == 1
    assert (await operation_of(merchant, transaction_id, "refund")).state == "unknown"
    again = f"/v1/transactions/{transaction_id}/refund"
    await merchant.post(again, {"amount": 12000}, expect=409)
    assert await refunded_at_provider(merchant, transaction_id) == 0
    await until_async(
        lambda: refunded_at_provider(merchant, transaction_id), "the late refund takes effect"
    )
    merchant.clock.ahead += LATER
    assert await reconcile_due(merchant.ctx) == 1
    assert (await operation_of(merchant, transaction_id, "refund")).state == "done"
    assert await refunded_at_provider(merchant, transaction_id) == 2000
    await merchant.audit()


async def test_an_operation_that_was_never_sent_is_sent_later_once(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id, card_id = await with_lost_refund(merchant, card_gateway, kind="drop_before")
    # It is too early to know.
    merchant.clock.ahead += timedelta(seconds=100)
    await reconcile_due(merchant.ctx)
    assert await refunded_at_provider(merchant, transaction_id) == 0
    assert (await operation_of(merchant, transaction_id, "refund")).state == "unknown"
    merchant.clock.ahead += LATER
    done = await asyncio.gather(*(reconcile_due(merchant.ctx) for _ in range(4)))
    assert sum(done) == 1
    assert await refunded_at_provider(merchant, transaction_id) == 2000
    assert await merchant.balance(card_id) == (10000, 0, 0)
    shown = await merchant.transaction(transaction_id)
    assert shown["status"] == "PARTIALLY_REFUNDED"
    events = [e["event"] for e in shown["events"]]
    assert events == ["INITIALIZE", "AUTHORIZE", "CAPTURE", "INITIATE_REFUND", "REFUND"]
    await merchant.audit()


async def test_refused_only_after_it_was_sent_again_in_vain(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The provider answers this key with a 500 for a day and has done nothing."""
    transaction_id, card_id = await with_lost_refund(merchant, card_gateway, kind="error_before")
    for state in ("unknown", "refused"):
        merchant.clock.ahead += LATER + LATER
        await reconcile_due(merchant.ctx)
        assert (await operation_of(merchant, transaction_id, "refund")).state == state
    assert await refunded_at_provider(merchant, transaction_id) == 0
    assert await merchant.balance(card_id) == (0, 0, 10000)
    # The merchant may refund again.
    await merchant.post(f"/v1/transactions/{transaction_id}/refund", {"amount": 12000})
    assert await refunded_at_provider(merchant, transaction_id) == 2000
    await merchant.audit()


async def test_who_lost_the_operation_may_say_done_but_not_refused(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id, _ = await with_lost_refund(merchant, card_gateway, kind="drop_after")
    operation = await operation_of(merchant, transaction_id, "refund")
    stale = merchant.clock.now()
    refused = Result(Outcome.REFUSED, code="unreachable")
    assert (await finish(merchant.ctx, operation.id, refused, stale)).state == "unknown"
    done = Result(Outcome.DONE)
    assert (await finish(merchant.ctx, operation.id, done, stale)).state == "done"
    assert (await finish(merchant.ctx, operation.id, done, stale)).state == "done"
    shown = await merchant.transaction(transaction_id)
    assert [e["event"] for e in shown["events"]].count("REFUND") == 1
    await merchant.audit()


async def test_return_notification_worker_and_second_tab_at_once(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    back = card_gateway.pay(result.url).headers["location"]
    transaction = await transaction_of(merchant, session_id)
    connector = await connector_of(merchant.ctx, transaction)
    merchant.clock.ahead += LATER
    await asyncio.gather(
        merchant.come_back(back),
        merchant.come_back(f"{back.split('?')[0]}?cancelled=1"),
        read_now(merchant.ctx, transaction, connector),
        reconcile_due(merchant.ctx),
        reopen(merchant.ctx, session_id),
        merchant.press_pay(session_id),
    )
    shown = await merchant.transaction(transaction.id)
    assert shown["status"] == "AUTHORIZED"
    assert [e["event"] for e in shown["events"]] == ["INITIALIZE", "AUTHORIZE"]
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    async with merchant.ctx.db.reading() as db:
        told = list(await db.exec(select(Delivery).where(Delivery.subject == transaction.id)))
    assert len(told) == 1
    await merchant.audit()


async def test_a_key_that_the_provider_knows_otherwise_ends_nothing(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    card_gateway.fault("create", "drop_before")
    assert (await merchant.press_pay(session_id)).state == "unknown"
    operation = await operation_of(
        merchant, (await transaction_of(merchant, session_id)).id, "authorize"
    )
    await _use_key(merchant, card_gateway, f"{operation.key}:create")
    merchant.clock.ahead += timedelta(seconds=10)
    assert (await merchant.press_pay(session_id)).state == "unknown"
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    # Later we look for the refund, and it was not made.
    merchant.clock.ahead += 2 * LATER
    await reconcile_due(merchant.ctx)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert (await merchant.view(session_id)).notice == "provider_down"
    await merchant.audit()


async def _use_key(merchant: Merchant, card_gateway: CardGatewaySandbox, key: str) -> None:
    """Use the key for another payment, as a body that has changed in between would."""
    async with merchant.ctx.db.reading() as db:
        profile = await get_profile(db, ACCOUNT, "default")
    secret_key = connections_of(merchant.ctx, profile)[OPTION]["secret_key"]
    price = "line_items[0][price_data]"
    form = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        "line_items[0][quantity]": "1",
        f"{price}[currency]": "nok",
        f"{price}[unit_amount]": "30000",
        f"{price}[product_data][name]": "Other",
    }
    headers = {"authorization": f"Bearer {secret_key}", "idempotency-key": key}
    path = f"{card_gateway.base_url}/v1/checkout/sessions"
    assert card_gateway.http.post(path, data=form, headers=headers).status_code == 200


async def test_a_refusal_of_one_call_does_not_end_what_another_was_given(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The first press waits for its answer. A second press also asks and gets the page. Then the
    first one's connection breaks."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    card_gateway.fault("create", "late", seconds=1.0)
    first = asyncio.create_task(merchant.press_pay(session_id))
    await is_asked(card_gateway)
    merchant.clock.ahead += timedelta(seconds=10)
    second = await merchant.press_pay(session_id)
    assert second.state == "redirect"
    assert await first == second
    await merchant.audit()


async def test_a_late_refusal_does_not_undo_a_delivery(merchant: Merchant) -> None:
    """The first process waits for an answer for longer than its claim. Another process gets a
    yes."""
    asked = 0
    first_asked, another_told = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        status = "200 OK"
        if asked == 1:
            first_asked.set()
            await another_told.wait()
            status = "503 Service Unavailable"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback?method=GET"
    url = {"return_url": "https://shop.example/accept", "callback_url": address}
    merchant.ctx.settings.allow_insecure_addresses = True
    card = await merchant.card(50000)
    await merchant.press_pay(await merchant.ready(40000, card, url=url))
    async with server:
        first = asyncio.create_task(deliver_due(merchant.ctx))
        await first_asked.wait()
        merchant.clock.ahead += 2 * LATER
        assert await deliver_due(merchant.ctx) == 1
        another_told.set()
        await first
    async with merchant.ctx.db.reading() as db:
        (row,) = list(await db.exec(select(Delivery)))
    assert (row.state, row.tries, asked) == ("delivered", 2, 2)


async def test_a_worker_outlives_any_number_of_failures(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 0
    recovered = asyncio.Event()

    async def work(ctx: Backend, under_way: object) -> int:
        nonlocal failures
        failures += 1
        if failures > 1200:
            recovered.set()
            return 0
        raise ConnectionError("the database is away")

    merchant.ctx.settings.worker_interval = 1e-9
    monkeypatch.setattr(reconcile, "start_due", work)
    monkeypatch.setattr(worker.log, "exception", lambda *args: None)
    running = worker.start(merchant.ctx)
    await asyncio.wait_for(recovered.wait(), 120)
    await running.stop()
