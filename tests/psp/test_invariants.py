"""What holds for every provider: connector and sandbox over real sockets, one suite for all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from backend.psp.protocol import (
    Connector,
    NotificationRefused,
    OperationKind,
    OperationQuery,
    Outcome,
    Payment,
    PaymentState,
    Result,
)
from backend.rules.money import Money
from tests.psp.providers import Provider, now
from tests.support.sandbox import Received, free_port

EFFECT_NOT_TOLD = ("late", "drop_after", "error_after")
NO_EFFECT = ("drop_before", "error_before")
WRITES = ("capture", "refund", "void")
KINDS = {
    "capture": OperationKind.CAPTURE,
    "refund": OperationKind.REFUND,
    "void": OperationKind.VOID,
}


class Till:
    """A merchant's connector, what it sent, and the payments made with it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.connector = provider.connector()
        self.whole = Money(30000, provider.currency)
        self.part = Money(20000, provider.currency)

    async def created(self, **changes: object) -> tuple[str, str]:
        """Reference and address of a new payment that nobody has paid."""
        result = await self.connector.create_payment(self.provider.request(**changes))
        assert (result.outcome, result.code) == (Outcome.DONE, None), result
        assert result.reference is not None
        assert result.redirect_url is not None
        return result.reference, result.redirect_url

    async def paid(self) -> str:
        reference, url = await self.created()
        self.provider.approve(url)
        payment = await self.connector.complete_return(reference, {})
        held = PaymentState.CAPTURED if self.provider.one_phase else PaymentState.AUTHORIZED
        assert (payment.outcome, payment.state) == (Outcome.DONE, held), payment
        return reference

    async def ready(self, verb: str) -> str:
        """A payment on which the verb can be done."""
        reference = await self.paid()
        if verb == "refund" and not self.provider.one_phase:
            done = await self.connector.capture(reference, self.whole, "capture-0", final=True)
            assert done.outcome is Outcome.DONE, done
        return reference

    async def do(self, verb: str, reference: str, key: str = "key-1") -> Result:
        if verb == "capture":
            return await self.connector.capture(reference, self.part, key, final=True)
        if verb == "refund":
            return await self.connector.refund(reference, self.part, key)
        return await self.connector.void(reference, key)

    async def ask(self, verb: str, reference: str, key: str = "key-1", **more: object) -> Result:
        query = OperationQuery(KINDS[verb], reference, key, self.part, 0, **more)  # type: ignore[arg-type]
        return await self.connector.fetch_operation(query)

    def may_repeat(self, verb: str) -> bool:
        """Whether the same key once more is harmless; where not, keys live for no time and nobody
        sends it (`OperationQuery.refunded_before` tells what became of it)."""
        if verb == "refund" and not self.provider.remembers_keys:
            assert self.connector.capabilities.key_lifetime == timedelta(0)
            return False
        return True

    async def read(self, reference: str) -> Payment:
        payment = await self.connector.fetch(reference)
        assert payment.outcome is Outcome.DONE, payment
        return payment

    async def happened(self, verb: str, reference: str) -> bool:
        """Whether it took effect: all of it, or nothing of it."""
        payment = await self.read(reference)
        before = self.whole.amount if self.provider.one_phase or verb == "refund" else 0
        seen = {
            "capture": (payment.captured, 0),
            "refund": (payment.refunded, 0),
            "void": (int(payment.state is PaymentState.FAILED) * self.part.amount, 0),
        }[verb][0]
        assert seen in (0, self.part.amount), payment
        assert payment.refunded <= payment.captured <= self.whole.amount
        assert verb == "capture" or payment.captured == before
        return seen == self.part.amount


@pytest.fixture
def till(provider: Provider) -> Till:
    return Till(provider)


def _verbs(provider: Provider) -> tuple[str, ...]:
    return ("refund",) if provider.one_phase else WRITES


