"""A payer uses a gift card and Bambora over the API: payments, declines, callbacks and lost
answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from backend.payments.attempts.resolve import reopen
from backend.payments.review.reconcile import reconcile_due
from backend.sessions.view import Notice, PageState
from tests.support.bambora import APPROVED, DECLINED, pay
from tests.support.bambora_payer import BamboraPayer
from tests.support.sandbox import Listener


@pytest.fixture
def payer(payer_at_bambora: BamboraPayer) -> BamboraPayer:
    return payer_at_bambora


async def test_the_rest_is_paid_captured_and_refunded(payer: BamboraPayer) -> None:
    """The gift card goes first. Of 400.00, 250.00 is captured and 120.00 refunded."""
    merchant = payer.merchant
    transaction_id = await payer.paid()
    assert await payer.state() is PageState.PAID
    path = f"/v1/transactions/{transaction_id}"
    # Bambora allows one capture, which releases the rest of the provider's part.
    refused = await merchant.post(f"{path}/capture", {"amount": 25000}, expect=400)
    assert "captured only once" in refused["error"]["message"]
    await merchant.post(f"{path}/capture", {"amount": 25000, "final_capture": True})
    assert (await payer.there())["total"]["captured"] == 15000
    assert await merchant.balance(payer.card["card_id"]) == (0, 0, 10000)
    await merchant.post(f"{path}/refund", {"amount": 12000})
    assert (await payer.there())["total"]["credited"] == 2000
    assert (await merchant.balance(payer.card["card_id"]))[0] == 10000
    await merchant.post(f"{path}/void", expect=400)


async def test_voided(payer: BamboraPayer) -> None:
    transaction_id = await payer.paid()
    await payer.merchant.post(f"/v1/transactions/{transaction_id}/void")
    found = await payer.there()
    assert (found["candelete"], found["total"]["captured"]) == (False, 0)
    assert await payer.merchant.balance(payer.card["card_id"]) == (10000, 0, 0)


async def test_declined_then_the_payer_goes_back_and_pays(payer: BamboraPayer) -> None:
    merchant = payer.merchant
    url = await payer.begin()
    pay(payer.bambora, url, DECLINED)
    transaction = await payer.transaction()
    path = f"/v1/sessions/{payer.session_id}/redirect/{transaction.return_ref}?cancelled=1"
    await merchant.come_back(path)
    shown = await merchant.view(payer.session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.DECLINED)
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    # The window in the other tab is closed at the provider.
    assert "utløpt" in payer.bambora.http.get(url).text
    pay(payer.bambora, url, APPROVED)
    again = pay(payer.bambora, await payer.press(), APPROVED)
    await merchant.come_back(again.headers["location"])
    assert await payer.state() is PageState.PAID


async def test_who_leaves_the_window_open_frees_the_card(payer: BamboraPayer) -> None:
    url = await payer.begin()
    assert await payer.merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    payer.bambora.fault("withdraw", "error_before")
    await reopen(payer.merchant.ctx, payer.session_id)
    assert await payer.state() is PageState.PAYING  # nobody has confirmed that it is unpaid
    await reopen(payer.merchant.ctx, payer.session_id)
    assert await payer.state() is PageState.OPEN
    assert await payer.merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    assert "utløpt" in payer.bambora.http.get(url).text


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as listener:
        yield listener


@pytest.mark.parametrize("tells", [True, False])
async def test_told_by_the_callback_alone(
    payer: BamboraPayer, listener: Listener, monkeypatch: pytest.MonkeyPatch, tells: bool
) -> None:
    """The payer never comes back. The callback names the transaction, and a read decides. If the
    payment request does not name it, we store that name for everything that follows."""
    merchant, bambora = payer.merchant, payer.bambora
    bambora.admin("settings", tells_transactions=tells)
    base = listener.url.removesuffix("/notifications")
    monkeypatch.setattr(merchant.ctx.settings, "base_url", base)
    pay(bambora, await payer.begin(), APPROVED)
    path = listener.wait_for(1)[0].headers[":path"]
    forged = path.replace("amount=30000", "amount=1")
    assert forged != path
    for wrong in (forged, path.partition("&hash=")[0], path.partition("?")[0]):
        answer = await merchant.api.get(wrong)
        assert answer.status_code == 401, answer.text
    assert await payer.state() is PageState.PAYING
    for _ in range(5):
        answer = await merchant.api.get(path)
        assert answer.status_code == 200, answer.text
    assert await payer.state() is PageState.PAID
    transaction = await payer.transaction()
    await merchant.post(f"/v1/transactions/{transaction.id}/capture", {"amount": 40000})
    assert (await payer.there())["total"]["captured"] == 30000


async def test_nobody_comes_back_and_nothing_is_told(payer: BamboraPayer) -> None:
    merchant = payer.merchant
    payer.bambora.fault("notify", "drop")
    pay(payer.bambora, await payer.begin(), APPROVED)
    merchant.clock.ahead += timedelta(seconds=31)
    await reconcile_due(merchant.ctx)
    assert await payer.state() is PageState.PAID


@pytest.mark.parametrize("kind", ["drop_after", "error_after"])
async def test_the_lost_answer_of_a_refund_is_read_and_never_sent_again(
    payer: BamboraPayer, kind: str
) -> None:
    """The answer to the second of two equal refunds is lost. There are two refunds and not
    three."""
    merchant = payer.merchant
    transaction_id = await payer.paid()
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": 40000})
    # The gift card's part goes first.
    await merchant.post(f"{path}/refund", {"amount": 10000})
    await merchant.post(f"{path}/refund", {"amount": 5000})
    payer.bambora.fault("credit", kind)
    await merchant.post(f"{path}/refund", {"amount": 5000}, expect=202)
    merchant.clock.ahead += timedelta(seconds=10)
    await reconcile_due(merchant.ctx)
    found = await merchant.transaction(transaction_id)
    assert found["events"][-1]["event"] == "REFUND"
    assert (await payer.there())["total"]["credited"] == 10000
    transaction = await payer.transaction()
    assert (transaction.card_refunded, transaction.psp_refunded) == (10000, 10000)


async def test_a_refund_that_never_arrived_ends_refused(payer: BamboraPayer) -> None:
    merchant = payer.merchant
    transaction_id = await payer.paid()
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": 40000})
    payer.bambora.fault("credit", "drop_before")
    await merchant.post(f"{path}/refund", {"amount": 15000}, expect=202)
    merchant.clock.ahead += timedelta(seconds=10)
    await reconcile_due(merchant.ctx)
    assert (await payer.transaction()).psp_refunded == 0
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.operation_grace + 60)
    await reconcile_due(merchant.ctx)
    assert (await payer.there())["total"]["credited"] == 0
    assert (await merchant.balance(payer.card["card_id"]))[0] == 0
    await merchant.post(f"{path}/refund", {"amount": 15000})
    assert (await payer.there())["total"]["credited"] == 5000


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_another_amount_or_currency_parks_the_payment(payer: BamboraPayer, kind: str) -> None:
    back = pay(payer.bambora, await payer.begin(), APPROVED).headers["location"]
    payer.bambora.fault("read", kind)
    await payer.merchant.come_back(back)
    assert (await payer.transaction()).status == "ON_HOLD"
    assert await payer.merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
