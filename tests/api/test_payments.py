"""A payment attempt can end in many ways, and the tests try each of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.core.errors import (
    PaymentInProgress,
    PaymentOptionNotAllowed,
    SessionClosed,
    SplitChanged,
)
from backend.payments.attempts.resolve import abandon, reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.sessions import payer
from backend.sessions.view import Notice, PageState
from tests.api.paying import (
    ahead,
    at_provider,
    holds,
    transactions_of,
)
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import ACCOUNT, OPTION, Merchant


async def test_double_press_and_two_tabs(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    first, second = await asyncio.gather(
        merchant.press_pay(session_id), merchant.press_pay(session_id)
    )
    third = await pay(merchant.ctx, session_id, Press(OPTION, 30000, "en"))
    urls = {r.url for r in (first, second, third) if r.state == "redirect"}
    assert len(urls) == 1 and third.state == "redirect"
    assert {first.state, second.state} <= {"redirect", "unknown"}
    # The other tab uses another option, or still shows the order without the card.
    for option, to_pay in (("klarna.klarna", 30000), (OPTION, 40000), (None, 0)):
        with pytest.raises(PaymentInProgress):
            await pay(merchant.ctx, session_id, Press(option, to_pay, "nb"))
    for change in (
        payer.remove_gift_card(merchant.ctx, session_id),
        payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4"),
    ):
        with pytest.raises(PaymentInProgress):
            await change
    assert await holds(merchant) == [("pending", 10000)]
    pages = await at_provider(merchant, card_gateway)
    assert [page["amount_total"] for page in pages] == [30000]
    assert len(await transactions_of(merchant, session_id)) == 1
    await merchant.audit()


async def test_the_balance_shrank_between_view_and_pay(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    assert (await merchant.view(session_id)).to_pay == 30000
    await merchant.post(
        f"/v1/accounts/{ACCOUNT}/wallets/transactions",
        {"card_id": card["card_id"], "ref_id": "elsewhere", "amount": 6000, "currency": "NOK"},
    )
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb"))
    assert await holds(merchant) == []
    assert await transactions_of(merchant, session_id) == []
    assert await at_provider(merchant, card_gateway) == []
    shown = await merchant.view(session_id)
    assert (shown.state, shown.to_pay) == (PageState.OPEN, 36000)
    assert shown.gift_card is not None and shown.gift_card.amount == 4000
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert await holds(merchant) == [("pending", 4000)]
    await merchant.audit()


async def test_the_order_grew_between_view_and_pay(merchant: Merchant) -> None:
    """A card that pays everything leaves nothing to pay before and after the change, so the order
    that the payer saw counts too."""
    card = await merchant.card(50000)
    session_id = await merchant.ready(10000, card)
    seen = await merchant.view(session_id)
    assert (seen.order_amount, seen.to_pay) == (10000, 0)
    dearer = {"order": {"amount": 40000, "items": [{"line_id": "1", "amount": 40000}]}}
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    assert (await merchant.api.put(path, json=dearer)).status_code == 200
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, Press(None, 0, "nb", order_amount=10000))
    assert await merchant.balance(card["card_id"]) == (50000, 0, 0)
    assert (await merchant.view(session_id)).state is PageState.OPEN
    paid = await pay(merchant.ctx, session_id, Press(None, 0, "nb", order_amount=40000))
    assert paid.state == "paid"
    assert await merchant.balance(card["card_id"]) == (10000, 40000, 0)
    await merchant.audit()


async def test_the_card_expired_meanwhile(merchant: Merchant) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    card = await merchant.card(10000, expires_at=soon)
    session_id = await merchant.ready(40000, card)
    merchant.clock.ahead = timedelta(hours=2)
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb"))
    assert await holds(merchant) == []
    assert (await merchant.view(session_id)).to_pay == 40000
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert await holds(merchant) == []
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_an_option_that_is_not_offered_is_refused(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000)
    for option in (None, "vipps", "klarna.klarna", "dintero.wallets", "dintero.zero", ""):
        with pytest.raises(PaymentOptionNotAllowed):
            await pay(merchant.ctx, session_id, Press(option, 40000, "nb"))
    assert await transactions_of(merchant, session_id) == []


async def test_declined_then_paid_with_another_try(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    card_gateway.pay(result.url, DECLINED)
    first = (await transactions_of(merchant, session_id))[0]
    back = f"/v1/sessions/{session_id}/redirect/{first.return_ref}"
    assert await merchant.come_back(f"{back}?cancelled=1") == (
        f"http://127.0.0.1:8000/v1/view/{session_id}"
    )
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice, shown.to_pay) == (PageState.OPEN, Notice.DECLINED, 30000)
    assert shown.gift_card is not None and shown.gift_card.amount == 10000
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()
    # Nobody can pay on the first page any more.
    late = card_gateway.pay(result.url)
    assert [page["status"] for page in await at_provider(merchant, card_gateway)] == ["expired"], (
        late
    )

    again = await merchant.press_pay(session_id)
    assert again.url is not None and again.url != result.url
    paid = card_gateway.pay(again.url)
    leave = await merchant.come_back(paid.headers["location"])
    transaction_id = parse_qs(urlsplit(leave).query)["transaction_id"][0]
    assert (await merchant.transaction(transaction_id))["status"] == "AUTHORIZED"
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    failed, done = await transactions_of(merchant, session_id)
    assert (failed.status, done.status, done.id) == ("FAILED", "AUTHORIZED", transaction_id)
    assert sorted(await holds(merchant)) == [("pending", 10000), ("voided", 10000)]
    # The return of the first attempt changes nothing any more.
    await merchant.come_back(f"{back}?cancelled=1")
    assert (await merchant.view(session_id)).state is PageState.PAID
    await merchant.audit()


async def test_cancelled_at_the_provider(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    await merchant.come_back(f"/v1/sessions/{session_id}/redirect/{made.return_ref}?cancelled=1")
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PAYMENT_CANCELLED)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert [page["status"] for page in await at_provider(merchant, card_gateway)] == ["expired"]
    await merchant.audit()


async def test_a_return_without_having_paid_waits(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    await merchant.come_back(f"/v1/sessions/{session_id}/redirect/{made.return_ref}")
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_reopen_while_the_provider_has_authorized(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The payer presses Back after paying. The read decides and not the payer's wish."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    card_gateway.pay(result.url)
    await reopen(merchant.ctx, session_id)
    shown = await merchant.view(session_id)
    assert shown.state is PageState.PAID
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    assert (await merchant.press_pay(session_id)).state == "paid"
    assert len(await at_provider(merchant, card_gateway)) == 1
    with pytest.raises(SessionClosed):
        await abandon(merchant.ctx, session_id)
    await merchant.audit()


async def test_abandon(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    leave = await abandon(merchant.ctx, session_id)
    query = parse_qs(urlsplit(leave).query)
    assert query == {
        "keep": ["1"],
        "merchant_reference": ["order-1"],
        "error": ["cancelled"],
    }
    assert (await merchant.view(session_id)).state is PageState.CANCELLED
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert [page["status"] for page in await at_provider(merchant, card_gateway)] == ["expired"]
    with pytest.raises(SessionClosed):
        await merchant.press_pay(session_id)
    with pytest.raises(SessionClosed):
        await payer.remove_gift_card(merchant.ctx, session_id)
    assert await abandon(merchant.ctx, session_id) == leave
    await merchant.audit()


async def test_an_expired_session_cannot_be_paid(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    merchant.clock.ahead = timedelta(hours=25)
    assert (await merchant.view(session_id)).state is PageState.EXPIRED
    for act in (
        lambda: pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb")),
        lambda: payer.remove_gift_card(merchant.ctx, session_id),
    ):
        with pytest.raises(SessionClosed):
            await act()
    assert await holds(merchant) == []
    assert await at_provider(merchant, card_gateway) == []


async def test_never_returned_and_not_paid(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    ahead(merchant, card_gateway, 120)
    assert await reconcile_due(merchant.ctx) == 1
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    ahead(merchant, card_gateway, merchant.ctx.settings.payment_lifetime)
    assert await reconcile_due(merchant.ctx) == 1
    assert [page["status"] for page in await at_provider(merchant, card_gateway)] == ["expired"]
    assert (await merchant.view(session_id)).state is PageState.OPEN
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert await reconcile_due(merchant.ctx) == 0
    await merchant.audit()


async def test_never_returned_but_paid(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    card_gateway.pay(result.url)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await reconcile_due(merchant.ctx) == 0  # not due yet
    ahead(merchant, card_gateway, 31)
    assert await reconcile_due(merchant.ctx) == 1
    assert (await merchant.view(session_id)).state is PageState.PAID
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()