@pytest.fixture(params=WRITES)
def verb(request: pytest.FixtureRequest, provider: Provider) -> str:
    if request.param not in _verbs(provider):
        pytest.skip("a method of one phase has refunds alone")
    return str(request.param)


# --- a payment -----------------------------------------------------------------------------------


async def test_what_is_asked_for_is_the_remainder(till: Till) -> None:
    for amount in (12345, 100, 4999900):
        money = Money(amount, till.provider.currency)
        reference, url = await till.created(amount=money)
        assert till.provider.asked(reference) == (till.provider.units(money), money.currency)
        payment = await till.read(reference)
        assert (payment.state, payment.amount) == (PaymentState.OPEN, money)
        assert (payment.captured, payment.refunded) == (0, 0)
        assert url.startswith(till.provider.sandbox.base_url)


async def test_nothing_is_never_asked_for(till: Till) -> None:
    reference = await till.paid()
    nothing = Money(0, till.provider.currency)
    sent = _Sent(till.provider.http)
    results = [
        await till.connector.create_payment(till.provider.request(amount=nothing)),
        await till.connector.refund(reference, nothing, "r-0"),
        await till.connector.refund(reference, Money(100, "CHF"), "r-1"),
    ]
    if not till.provider.one_phase:
        results.append(await till.connector.capture(reference, nothing, "c-0", final=True))
        other = Money(100, "CHF")
        results.append(await till.connector.capture(reference, other, "c-1", final=True))
    assert {(one.outcome, one.code) for one in results} == {(Outcome.REFUSED, "amount")}
    assert sent.writes == []


async def test_approved(till: Till) -> None:
    reference, url = await till.created()
    till.provider.approve(url)
    payment = await till.connector.complete_return(reference, {"anything": "at all"})
    assert (payment.outcome, payment.amount) == (Outcome.DONE, till.whole)
    assert payment.reference == reference
    assert payment.refunded == 0
    if till.provider.one_phase:
        assert (payment.state, payment.captured) == (PaymentState.CAPTURED, till.whole.amount)
        assert payment.capturable == 0
    else:
        assert (payment.state, payment.captured) == (PaymentState.AUTHORIZED, 0)
        assert payment.capturable == till.whole.amount
        assert payment.multi_capture is till.provider.multi_capture
    assert till.connector.capabilities.one_phase is till.provider.one_phase


async def test_declined_then_approved_or_given_up(till: Till) -> None:
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


async def test_the_payer_goes_back_and_the_payment_is_given_up(till: Till) -> None:
    reference, url = await till.created()
    assert "cancel" in till.provider.back_link(url)
    for key in ("abort-1", "abort-1", "abort-2"):
        assert (await till.connector.abort(reference, key)).outcome is Outcome.DONE
    assert (await till.read(reference)).state is PaymentState.FAILED
    # The page is still open in another tab.
    with contextlib.suppress(AssertionError):
        till.provider.approve(url)
    assert (await till.read(reference)).state is PaymentState.FAILED


async def test_giving_up_loses_to_the_payer(till: Till) -> None:
    reference = await till.paid()
    result = await till.connector.abort(reference, "abort-1")
    assert (result.outcome, result.code) == (Outcome.REFUSED, "not_allowed")
    payment = await till.read(reference)
    assert payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)


@pytest.mark.parametrize("kind", [*EFFECT_NOT_TOLD, *NO_EFFECT])
async def test_giving_up_without_an_answer(till: Till, kind: str) -> None:
    reference, _ = await till.created()
    till.provider.fault("abort", kind, seconds=0.8)
    assert (await till.connector.abort(reference, "abort-1")).outcome is Outcome.UNKNOWN
    state = (await till.read(reference)).state
    assert state is (PaymentState.FAILED if kind in EFFECT_NOT_TOLD else PaymentState.OPEN)
    assert (await till.connector.abort(reference, "abort-2")).outcome is Outcome.DONE


# --- money never exceeds what was authorized -----------------------------------------------------


