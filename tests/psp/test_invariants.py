"""These rules on a payment and its money hold for every provider, over real sockets.

The rest of the suite: `test_invariants_lost.py`, `test_invariants_told.py`,
`test_invariants_private.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from backend.psp.protocol import (
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentState,
)
from backend.rules.money import Money
from tests.psp.provider import now
from tests.psp.till import EFFECT_NOT_TOLD, NO_EFFECT, ProviderHarness, Sent, verbs_of


async def test_what_is_asked_for_is_the_remainder(till: ProviderHarness) -> None:
    minimum = till.connector.capabilities.minimums.get(till.provider.currency, 1)
    for amount in (12345, max(minimum, 100), 4999900):
        money = Money(amount, till.provider.currency)
        reference, url = await till.created(amount=money)
        assert till.provider.asked(reference) == (till.provider.units(money), money.currency)
        payment = await till.read(reference)
        assert (payment.state, payment.amount) == (PaymentState.OPEN, money)
        assert (payment.captured, payment.refunded) == (0, 0)
        assert url.startswith(till.provider.sandbox.base_url)


async def test_nothing_is_never_asked_for(till: ProviderHarness) -> None:
    reference = await till.paid()
    nothing = Money(0, till.provider.currency)
    sent = Sent(till.provider.http)
    results = [
        await till.connector.create_payment(till.provider.request(amount=nothing)),
        await till.connector.refund(reference, nothing, "r-0"),
        await till.connector.refund(reference, Money(100, "CHF"), "r-1"),
    ]
    if not till.provider.direct_capture:
        results.append(await till.connector.capture(reference, nothing, "c-0", final=True))
        other = Money(100, "CHF")
        results.append(await till.connector.capture(reference, other, "c-1", final=True))
    assert {(one.outcome, one.code) for one in results} == {(Outcome.REFUSED, "amount")}
    assert sent.writes == []


async def test_approved(till: ProviderHarness) -> None:
    reference, url = await till.created()
    till.provider.approve(url)
    payment = await till.connector.complete_return(reference, {"anything": "at all"})
    assert (payment.outcome, payment.amount) == (Outcome.DONE, till.whole)
    assert payment.reference == reference
    assert payment.refunded == 0
    if till.provider.direct_capture:
        assert (payment.state, payment.captured) == (PaymentState.CAPTURED, till.whole.amount)
        assert payment.capturable == 0
    else:
        assert (payment.state, payment.captured) == (PaymentState.AUTHORIZED, 0)
        assert payment.capturable == till.whole.amount
        assert payment.multi_capture is till.provider.multi_capture
    assert till.connector.capabilities.direct_capture is till.provider.direct_capture


async def test_declined_then_approved_or_given_up(till: ProviderHarness) -> None:
    reference, url = await till.created()
    till.provider.decline(url)
    payment = await till.read(reference)
    assert payment.state in (PaymentState.OPEN, PaymentState.FAILED), payment
    assert payment.declined is not None
    assert payment.card is None
    if payment.state is PaymentState.OPEN:
        till.provider.approve(url)
        after = await till.read(reference)
        assert after.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)
        assert after.declined is None


async def test_the_payer_goes_back_and_the_payment_is_given_up(till: ProviderHarness) -> None:
    reference, url = await till.created()
    assert "cancel" in till.provider.back_link(url)
    for key in ("abort-1", "abort-1", "abort-2"):
        assert (await till.connector.abort(reference, key)).outcome is Outcome.DONE
    assert (await till.read(reference)).state is PaymentState.FAILED
    # The page is still open in another tab.
    with contextlib.suppress(AssertionError):
        till.provider.approve(url)
    assert (await till.read(reference)).state is PaymentState.FAILED


async def test_giving_up_loses_to_the_payer(till: ProviderHarness) -> None:
    reference = await till.paid()
    result = await till.connector.abort(reference, "abort-1")
    assert (result.outcome, result.code) == (Outcome.REFUSED, "not_allowed")
    payment = await till.read(reference)
    assert payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)


@pytest.mark.parametrize("kind", [*EFFECT_NOT_TOLD, *NO_EFFECT])
async def test_giving_up_without_an_answer(till: ProviderHarness, kind: str) -> None:
    reference, _ = await till.created()
    till.provider.fault("abort", kind)
    with till.impatient():
        assert (await till.connector.abort(reference, "abort-1")).outcome is Outcome.UNKNOWN
    state = (await till.read(reference)).state
    assert state is (PaymentState.FAILED if kind in EFFECT_NOT_TOLD else PaymentState.OPEN)
    assert (await till.connector.abort(reference, "abort-2")).outcome is Outcome.DONE


async def test_over_amounts_are_refused(till: ProviderHarness) -> None:
    over = Money(till.whole.amount + 1, till.provider.currency)
    reference = await till.ready("refund")
    refused = await till.connector.refund(reference, over, "r-1")
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "amount")
    assert (await till.connector.refund(reference, till.whole, "r-2")).outcome is Outcome.DONE
    again = await till.connector.refund(reference, Money(1, till.provider.currency), "r-3")
    assert again.outcome is Outcome.REFUSED
    assert (await till.read(reference)).refunded == till.whole.amount
    if not till.provider.direct_capture:
        reference = await till.paid()
        refused = await till.connector.capture(reference, over, "c-1", final=True)
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, "amount")
        early = await till.connector.refund(reference, till.part, "r-4")
        assert early.outcome is Outcome.REFUSED
        payment = await till.read(reference)
        assert (payment.captured, payment.refunded) == (0, 0)


async def test_many_at_once_never_exceed(till: ProviderHarness) -> None:
    """Eight commands of a third each arrive at the same moment, every key twice."""
    third = Money(till.whole.amount // 3, till.provider.currency)
    keys = [f"key-{number % 4}" for number in range(8)]
    connector = till.connector
    if not till.provider.direct_capture and till.provider.multi_capture:
        reference = await till.paid()
        results = await asyncio.gather(
            *(connector.capture(reference, third, key, final=False) for key in keys)
        )
        captured = (await till.read(reference)).captured
        done = {key for key, one in zip(keys, results, strict=True) if one.outcome is Outcome.DONE}
        assert len(done) * third.amount <= captured <= till.whole.amount
        # A refused key is not one that took effect.
        assert captured % third.amount == 0
    reference = await till.ready("refund")
    results = await asyncio.gather(*(connector.refund(reference, third, key) for key in keys))
    payment = await till.read(reference)
    done = {key for key, one in zip(keys, results, strict=True) if one.outcome is Outcome.DONE}
    assert len(done) * third.amount <= payment.refunded <= payment.captured
    assert payment.refunded % third.amount == 0


async def test_part_by_part(till: ProviderHarness) -> None:
    if till.provider.direct_capture or not till.provider.multi_capture:
        pytest.skip("captured once")
    reference = await till.paid()
    small = Money(5000, till.provider.currency)
    for _ in range(2):  # the same key again changes nothing
        done = await till.connector.capture(reference, small, "c-1", final=False)
        assert (done.outcome, done.reference) == (Outcome.DONE, reference)
    payment = await till.read(reference)
    assert (payment.state, payment.captured) == (PaymentState.AUTHORIZED, 5000)
    assert payment.capturable == 25000
    last = await till.connector.capture(reference, till.part, "c-2", final=True)
    assert last.outcome is Outcome.DONE
    payment = await till.read(reference)
    assert (payment.state, payment.captured) == (PaymentState.CAPTURED, 25000)
    assert payment.capturable == 0
    late = await till.connector.capture(reference, small, "c-3", final=True)
    assert (late.outcome, late.code) == (Outcome.REFUSED, "not_allowed")
    for _ in range(2):
        assert (await till.connector.refund(reference, small, "r-1")).outcome is Outcome.DONE
    assert (await till.read(reference)).refunded == 5000


async def test_void_releases_what_is_left(till: ProviderHarness) -> None:
    if till.provider.direct_capture:
        pytest.skip("nothing to void")
    reference = await till.paid()
    for key in ("v-1", "v-1", "v-2"):
        assert (await till.connector.void(reference, key)).outcome is Outcome.DONE
    payment = await till.read(reference)
    assert (payment.state, payment.captured) == (PaymentState.FAILED, 0)
    late = await till.connector.capture(reference, till.part, "c-1", final=True)
    assert (late.outcome, late.code) == (Outcome.REFUSED, "not_allowed")
    if not till.provider.multi_capture:
        return
    reference = await till.paid()
    await till.connector.capture(reference, till.part, "c-2", final=False)
    rest = await till.connector.void(reference, "v-3")
    after = await till.read(reference)
    assert after.captured == till.part.amount
    if till.connector.capabilities.void_after_partial_capture:
        assert rest.outcome is Outcome.DONE
        assert (after.state, after.capturable) == (PaymentState.CAPTURED, 0)
        assert (await till.connector.void(reference, "v-3")).outcome is Outcome.DONE
    else:
        assert (rest.outcome, rest.code) == (Outcome.REFUSED, "not_allowed")
        assert (after.state, after.capturable) == (PaymentState.AUTHORIZED, 10000)


async def test_what_lapsed_is_voided(till: ProviderHarness) -> None:
    """Otherwise a gift card would be held for ever beside an authorization that is gone."""
    if till.provider.direct_capture or not till.provider.lapses:
        pytest.skip("nothing lapses")
    captured = [0]
    if till.provider.multi_capture and till.connector.capabilities.void_after_partial_capture:
        captured.append(till.part.amount)
    for amount in captured:
        reference = await till.paid()
        if amount:
            await till.connector.capture(reference, till.part, f"c-{amount}", final=False)
        till.provider.sandbox.admin("clock", advance=200 * 24 * 3600)
        refused = await till.connector.capture(
            reference, Money(100, till.provider.currency), "c-late", final=True
        )
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, "not_allowed")
        for key in ("v-1", "v-1", "v-2"):
            assert (await till.connector.void(reference, key)).outcome is Outcome.DONE
        query = OperationQuery(OperationKind.VOID, reference, "v-1", till.whole)
        assert (await till.connector.fetch_operation(query)).outcome is Outcome.DONE
        assert (await till.read(reference)).captured == amount


async def test_the_same_key_has_one_effect(till: ProviderHarness, verb: str) -> None:
    reference = await till.ready(verb)
    first = await till.do(verb, reference)
    # Another process, after the first one crashed before it could store the answer.
    till.connector = till.provider.connector()
    assert first.outcome is Outcome.DONE
    if till.may_repeat(verb):
        assert (await till.do(verb, reference)).outcome is Outcome.DONE
    assert (await till.ask(verb, reference)).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


async def test_the_same_key_has_one_page_or_shows_only_one(till: ProviderHarness) -> None:
    request = till.provider.request()
    first = await till.connector.create_payment(request)
    second = await till.provider.connector().create_payment(request)
    other = await till.connector.create_payment(till.provider.request())
    assert {one.outcome for one in (first, second, other)} == {Outcome.DONE}
    assert other.reference != first.reference
    assert (first.reference == second.reference) is till.provider.remembers_create


@pytest.mark.parametrize("kind", ["late", "drop_after"])
async def test_a_lost_page_is_made_or_found_again(till: ProviderHarness, kind: str) -> None:
    request = till.provider.request()
    till.provider.fault("create", kind)
    with till.impatient():
        lost = await till.connector.create_payment(request)
    assert (lost.outcome, lost.redirect_url) == (Outcome.UNKNOWN, None)
    query = OperationQuery(OperationKind.AUTHORIZE, "", request.key, request.amount)
    found = await till.connector.fetch_operation(query)
    # Nobody can pay on a page that nobody received.
    assert found.outcome is (Outcome.DONE if till.provider.remembers_create else Outcome.REFUSED), (
        found
    )
    just_now = replace(query, key="another", sent_at=now())
    assert (await till.connector.fetch_operation(just_now)).outcome is Outcome.UNKNOWN
    again = await till.connector.create_payment(request)
    assert again.outcome is Outcome.DONE
    assert again.redirect_url is not None
    if till.provider.remembers_create:
        assert again.reference == found.reference


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_a_page_for_something_else_is_not_shown(till: ProviderHarness, kind: str) -> None:
    till.provider.fault("create", kind)
    result = await till.connector.create_payment(till.provider.request())
    assert (result.outcome, result.redirect_url) != (Outcome.DONE, None)
    if result.outcome is Outcome.DONE:
        # The provider's answer holds no amount. The read gives it before anything is settled.
        assert result.reference is not None
        payment = await till.read(result.reference)
        assert payment.amount != till.whole
    else:
        assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")
        assert result.redirect_url is None


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_a_read_tells_what_the_provider_says(till: ProviderHarness, kind: str) -> None:
    reference = await till.paid()
    till.provider.fault("read", kind)
    wrong = await till.connector.fetch(reference)
    assert wrong.amount != till.whole
    assert (await till.read(reference)).amount == till.whole


async def test_another_amount_is_never_taken_for_done(till: ProviderHarness) -> None:
    for verb in [one for one in verbs_of(till.provider) if one != "void"]:
        reference = await till.ready(verb)
        till.provider.fault(verb, "wrong_amount")
        assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
        assert (await till.ask(verb, reference)).outcome is Outcome.UNKNOWN
