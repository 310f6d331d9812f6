"""The tests check the effect of lost, late, wrong and refusing answers of a provider on a
payment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.core.errors import (
    PaymentInProgress,
)
from backend.payments.attempts import at_provider as creating
from backend.payments.attempts.resolve import abandon, reopen
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Operation
from backend.psp.stripe.connector import CardGateway
from backend.sessions.view import Notice, PageState
from tests.api.paying import (
    ahead,
    at_provider,
    holds,
    reconcile_until_quiet,
    secret_key,
    transactions_of,
)
from tests.support.card_gateway import AUTHORIZATION_TIMES_OUT, CardGatewaySandbox
from tests.support.checkout import Merchant, profile
from tests.support.patience import impatient


async def test_the_bank_does_not_answer(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The payment is undecided, so the hold stays until the decision, whatever our own time limit
    says."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    card_gateway.admin("settings", settle_seconds=7200)
    card_gateway.pay(result.url, AUTHORIZATION_TIMES_OUT)
    ahead(merchant, card_gateway, merchant.ctx.settings.payment_lifetime + 60)
    await reconcile_until_quiet(merchant)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    with pytest.raises(PaymentInProgress):
        await abandon(merchant.ctx, session_id)
    assert await holds(merchant) == [("pending", 10000)]
    ahead(merchant, card_gateway, 7200)
    await reconcile_until_quiet(merchant)
    assert (await merchant.view(session_id)).state is PageState.OPEN
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


@pytest.mark.parametrize("found_by", ["press", "reconciler"])
@pytest.mark.parametrize("kind", ["drop_after", "late"])
async def test_the_answer_to_create_is_lost(
    merchant: Merchant, card_gateway: CardGatewaySandbox, kind: str, found_by: str
) -> None:
    """The provider has done it and we do not know it. The same key finds the same payment."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    card_gateway.fault("create", kind)
    with impatient(CardGateway):
        assert (await merchant.press_pay(session_id)).state == "unknown"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.redirect_url) == (PageState.PAYING, None)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    if found_by == "reconciler":
        merchant.clock.ahead += timedelta(seconds=5)
        assert await reconcile_due(merchant.ctx) == 1
        assert (await merchant.view(session_id)).redirect_url is not None
    again = await merchant.press_pay(session_id)
    assert again.state == "redirect" and again.url is not None
    assert [page["amount_total"] for page in await at_provider(merchant, card_gateway)] == [30000]
    await merchant.come_back(card_gateway.pay(again.url).headers["location"])
    assert (await merchant.view(session_id)).state is PageState.PAID
    assert len(await transactions_of(merchant, session_id)) == 1
    await merchant.audit()


async def test_reopen_while_the_answer_to_create_is_unknown(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    card_gateway.fault("create", "drop_after")
    assert (await merchant.press_pay(session_id)).state == "unknown"
    await reopen(merchant.ctx, session_id)
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PAYMENT_CANCELLED)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert [page["status"] for page in await at_provider(merchant, card_gateway)] == ["expired"]
    await merchant.audit()


async def test_a_late_refusal_does_not_end_what_was_created(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """Two processes create the payment at once. One has redirected the payer, and the other gets a
    refusal."""
    from backend.psp.protocol import Outcome, Result

    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.state == "redirect" and result.url is not None
    made = (await transactions_of(merchant, session_id))[0]
    async with merchant.ctx.db.reading() as db:
        operation = (await db.exec(select(Operation))).one()
    for late in (Result(Outcome.REFUSED, code="unreachable"), Result(Outcome.UNKNOWN)):
        answer = await creating._keep_created(merchant.ctx, made, operation.id, late, sent=True)
        assert (answer.state, answer.url) == ("redirect", result.url)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.come_back(card_gateway.pay(result.url).headers["location"])
    assert (await merchant.view(session_id)).state is PageState.PAID
    await merchant.audit()


async def test_the_provider_refuses_or_is_down(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    card_gateway.fault("create", "refuse", status=400, code="parameter_invalid")
    assert (await merchant.press_pay(session_id)).state == "refused"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PROVIDER_DOWN)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)

    key = await secret_key(merchant)
    from backend.accounts.profiles import save_profile

    await save_profile(merchant.ctx, profile("http://127.0.0.1:1", key))
    assert (await merchant.press_pay(session_id)).state == "refused"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PROVIDER_DOWN)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)

    await save_profile(merchant.ctx, profile(card_gateway.base_url, key, connections={}))
    assert (await merchant.press_pay(session_id)).state == "refused"
    assert (await merchant.view(session_id)).notice is Notice.PROVIDER_DOWN

    await save_profile(merchant.ctx, profile(card_gateway.base_url, key))
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert {t.status for t in await transactions_of(merchant, session_id)} == {
        "FAILED",
        "INITIATED",
    }
    await merchant.audit()


async def test_the_connection_is_gone_when_the_payer_comes_back(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    from backend.accounts.profiles import save_profile

    session_id = await merchant.ready(40000)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    key = await secret_key(merchant)
    await save_profile(merchant.ctx, profile(card_gateway.base_url, key, connections={}))
    answer = await merchant.api.get(f"/v1/sessions/{session_id}/redirect/{made.return_ref}")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "UNAVAILABLE"
    assert (await merchant.view(session_id)).state is PageState.PAYING


async def test_authorized_with_another_amount(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    location = card_gateway.pay(result.url).headers["location"]
    card_gateway.fault("read", "wrong_amount")
    await merchant.come_back(location)
    made = (await transactions_of(merchant, session_id))[0]
    assert made.status == "ON_HOLD"
    assert (made.card_authorized, made.psp_authorized) == (0, 0)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.post(f"/v1/transactions/{made.id}/capture", {"amount": 40000}, expect=400)
    assert await reconcile_due(merchant.ctx) == 0
    with pytest.raises(PaymentInProgress):
        await abandon(merchant.ctx, session_id)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_an_address_that_we_never_gave_out(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    other = await merchant.ready(40000)
    for path in (
        f"/v1/sessions/{session_id}/redirect/unknown",
        f"/v1/sessions/{other}/redirect/{made.return_ref}",
        f"/v1/sessions/unknown/redirect/{made.return_ref}",
    ):
        answer = await merchant.api.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "NOT_FOUND"
    assert (await merchant.view(session_id)).state is PageState.PAYING