async def test_over_amounts_are_refused(till: Till) -> None:
    over = Money(till.whole.amount + 1, till.provider.currency)
    reference = await till.ready("refund")
    refused = await till.connector.refund(reference, over, "r-1")
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "amount")
    assert (await till.connector.refund(reference, till.whole, "r-2")).outcome is Outcome.DONE
    again = await till.connector.refund(reference, Money(1, till.provider.currency), "r-3")
    assert again.outcome is Outcome.REFUSED
    assert (await till.read(reference)).refunded == till.whole.amount
    if not till.provider.one_phase:
        reference = await till.paid()
        refused = await till.connector.capture(reference, over, "c-1", final=True)
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, "amount")
        early = await till.connector.refund(reference, till.part, "r-4")
        assert early.outcome is Outcome.REFUSED
        payment = await till.read(reference)
        assert (payment.captured, payment.refunded) == (0, 0)


async def test_many_at_once_never_exceed(till: Till) -> None:
    """Eight commands of a third each, every key twice, all at the same moment."""
    third = Money(till.whole.amount // 3, till.provider.currency)
    keys = [f"key-{number % 4}" for number in range(8)]
    connector = till.provider.connector(read_timeout=5.0)
    if not till.provider.one_phase and till.provider.multi_capture:
        reference = await till.paid()
        results = await asyncio.gather(
            *(connector.capture(reference, third, key, final=False) for key in keys)
        )
        captured = (await till.read(reference)).captured
        done = {key for key, one in zip(keys, results, strict=True) if one.outcome is Outcome.DONE}
        assert len(done) * third.amount <= captured <= till.whole.amount
        # A key that was refused is not one that took effect.
        assert captured % third.amount == 0
    reference = await till.ready("refund")
    results = await asyncio.gather(*(connector.refund(reference, third, key) for key in keys))
    payment = await till.read(reference)
    done = {key for key, one in zip(keys, results, strict=True) if one.outcome is Outcome.DONE}
    assert len(done) * third.amount <= payment.refunded <= payment.captured
    assert payment.refunded % third.amount == 0


async def test_part_by_part(till: Till) -> None:
    if till.provider.one_phase or not till.provider.multi_capture:
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


async def test_void_releases_what_is_left(till: Till) -> None:
    if till.provider.one_phase:
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


# --- the same key twice --------------------------------------------------------------------------


async def test_the_same_key_has_one_effect(till: Till, verb: str) -> None:
    reference = await till.ready(verb)
    first = await till.do(verb, reference)
    # Another process, after the first one crashed before it could store the answer.
    till.connector = till.provider.connector()
    assert first.outcome is Outcome.DONE
    if till.may_repeat(verb):
        assert (await till.do(verb, reference)).outcome is Outcome.DONE
    assert (await till.ask(verb, reference)).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


async def test_the_same_key_has_one_page_or_shows_only_one(till: Till) -> None:
    request = till.provider.request()
    first = await till.connector.create_payment(request)
    second = await till.provider.connector().create_payment(request)
    other = await till.connector.create_payment(till.provider.request())
    assert {one.outcome for one in (first, second, other)} == {Outcome.DONE}
    assert other.reference != first.reference
    assert (first.reference == second.reference) is till.provider.remembers_create


@pytest.mark.parametrize("kind", ["late", "drop_after"])
async def test_a_lost_page_is_made_or_found_again(till: Till, kind: str) -> None:
    request = till.provider.request()
    till.provider.fault("create", kind, seconds=0.8)
    lost = await till.connector.create_payment(request)
    assert (lost.outcome, lost.redirect_url) == (Outcome.UNKNOWN, None)
    query = OperationQuery(OperationKind.AUTHORIZE, "", request.key, request.amount)
    found = await till.connector.fetch_operation(query)
    # A page that nobody was given can be paid by nobody.
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


# --- no answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EFFECT_NOT_TOLD)
async def test_a_time_out_after_the_provider_acted_ends_done(
    till: Till, verb: str, kind: str
) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, kind, seconds=0.8)
    assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb, reference, sent_at=now())).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


