"""A failed payment shows in its status, the session's events and the callback."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.outbox.tables import Delivery
from backend.payments.attempts.resolve import reopen
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.sessions import payer
from backend.sessions.view import PageState
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import Merchant
from tests.support.klarna import KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer

CALLBACK = {
    "return_url": "https://shop.example/accept",
    "callback_url": "https://shop.example/callback?report_error=true",
}


async def begin(merchant: Merchant) -> tuple[str, str, dict[str, Any]]:
    """Bring a session to the provider's page, and return its id, the page and the gift card."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card, url=CALLBACK)
    await payer.visit(merchant.ctx, session_id)
    url = (await merchant.press_pay(session_id)).url
    return session_id, str(url), card


async def told(merchant: Merchant, session_id: str) -> dict[str, Any]:
    """Return what the merchant sees of it, and assert that nothing is held any more."""
    (shown,) = await merchant.get(f"/v1/transactions?session_id={session_id}")
    session = await merchant.get(f"/v1/sessions/{session_id}")
    async with merchant.ctx.db.reading() as db:
        urls = [d.url for d in await db.exec(select(Delivery)) if d.kind == "callback"]
    await merchant.audit()
    return {
        "status": shown["status"],
        "event": (shown["events"][-1]["event"], shown["events"][-1]["success"]),
        "session": [e["name"] for e in session["events"][2:]],
        "details": session["events"][-1]["details"],
        "errors": [url.partition("&error=")[2] for url in urls],
    }


async def test_declined_by_the_payer(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    session_id, _, card = await begin(merchant)
    (transaction,) = await merchant.get(f"/v1/transactions?session_id={session_id}")
    async with merchant.ctx.db.reading() as db:
        made = await db.get(Transaction, transaction["id"])
    assert made is not None
    back = f"/v1/sessions/{session_id}/redirect/{made.return_ref}?cancelled=1"
    assert (await merchant.api.get(back)).status_code == 302
    assert await told(merchant, session_id) == {
        "status": "DECLINED",
        "event": ("AUTHORIZE", False),
        "session": ["SET_GIFT_CARD", "VISITED", "DECLINED"],
        "details": {"error": "payment_cancelled", "payment_product_type": "dintero_psp.creditcard"},
        "errors": ["cancelled"],
    }
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert (await merchant.view(session_id)).state is PageState.OPEN
    listed = await merchant.get("/v1/transactions?status=DECLINED")
    assert [one["id"] for one in listed] == [made.id]


async def test_refused_by_the_provider(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    session_id, url, card = await begin(merchant)
    card_gateway.pay(url, DECLINED)
    await reopen(merchant.ctx, session_id)
    shown = await told(merchant, session_id)
    assert (shown["status"], shown["errors"]) == ("FAILED", ["failed"])
    assert shown["session"][-2:] == ["PAY_FAILED", "FAILED"]
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)


async def test_nobody_came_back(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    session_id, _, card = await begin(merchant)
    merchant.clock.ahead += timedelta(minutes=31)
    await reconcile_due(merchant.ctx)
    shown = await told(merchant, session_id)
    assert (shown["status"], shown["details"]["error"]) == ("FAILED", "expired")
    assert shown["session"][-2:] == ["PAY_FAILED", "FAILED"]
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)


async def test_another_try_after_each_of_them(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """A session has at most one live payment, whatever happened to the others."""
    session_id, _, _ = await begin(merchant)
    await reopen(merchant.ctx, session_id)
    again = await merchant.press_pay(session_id)
    card_gateway.pay(str(again.url), DECLINED)
    await reopen(merchant.ctx, session_id)
    last = await merchant.press_pay(session_id)
    await merchant.come_back(card_gateway.pay(str(last.url)).headers["location"])
    listed = await merchant.get(f"/v1/transactions?session_id={session_id}")
    assert [one["status"] for one in listed] == ["AUTHORIZED", "FAILED", "DECLINED"]
    await merchant.audit()


async def test_a_partial_void_is_captured(merchant: Merchant, klarna: KlarnaSandbox) -> None:
    at_klarna = KlarnaPayer(merchant, klarna)
    await merchant.come_back(klarna.pay(await at_klarna.begin()))
    transaction = await at_klarna.transaction()
    path = f"/v1/transactions/{transaction.id}"
    await merchant.post(f"{path}/capture", {"amount": 15000})
    shown = await merchant.post(f"{path}/void")
    assert (shown["status"], shown["settlement_status"]) == ("CAPTURED", "NOT_SETTLED")
    assert (shown["events"][-1]["event"], shown["events"][-1]["amount"]) == ("VOID", 25000)
    await merchant.post(f"{path}/capture", {"amount": 1}, expect=400)
    assert (await merchant.post(f"{path}/refund", {"amount": 15000}))["status"] == "REFUNDED"
    await merchant.audit()


@pytest.mark.parametrize("word", ["DECLINED", "UNKNOWN"])
async def test_the_list_knows_every_status(merchant: Merchant, word: str) -> None:
    assert await merchant.get(f"/v1/transactions?status={word}") == []
