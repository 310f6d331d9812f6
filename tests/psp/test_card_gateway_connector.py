"""The card connector calls the sandbox provider over real sockets, and every verb succeeds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from backend.psp.protocol import (
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentRequest,
    PaymentState,
)
from backend.psp.stripe.connector import CardGateway
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.support.card_gateway import (
    AUTHORIZATION_TIMES_OUT,
    CHALLENGE,
    DECLINED,
    INSUFFICIENT,
    REFUND_COMES_BACK,
    CardGatewaySandbox,
)

Authorize = Callable[[], Awaitable[str]]


def nok(amount: int) -> Money:
    return Money(amount, "NOK")


def _later(by: timedelta) -> datetime:
    return datetime.now(UTC) + by


@pytest.fixture
def request_() -> PaymentRequest:
    return PaymentRequest(
        key="op-1",
        amount=nok(30000),
        transaction_id="T12345678.abc",
        session_id="T12345678.session",
        merchant_reference="order-1",
        description="Order 1 (rest after gift card)",
        return_url="http://127.0.0.1:9/return?cs={CHECKOUT_SESSION_ID}",
        cancel_url="http://127.0.0.1:9/cancel",
        notification_url="http://127.0.0.1:9/notifications",
        language="no",
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
        email="kari@example.com",
    )


@pytest.fixture
def authorized(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, request_: PaymentRequest
) -> Authorize:
    async def authorized() -> str:
        result = await gateway.create_payment(request_)
        assert result.reference is not None
        assert result.redirect_url is not None
        card_gateway.pay(result.redirect_url)
        return result.reference

    return authorized


async def test_create_asks_for_the_remainder(
    gateway: CardGateway,
    card_gateway: CardGatewaySandbox,
    secret_key: str,
    http: httpx.AsyncClient,
    request_: PaymentRequest,
) -> None:
    result = await gateway.create_payment(request_)
    assert result.outcome is Outcome.DONE
    assert result.reference is not None
    assert result.redirect_url == f"{card_gateway.base_url}/c/pay/{result.reference}"
    response = await http.get(
        f"{card_gateway.base_url}/v1/checkout/sessions/{result.reference}",
        headers={"Authorization": f"Bearer {secret_key}"},
    )
    session = response.json()
    assert session["amount_total"] == 30000
    assert session["client_reference_id"] == "T12345678.abc"
    assert session["locale"] == "nb"
    assert session["customer_email"] == "kari@example.com"
    assert session["metadata"]["key"] == "op-1"
    # The request asks for five minutes, and the provider's minimum is thirty.
    assert 1800 <= session["expires_at"] - session["created"] <= 2500
    page = (await http.get(result.redirect_url)).text
    assert "Order 1 (rest after gift card)" in page
    assert "300,00\N{NO-BREAK SPACE}kr" in page


async def test_same_key_same_payment(gateway: CardGateway, request_: PaymentRequest) -> None:
    first = await gateway.create_payment(request_)
    second = await gateway.create_payment(request_)
    other = await gateway.create_payment(replace(request_, key="op-2"))
    assert first.reference == second.reference != other.reference
    changed = await gateway.create_payment(replace(request_, amount=nok(100)))
    assert (changed.outcome, changed.code) == (Outcome.REFUSED, "conflict")


async def test_same_key_same_payment_when_the_clamped_expiry_has_moved(
    card_gateway: CardGatewaySandbox,
    secret_key: str,
    http: httpx.AsyncClient,
    request_: PaymentRequest,
) -> None:
    """Five minutes are clamped to about thirty from now, so a later retry sends another body."""
    references = set()
    for minutes in (0, 9, 25, 300):
        later = timedelta(minutes=minutes)
        gateway = CardGateway(
            card_gateway.base_url, secret_key, "whsec", Tools(http, partial(_later, later))
        )
        result = await gateway.create_payment(request_)
        assert result.outcome is Outcome.DONE
        assert result.redirect_url == f"{card_gateway.base_url}/c/pay/{result.reference}"
        references.add(result.reference)
    assert len(references) == 1


async def test_open_then_authorized(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, request_: PaymentRequest
) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    assert result.redirect_url is not None
    before = await gateway.fetch(result.reference)
    assert (before.state, before.amount, before.declined) == (PaymentState.OPEN, nok(30000), None)
    card_gateway.pay(result.redirect_url)
    after = await gateway.complete_return(result.reference, {"cs": "whatever"})
    assert after.state is PaymentState.AUTHORIZED
    assert (after.captured, after.refunded, after.capturable) == (0, 0, 30000)
    assert after.multi_capture is True
    assert after.card is not None
    assert (after.card.brand, after.card.masked_pan) == ("visa", "**** **** **** 0002")
    assert after.card.expiry_date == "12/2034"


@pytest.mark.parametrize(
    ("number", "reason"), [(DECLINED, "declined"), (INSUFFICIENT, "insufficient_funds")]
)
async def test_declined_then_another_card(
    gateway: CardGateway,
    card_gateway: CardGatewaySandbox,
    request_: PaymentRequest,
    number: str,
    reason: str,
) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    assert result.redirect_url is not None
    card_gateway.pay(result.redirect_url, number)
    declined = await gateway.fetch(result.reference)
    assert (declined.state, declined.declined) == (PaymentState.OPEN, reason)
    assert declined.card is None
    card_gateway.pay(result.redirect_url)
    paid = await gateway.fetch(result.reference)
    assert (paid.state, paid.declined) == (PaymentState.AUTHORIZED, None)


async def test_challenge(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, request_: PaymentRequest
) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    assert result.redirect_url is not None
    card_gateway.pay(result.redirect_url, CHALLENGE)
    assert (await gateway.fetch(result.reference)).state is PaymentState.OPEN
    card_gateway.answer_challenge(result.redirect_url, "fail")
    failed = await gateway.fetch(result.reference)
    assert (failed.state, failed.declined) == (PaymentState.OPEN, "authentication_failed")
    card_gateway.pay(result.redirect_url, CHALLENGE)
    card_gateway.answer_challenge(result.redirect_url, "complete")
    assert (await gateway.fetch(result.reference)).state is PaymentState.AUTHORIZED


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("authorized", PaymentState.AUTHORIZED), ("failed", PaymentState.FAILED)],
)
async def test_bank_answers_late(
    gateway: CardGateway,
    card_gateway: CardGatewaySandbox,
    request_: PaymentRequest,
    outcome: str,
    state: PaymentState,
) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    assert result.redirect_url is not None
    response = card_gateway.pay(result.redirect_url, AUTHORIZATION_TIMES_OUT)
    assert response.headers["location"].endswith("/waiting")
    assert (await gateway.fetch(result.reference)).state is PaymentState.PENDING
    query = OperationQuery(OperationKind.AUTHORIZE, result.reference, "op-1", nok(30000))
    assert (await gateway.fetch_operation(query)).outcome is Outcome.UNKNOWN
    refused = await gateway.abort(result.reference, "op-abort")
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "not_allowed")
    card_gateway.admin("settings", settle_outcome=outcome)
    card_gateway.admin("clock", advance=61)
    assert (await gateway.fetch(result.reference)).state is state
    expected = Outcome.DONE if outcome == "authorized" else Outcome.REFUSED
    assert (await gateway.fetch_operation(query)).outcome is expected


async def test_abort(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, request_: PaymentRequest
) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    assert result.redirect_url is not None
    for key in ("op-2", "op-2", "op-3"):
        assert (await gateway.abort(result.reference, key)).outcome is Outcome.DONE
    card_gateway.pay(result.redirect_url)
    assert (await gateway.fetch(result.reference)).state is PaymentState.FAILED


async def test_abort_during_a_challenge(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, request_: PaymentRequest
) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    assert result.redirect_url is not None
    card_gateway.pay(result.redirect_url, CHALLENGE)
    assert (await gateway.abort(result.reference, "op-2")).outcome is Outcome.DONE
    card_gateway.answer_challenge(result.redirect_url, "complete")
    assert (await gateway.fetch(result.reference)).state is PaymentState.FAILED


async def test_abort_loses_to_the_payer(gateway: CardGateway, authorized: Authorize) -> None:
    reference = await authorized()
    result = await gateway.abort(reference, "op-2")
    assert (result.outcome, result.code) == (Outcome.REFUSED, "not_allowed")
    assert (await gateway.fetch(reference)).state is PaymentState.AUTHORIZED


async def test_captures_and_refunds_in_parts(gateway: CardGateway, authorized: Authorize) -> None:
    reference = await authorized()
    for _ in range(2):  # the same key again changes nothing
        done = await gateway.capture(reference, nok(5000), "c1", final=False)
        assert (done.outcome, done.reference) == (Outcome.DONE, reference)
    payment = await gateway.fetch(reference)
    assert (payment.state, payment.captured, payment.capturable) == (
        PaymentState.AUTHORIZED,
        5000,
        25000,
    )
    void = await gateway.void(reference, "v1")
    assert (void.outcome, void.code) == (Outcome.REFUSED, "not_allowed")
    assert gateway.capabilities.void_after_partial_capture is False
    over = await gateway.capture(reference, nok(25001), "c2", final=True)
    assert (over.outcome, over.code) == (Outcome.REFUSED, "amount")
    last = await gateway.capture(reference, nok(20000), "c3", final=True)
    assert last.outcome is Outcome.DONE
    payment = await gateway.fetch(reference)
    assert (payment.state, payment.captured, payment.capturable) == (
        PaymentState.CAPTURED,
        25000,
        0,
    )
    late = await gateway.capture(reference, nok(5000), "c4", final=True)
    assert (late.outcome, late.code) == (Outcome.REFUSED, "not_allowed")
    for _ in range(2):
        assert (await gateway.refund(reference, nok(2000), "r1")).outcome is Outcome.DONE
    too_much = await gateway.refund(reference, nok(23001), "r2")
    assert (too_much.outcome, too_much.code) == (Outcome.REFUSED, "amount")
    assert (await gateway.refund(reference, nok(23000), "r3")).outcome is Outcome.DONE
    empty = await gateway.refund(reference, nok(1), "r4")
    assert (empty.outcome, empty.code) == (Outcome.REFUSED, "not_allowed")
    assert (await gateway.fetch(reference)).refunded == 25000


async def test_a_refund_that_comes_back(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, request_: PaymentRequest
) -> None:
    made = await gateway.create_payment(request_)
    assert made.reference is not None and made.redirect_url is not None
    card_gateway.pay(made.redirect_url, REFUND_COMES_BACK)
    await gateway.capture(made.reference, nok(30000), "c1", final=True)
    assert (await gateway.refund(made.reference, nok(10000), "r1")).outcome is Outcome.DONE
    query = OperationQuery(OperationKind.REFUND, made.reference, "r1", nok(10000))
    assert (await gateway.fetch_operation(query)).outcome is Outcome.DONE
    card_gateway.admin("clock", advance=11)
    back = await gateway.fetch_operation(query)
    assert (back.outcome, back.code, back.message) == (
        Outcome.REFUSED,
        "declined",
        "expired_or_canceled_card",
    )
    assert (await gateway.fetch(made.reference)).refunded == 0
    # The whole amount may be refunded again.
    assert (await gateway.refund(made.reference, nok(30000), "r2")).outcome is Outcome.DONE


async def test_void(gateway: CardGateway, authorized: Authorize) -> None:
    reference = await authorized()
    for key in ("v1", "v1", "v2"):
        assert (await gateway.void(reference, key)).outcome is Outcome.DONE
    payment = await gateway.fetch(reference)
    assert (payment.state, payment.captured, payment.refunded) == (PaymentState.FAILED, 0, 0)
    capture = await gateway.capture(reference, nok(100), "c1", final=True)
    assert (capture.outcome, capture.code) == (Outcome.REFUSED, "not_allowed")


async def test_nothing_is_sent_for_nothing_or_for_another_currency(
    gateway: CardGateway, request_: PaymentRequest, authorized: Authorize
) -> None:
    reference = await authorized()
    results = [
        await gateway.create_payment(replace(request_, amount=nok(0))),
        await gateway.capture(reference, nok(0), "c1", final=True),
        await gateway.refund(reference, nok(0), "r1"),
        await gateway.capture(reference, Money(100, "SEK"), "c2", final=True),
    ]
    assert [(one.outcome, one.code) for one in results] == [(Outcome.REFUSED, "amount")] * 4
    assert (await gateway.fetch(reference)).captured == 0


async def test_not_paid_yet_and_not_there(gateway: CardGateway, request_: PaymentRequest) -> None:
    result = await gateway.create_payment(request_)
    assert result.reference is not None
    for end in (
        await gateway.capture(result.reference, nok(100), "c1", final=True),
        await gateway.refund(result.reference, nok(100), "r1"),
        await gateway.void(result.reference, "v1"),
    ):
        assert (end.outcome, end.code) == (Outcome.REFUSED, "not_allowed")
    for reference in ("cs_test_none", "", "../refunds", "cs?limit=1"):
        missing = await gateway.fetch(reference)
        assert (missing.outcome, missing.code) == (Outcome.REFUSED, "invalid")


async def test_lapsed_hold(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, authorized: Authorize
) -> None:
    reference = await authorized()
    card_gateway.admin("clock", advance=7 * 24 * 3600 + 1)
    assert (await gateway.fetch(reference)).state is PaymentState.FAILED


async def test_multi_capture_is_what_the_charge_says(
    gateway: CardGateway, card_gateway: CardGatewaySandbox, authorized: Authorize
) -> None:
    card_gateway.admin("settings", multicapture=False)
    reference = await authorized()
    assert (await gateway.fetch(reference)).multi_capture is False
    part = await gateway.capture(reference, nok(100), "c1", final=False)
    assert (part.outcome, part.code) == (Outcome.REFUSED, "invalid")
    assert (await gateway.fetch(reference)).captured == 0


async def test_many_at_once(gateway: CardGateway, request_: PaymentRequest) -> None:
    requests = [replace(request_, key=f"op-{number % 4}") for number in range(20)]
    results = await asyncio.gather(*(gateway.create_payment(one) for one in requests))
    assert {result.outcome for result in results} == {Outcome.DONE}
    assert len({result.reference for result in results}) == 4


async def test_no_secrets_are_kept(
    gateway: CardGateway, secret_key: str, authorized: Authorize
) -> None:
    reference = await authorized()
    kept = [
        (await gateway.fetch(reference)).raw,
        (await gateway.capture(reference, Money(100, "NOK"), "c1", final=True)).raw,
        (await gateway.refund(reference, Money(100, "NOK"), "r1")).raw,
        (await gateway.void(reference, "v1")).raw,
        (await gateway.fetch("cs_test_none")).raw,
    ]
    text = json.dumps(kept)
    assert "request_id" in text
    for secret in (secret_key, "client_secret", "_secret_", "kari@example.com", "/c/pay/"):
        assert secret not in text
    assert secret_key not in repr(gateway)