@pytest.mark.parametrize("kind", NO_EFFECT)
async def test_a_time_out_before_it_acted_ends_refused(till: Till, verb: str, kind: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, kind)
    assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    # Just sent: it may still arrive. Long ago: it did not.
    assert (await till.ask(verb, reference, sent_at=now())).outcome is Outcome.UNKNOWN
    long_ago = now() - timedelta(hours=1)
    assert (await till.ask(verb, reference, sent_at=long_ago)).outcome is Outcome.REFUSED
    assert not await till.happened(verb, reference)
    assert (await till.do(verb, reference, "key-2")).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


async def test_a_call_that_arrives_after_we_asked(till: Till, verb: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, "hang", seconds=1.0)
    sent_at = now()
    assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb, reference, sent_at=sent_at)).outcome is Outcome.UNKNOWN
    for _ in range(60):
        if (await till.ask(verb, reference, sent_at=sent_at)).outcome is Outcome.DONE:
            break
        await asyncio.sleep(0.05)
    assert await till.happened(verb, reference)
    if till.may_repeat(verb):
        assert (await till.do(verb, reference)).outcome is Outcome.DONE
        assert await till.happened(verb, reference)


async def test_refused(till: Till, verb: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, "refuse")
    result = await till.do(verb, reference)
    assert result.outcome is Outcome.REFUSED
    assert result.code in ("declined", "not_allowed", "invalid", "amount"), result
    assert not await till.happened(verb, reference)
    assert (await till.ask(verb, reference)).outcome is Outcome.REFUSED
    assert (await till.do(verb, reference, "key-2")).outcome is Outcome.DONE


async def test_a_read_that_fails_tells_nothing(till: Till, verb: str) -> None:
    reference = await till.ready(verb)
    for kind in ("error_before", "drop_before", "hang"):
        till.provider.fault("read", kind, seconds=0.8)
        payment = await till.connector.fetch(reference)
        assert (payment.outcome, payment.state, payment.amount) == (Outcome.UNKNOWN, None, None)
        till.provider.fault("read", kind, seconds=0.8)
        assert (await till.ask(verb, reference)).outcome is Outcome.UNKNOWN
    assert not await till.happened(verb, reference)


async def test_nobody_there(provider: Provider) -> None:
    connector = provider.connect(f"http://127.0.0.1:{free_port()}", provider.http)
    result = await connector.create_payment(provider.request())
    assert (result.outcome, result.code) == (Outcome.REFUSED, "unreachable")


async def test_a_killed_provider_remembers(till: Till, verb: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, "late", seconds=5)
    assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    till.provider.sandbox.kill()
    down = await till.do(verb, reference)
    assert (down.outcome, down.code) == (Outcome.REFUSED, "unreachable")
    till.provider.sandbox.start()
    assert (await till.ask(verb, reference)).outcome is Outcome.DONE
    if till.may_repeat(verb):
        assert (await till.do(verb, reference)).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


# --- a wrong amount or currency ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_a_page_for_something_else_is_not_shown(till: Till, kind: str) -> None:
    till.provider.fault("create", kind)
    result = await till.connector.create_payment(till.provider.request())
    assert (result.outcome, result.redirect_url) != (Outcome.DONE, None)
    if result.outcome is Outcome.DONE:
        # The provider's answer tells no amount: the read does, before anything is settled.
        assert result.reference is not None
        payment = await till.read(result.reference)
        assert payment.amount != till.whole
    else:
        assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")
        assert result.redirect_url is None


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency"])
async def test_a_read_tells_what_the_provider_says(till: Till, kind: str) -> None:
    reference = await till.paid()
    till.provider.fault("read", kind)
    wrong = await till.connector.fetch(reference)
    assert wrong.amount != till.whole
    assert (await till.read(reference)).amount == till.whole


