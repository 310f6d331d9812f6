"""Bambora misbehaves in every way. Each payment still ends, the books balance, and our amounts
equal the provider's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press
from backend.payments.attempts.start import pay as press_pay
from backend.payments.review.reconcile import reconcile_due
from backend.sessions.view import PageState
from tests.support.bambora import APPROVED, OPTION, pay
from tests.support.bambora_payer import BamboraPayer

KINDS = ("refuse", "error_before", "error_after", "drop_before", "drop_after")
NOTIFY = ("drop", "repeat", "delay", "swap", "forge")


@pytest.fixture
def payer(payer_at_bambora: BamboraPayer) -> BamboraPayer:
    return payer_at_bambora


async def _time_passes(payer: BamboraPayer) -> None:
    """Move the time by more than any call may take and less than a payer may stay."""
    for seconds in (10, payer.merchant.ctx.settings.operation_grace + 60, 400):
        payer.merchant.clock.ahead += timedelta(seconds=seconds)
        while await reconcile_due(payer.merchant.ctx):
            pass


async def _agrees(payer: BamboraPayer) -> None:
    """Assert that our transaction has ended and states the provider's part as the provider does."""
    transaction, there = await payer.transaction(), await payer.there()
    found = await payer.merchant.transaction(transaction.id)
    assert not found["events"][-1]["event"].startswith("INITIATE"), found["events"]
    total = there["total"]
    assert (transaction.psp_captured, transaction.psp_refunded) == (
        total["captured"],
        total["credited"],
    )
    held = there["candelete"]
    assert held == (transaction.status == "AUTHORIZED")
    available, pending, drawn = await payer.merchant.balance(payer.card["card_id"])
    assert available + pending + drawn == 10000
    assert pending == (10000 if held else 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["capture", "refund", "void"])
async def test_an_operation(payer: BamboraPayer, verb: str, kind: str) -> None:
    merchant = payer.merchant
    transaction_id = await payer.paid()
    path = f"/v1/transactions/{transaction_id}"
    if verb == "refund":
        await merchant.post(f"{path}/capture", {"amount": 40000})
    name = {"capture": "capture", "refund": "credit", "void": "delete"}[verb]
    body = None if verb == "void" else {"amount": 40000}
    payer.bambora.fault(name, kind)
    first = await merchant.api.post(f"{path}/{verb}", json=body)
    assert first.status_code == (400 if kind == "refuse" else 202), first.text
    await _time_passes(payer)
    await _agrees(payer)
    again = await merchant.api.post(f"{path}/{verb}", json=body)
    # A call that took effect counts once. A call that did not can be repeated.
    assert again.status_code == (400 if kind.endswith("_after") else 200), again.text
    await _agrees(payer)
    expected = {
        "capture": ("CAPTURED", (0, 0, 10000)),
        "refund": ("REFUNDED", (10000, 0, 0)),
        "void": ("AUTHORIZATION_VOIDED", (10000, 0, 0)),
    }[verb]
    found = (await payer.transaction()).status, await merchant.balance(payer.card["card_id"])
    assert found == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_the_page_is_made(payer: BamboraPayer, kind: str) -> None:
    merchant = payer.merchant
    payer.card = await merchant.card(10000)
    payer.session_id = await merchant.ready(40000, payer.card)
    payer.bambora.fault("create", kind)
    result = await press_pay(merchant.ctx, payer.session_id, Press(OPTION, 30000, "nb"))
    assert result.state == ("refused" if kind == "refuse" else "unknown")
    if kind != "refuse":
        assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
        result = await press_pay(merchant.ctx, payer.session_id, Press(OPTION, 30000, "nb"))
    else:
        assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
        result = await press_pay(merchant.ctx, payer.session_id, Press(OPTION, 30000, "nb"))
    assert result.url is not None
    await merchant.come_back(pay(payer.bambora, result.url, APPROVED).headers["location"])
    assert await payer.state() is PageState.PAID


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "error_before", "drop_before"])
async def test_the_page_is_made_and_nobody_waits(payer: BamboraPayer, kind: str) -> None:
    """The payer has gone. The card is released, because nobody can pay on a page that nobody
    received."""
    merchant = payer.merchant
    payer.card = await merchant.card(10000)
    payer.session_id = await merchant.ready(40000, payer.card)
    payer.bambora.fault("create", kind, times=20)
    await press_pay(merchant.ctx, payer.session_id, Press(OPTION, 30000, "nb"))
    await _time_passes(payer)
    assert await payer.state() is PageState.OPEN
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_read_when_the_payer_comes_back(payer: BamboraPayer, kind: str) -> None:
    merchant = payer.merchant
    back = pay(payer.bambora, await payer.begin(), APPROVED).headers["location"]
    payer.bambora.fault("notify", "drop")
    payer.bambora.fault("read", kind, times=2)
    await merchant.come_back(back)
    assert await payer.state() is PageState.PAYING
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    await _time_passes(payer)
    assert await payer.state() is PageState.PAID
    await _agrees(payer)


@pytest.mark.parametrize("kind", KINDS)
async def test_giving_up(payer: BamboraPayer, kind: str) -> None:
    merchant = payer.merchant
    url = await payer.begin()
    payer.bambora.fault("withdraw", kind)
    await reopen(merchant.ctx, payer.session_id)
    if not kind.endswith("_after"):  # otherwise the next read says that it is withdrawn
        assert await payer.state() is PageState.PAYING
        assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    await reopen(merchant.ctx, payer.session_id)
    assert await payer.state() is PageState.OPEN
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    assert "utløpt" in payer.bambora.http.get(url).text


async def test_giving_up_loses_to_the_payer(payer: BamboraPayer) -> None:
    """The payer pays in another tab while cancelling. It counts as paid."""
    url = await payer.begin()
    pay(payer.bambora, url, APPROVED)
    await reopen(payer.merchant.ctx, payer.session_id)
    assert await payer.state() is PageState.PAID
    await _agrees(payer)


@pytest.mark.parametrize("kind", NOTIFY)
async def test_a_callback(payer: BamboraPayer, kind: str) -> None:
    """Whether or not the callback arrives, we never believe the returning payer alone."""
    payer.bambora.fault("notify", kind, seconds=1)
    transaction_id = await payer.paid()
    assert (await payer.merchant.transaction(transaction_id))["status"] == "AUTHORIZED"
    await _agrees(payer)
