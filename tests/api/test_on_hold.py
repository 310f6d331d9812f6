"""Klarna reviews the risk of a payment. The payer has finished, the merchant hears twice, and the
gift card is held until Klarna says yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import col, select

from backend.core.errors import PaymentInProgress, SessionClosed
from backend.outbox.deliver import deliver_due
from backend.outbox.tables import Delivery
from backend.payments.attempts.resolve import abandon, reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.sessions.publish import note_delivered
from backend.sessions.view import Notice, PageState
from tests.support.checkout import Merchant, sign_in
from tests.support.klarna import OPTION, PENDING, KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer
from tests.support.receiver import Receiver
from tests.support.sandbox import Listener

EVENTS = ["AUTHORIZED", "COMPLETED", "ON_HOLD_CALLBACK_SENT", "AUTH_CALLBACK_SENT", "PAY_FAILED"]


@pytest.fixture
def payer(merchant: Merchant, klarna: KlarnaSandbox) -> KlarnaPayer:
    return KlarnaPayer(merchant, klarna)


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with Receiver().running() as shop:
        yield shop


async def on_hold(payer: KlarnaPayer, **more: Any) -> str:
    """Return where a payer is sent who has paid at Klarna before Klarna has decided."""
    return await payer.merchant.come_back(payer.klarna.pay(await payer.begin(**more), PENDING))


async def told(merchant: Merchant) -> list[dict[str, str]]:
    """Return the queries of the recorded callbacks, oldest first."""
    async with merchant.ctx.db.reading() as db:
        rows = await db.exec(select(Delivery).order_by(col(Delivery.created_at)))
    queries = [parse_qs(urlsplit(row.url).query) for row in rows]
    return [{name: values[0] for name, values in query.items()} for query in queries]


async def events(payer: KlarnaPayer) -> list[str]:
    shown = await payer.merchant.get(f"/v1/sessions/{payer.session_id}")
    return [one["name"] for one in shown["events"] if one["name"] in EVENTS]


async def decided(payer: KlarnaPayer, seconds: int = 1000) -> None:
    payer.klarna.admin("clock", advance=61)
    payer.merchant.clock.ahead += timedelta(seconds=seconds)
    assert await reconcile_due(payer.merchant.ctx) == 1


async def test_the_payer_is_through_and_the_card_is_held(payer: KlarnaPayer) -> None:
    merchant = payer.merchant
    back = await on_hold(payer)
    transaction = await payer.transaction()
    assert transaction.status == "ON_HOLD"
    query = parse_qs(urlsplit(back).query)
    assert back.startswith("https://shop.example/accept?keep=1")
    assert (query["transaction_id"], "error" in query) == ([transaction.id], False)
    shown = await merchant.view(payer.session_id)
    assert (shown.state, shown.transaction_id) == (PageState.ON_HOLD, transaction.id)
    assert (shown.redirect_url, shown.leave_url) == (None, back)
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    session = await merchant.get(f"/v1/sessions/{payer.session_id}")
    assert session["transaction_id"] == transaction.id
    answer = await merchant.transaction(transaction.id)
    assert answer["status"] == "ON_HOLD"
    await merchant.audit()


async def test_nothing_can_be_done_with_it_meanwhile(payer: KlarnaPayer) -> None:
    merchant = payer.merchant
    await on_hold(payer)
    transaction = await payer.transaction()
    path = f"/v1/transactions/{transaction.id}"
    await merchant.post(f"{path}/capture", {"amount": 40000}, expect=409)
    await merchant.post(f"{path}/refund", {"amount": 40000}, expect=409)
    await merchant.post(f"{path}/void", expect=409)
    with pytest.raises(SessionClosed):
        await pay(merchant.ctx, payer.session_id, Press(OPTION, 30000, "nb"))
    with pytest.raises(PaymentInProgress):
        await abandon(merchant.ctx, payer.session_id)
    await merchant.post(f"/v1/sessions/{payer.session_id}/cancel", expect=409)
    await reopen(merchant.ctx, payer.session_id)
    assert (await merchant.view(payer.session_id)).state is PageState.ON_HOLD
    # The payer cannot reclaim the card, because this payment was not left open.
    other = await merchant.ready(40000)
    body = {"token": payer.card["number"], "pin": payer.card["pin"], "take_back": True}
    answer = await merchant.api.put(f"/v1/view/{other}/session/order/gift_card", json=body)
    assert answer.status_code >= 400
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_long_after_the_time_for_a_payment_it_is_still_on_hold(payer: KlarnaPayer) -> None:
    """No time limit of ours ends a payment that Klarna reviews."""
    merchant = payer.merchant
    payer.klarna.admin("settings", fraud_seconds=10**6)
    await on_hold(payer)
    for _ in range(30):
        merchant.clock.ahead += timedelta(hours=1)
        assert await reconcile_due(merchant.ctx) == 1
    assert (await payer.transaction()).status == "ON_HOLD"
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    assert len(await told(merchant)) == 1
    await merchant.audit()


async def test_accepted(payer: KlarnaPayer, shop: Receiver) -> None:
    merchant = payer.merchant
    url = {"return_url": "https://shop.example/accept", "callback_url": f"{shop.url}/callback"}
    merchant.ctx.settings.allow_insecure_addresses = True
    back = await on_hold(payer, url=url)
    for _ in range(3):  # the same news arrives repeatedly
        await merchant.come_back(
            f"/v1/sessions/{payer.session_id}/redirect/{(await payer.transaction()).return_ref}"
        )
    await deliver_due(merchant.ctx, delivered=note_delivered)
    assert [one.query["transaction_id"] for one in shop.got] == [(await payer.transaction()).id]
    assert await events(payer) == ["ON_HOLD_CALLBACK_SENT"]
    await decided(payer)
    assert (await merchant.view(payer.session_id)).state is PageState.PAID
    await deliver_due(merchant.ctx, delivered=note_delivered)
    assert [("error" in one.query, one.query["session_id"]) for one in shop.got] == [
        (False, payer.session_id)
    ] * 2
    assert await events(payer) == [
        "ON_HOLD_CALLBACK_SENT",
        "AUTHORIZED",
        "COMPLETED",
        "AUTH_CALLBACK_SENT",
    ]
    transaction = await payer.transaction()
    assert transaction.status == "AUTHORIZED"
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    answer = await merchant.transaction(transaction.id)
    happened = [(one["event"], one["transaction_status"]) for one in answer["events"]]
    assert happened == [
        ("INITIALIZE", "INITIATED"),
        ("AUTHORIZE", "ON_HOLD"),
        ("AUTHORIZE", "AUTHORIZED"),
    ]
    await merchant.post(f"/v1/transactions/{transaction.id}/capture", {"amount": 40000})
    assert await merchant.balance(payer.card["card_id"]) == (0, 0, 10000)
    assert parse_qs(urlsplit(back).query)["transaction_id"] == [transaction.id]
    await merchant.audit()


async def test_refused(payer: KlarnaPayer) -> None:
    """The merchant did not ask for errors and still hears of it, because it knows the payment."""
    merchant = payer.merchant
    payer.klarna.admin("settings", fraud_outcome="REJECTED")
    await on_hold(payer)
    transaction = await payer.transaction()
    await decided(payer)
    shown = await merchant.view(payer.session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.DECLINED)
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    assert (await payer.transaction()).status == "FAILED"
    calls = await told(merchant)
    assert [one.get("error") for one in calls] == [None, "failed"]
    assert {one["transaction_id"] for one in calls} == {transaction.id}
    await merchant.audit()


async def test_told_by_klarna(payer: KlarnaPayer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision arrives as a notification, which causes a read."""
    merchant, klarna = payer.merchant, payer.klarna
    with Listener().running() as listener:
        base = listener.url.removesuffix("/notifications")
        monkeypatch.setattr(merchant.ctx.settings, "base_url", base)
        await on_hold(payer)
        assert (await merchant.view(payer.session_id)).state is PageState.ON_HOLD
        klarna.admin("clock", advance=61)
        decision = listener.wait_for(1, b"FRAUD_RISK_ACCEPTED")[0]
        for _ in range(2):
            path = decision.headers[":path"]
            assert (await merchant.api.post(path, content=decision.body)).status_code == 200
    assert (await merchant.view(payer.session_id)).state is PageState.PAID
    assert len(await told(merchant)) == 2
    await merchant.audit()


async def test_a_read_that_fails_decides_nothing(payer: KlarnaPayer) -> None:
    merchant = payer.merchant
    payer.klarna.admin("settings", fraud_outcome="REJECTED")
    await on_hold(payer)
    payer.klarna.fault("read", "error_before")
    await decided(payer)
    assert (await payer.transaction()).status == "ON_HOLD"
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    await decided(payer)
    assert (await payer.transaction()).status == "FAILED"
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    await merchant.audit()