async def test_another_amount_is_never_taken_for_done(till: Till) -> None:
    for verb in [one for one in _verbs(till.provider) if one != "void"]:
        reference = await till.ready(verb)
        till.provider.fault(verb, "wrong_amount")
        assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
        assert (await till.ask(verb, reference)).outcome is Outcome.UNKNOWN


# --- notifications -------------------------------------------------------------------------------


def _told(provider: Provider, reference: str) -> list[Received]:
    """The notifications that name this payment by its reference."""
    connector = provider.connector()
    found = []
    for one in list(provider.listener.received):
        try:
            notification = connector.parse_notification(one.headers, one.body)
        except NotificationRefused:
            continue
        if provider.names(notification, reference):
            found.append(one)
    return found


async def _wait_for(provider: Provider, reference: str, count: int = 1) -> list[Received]:
    for _ in range(250):
        if len(found := _told(provider, reference)) >= count:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(found)} of {count} notifications came")


async def test_told_of_a_payment(till: Till) -> None:
    reference = await till.paid()
    for one in await _wait_for(till.provider, reference):
        first = till.connector.parse_notification(one.headers, one.body)
        # The same once more, as a replay: the same event, which only causes a read.
        assert till.connector.parse_notification(one.headers, one.body) == first
        assert till.provider.names(first, reference)
        assert first.event_id
        assert first.event_type
    payment = await till.read(reference)
    assert payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)


async def test_told_before_the_payer_has_done_anything(till: Till) -> None:
    till.provider.sandbox.fault("early", "send")
    reference, url = await till.created()
    await _wait_for(till.provider, reference)
    assert (await till.read(reference)).state is PaymentState.OPEN
    till.provider.approve(url)
    assert (await till.read(reference)).amount == till.whole


async def test_told_five_times(till: Till) -> None:
    reference, url = await till.created()
    till.provider.sandbox.fault("notify", "repeat", times=20)
    till.provider.approve(url)
    told = await _wait_for(till.provider, reference, 5)
    events = [till.connector.parse_notification(one.headers, one.body).event_id for one in told]
    assert max(events.count(one) for one in events) == 5


async def test_never_told(till: Till) -> None:
    reference, url = await till.created()
    till.provider.sandbox.fault("notify", "drop", times=20)
    till.provider.approve(url)
    await asyncio.sleep(0.6)
    assert _told(till.provider, reference) == []
    payment = await till.read(reference)
    assert payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)


async def test_told_wrongly_signed(till: Till) -> None:
    reference, url = await till.created()
    till.provider.sandbox.fault("notify", "forge", times=20)
    till.provider.approve(url)
    for _ in range(250):
        if till.provider.listener.received:
            break
        await asyncio.sleep(0.02)
    assert till.provider.listener.received
    if till.provider.signs:
        assert _told(till.provider, reference) == []


async def test_forged_notifications(till: Till) -> None:
    reference = await till.paid()
    true = (await _wait_for(till.provider, reference))[0]
    no_headers = {":path": "/notifications"}
    for headers, body in (
        (no_headers, true.body),
        (true.headers, b"not json"),
        (true.headers, b"[]"),
        (true.headers, b"\xff"),
        (no_headers, b""),
    ):
        if not till.provider.signs and body == true.body:
            continue
        with pytest.raises(NotificationRefused):
            till.connector.parse_notification(headers, body)


async def test_tried_again_until_it_is_heard(till: Till) -> None:
    reference, url = await till.created()
    till.provider.sandbox.admin("settings", retry_gap=1)
    till.provider.listener.statuses = [503]
    till.provider.approve(url)
    await _wait_for(till.provider, reference)
    received = till.provider.listener.received
    for _ in range(250):
        # The one that was turned away, once more: it may be about something else than a reference.
        if any(_same(one, received[0]) for one in received[1:]):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("what was turned away was not sent again")


def _same(one: Received, other: Received) -> bool:
    return (one.headers[":path"], one.body) == (other.headers[":path"], other.body)


# --- nobody else, nothing secret -----------------------------------------------------------------


class _Sent:
    """What goes out through a client: `writes` are calls that may change something."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.requests: list[httpx.Request] = []
        http.event_hooks = {"request": [self._keep]}

    async def _keep(self, request: httpx.Request) -> None:
        self.requests.append(request)

    @property
    def writes(self) -> list[str]:
        return [f"{one.method} {one.url.path}" for one in self.requests if one.method != "GET"]


@pytest.fixture(autouse=True)
async def _no_hooks_left(http: httpx.AsyncClient) -> AsyncIterator[None]:
    yield
    http.event_hooks = {}


async def _everything(till: Till) -> list[Result | Payment]:
    connector: Connector = till.connector
    reference = await till.paid()
    if till.provider.one_phase:
        ends: list[Result | Payment] = []
    else:
        ends = [
            await connector.capture(reference, till.part, "c-1", final=True),
            await connector.capture(reference, till.part, "c-2", final=True),
            await connector.void(reference, "v-1"),
        ]
    unpaid, _ = await till.created()
    return [
        *ends,
        await connector.refund(reference, till.part, "r-1"),
        await connector.refund(reference, till.whole, "r-2"),
        await connector.fetch(reference),
        await connector.fetch("none"),
        await connector.abort(unpaid, "a-1"),
        await connector.create_payment(till.provider.request()),
        await till.ask("refund", reference),
    ]


async def test_only_the_provider_is_called(till: Till) -> None:
    sent = _Sent(till.provider.http)
    await _everything(till)
    own = httpx.URL(till.provider.sandbox.base_url)
    assert {(one.url.host, one.url.port) for one in sent.requests} == {(own.host, own.port)}


@pytest.mark.parametrize(
    "url", ["http://acquirer.example", "ftp://127.0.0.1", "http://127.0.0.1.example.com", "x:1"]
)
def test_credentials_are_not_sent_in_the_clear(provider: Provider, url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        provider.connect(url, provider.http)


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_redirects_are_not_followed(provider: Provider, status: int) -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://elsewhere.example/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = provider.connect("https://acquirer.example", http)
        created = await connector.create_payment(provider.request())
        assert created.outcome is not Outcome.DONE
        assert (await connector.fetch("x")).outcome is not Outcome.DONE
    assert set(seen) <= {"acquirer.example"}


@pytest.mark.parametrize(
    "answer",
    [b"<html>hello", b"[]", b"{}", b"", b"[" * 100_000, b'{"id": 5}', b'{"a": NaN}'],
)
async def test_unreadable_answers_are_unknown(provider: Provider, answer: bytes) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=answer)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = provider.connect("https://acquirer.example", http)
        assert (await connector.create_payment(provider.request())).outcome is Outcome.UNKNOWN
        assert (await connector.fetch("/psp/paymentorders/1")).outcome is not Outcome.DONE


async def test_no_secret_is_kept_logged_or_said(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    # httpx writes addresses at INFO; a provider's secret is in none.
    with caplog.at_level(logging.DEBUG):
        ends = await _everything(till)
    kept = json.dumps([dict(one.raw) for one in ends])
    said = " ".join(str(one.message) for one in ends)
    own = "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("backend", "httpx"))
    )
    assert any(one.raw for one in ends)
    for secret in (*till.provider.secrets, "kari@example.com"):
        assert secret not in kept
        assert secret not in said
        assert secret not in own
        assert secret not in repr(till.connector)
    for address in till.provider.opens_page:
        assert address not in kept


async def test_what_is_not_supported_sends_nothing(till: Till) -> None:
    if not till.provider.one_phase:
        pytest.skip("supports all verbs")
    reference = await till.paid()
    sent = _Sent(till.provider.http)
    for result in (
        await till.connector.capture(reference, till.part, "c-1", final=True),
        await till.connector.void(reference, "v-1"),
    ):
        assert (result.outcome, result.code) == (Outcome.REFUSED, "not_allowed")
    assert sent.requests == []
