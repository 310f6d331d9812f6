"""Only Swish's connector has these rules on amounts, errors, pushes and refunds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.psp.protocol import (
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentState,
    Result,
)
from backend.psp.swish.connector import APP, checked_app_url
from backend.psp.swish.responses import (
    MAX_AMOUNT,
    from_swish,
    instruction_uuid,
    message_of,
    own_reference,
    payer_alias,
    to_payment,
    to_swish,
)
from backend.rules.money import Money
from tests.psp.providers import SwishProvider
from tests.psp.till import ProviderHarness, Sent
from tests.support.sandbox import Listener, Sandbox

PHONE = "+46701234567"


@pytest.fixture
def swish(
    sandboxes: Callable[[str], Sandbox], listener: Listener, http: httpx.AsyncClient
) -> Iterator[SwishProvider]:
    sandbox = sandboxes("swish")
    yield SwishProvider(sandbox, listener, http)
    sandbox.reset()
    # A phone has one push at a time.
    sandbox.admin("clock", advance=1000)
    sandbox.admin("clock")
    sandbox.admin("settings", refund_seconds=0)


def kronor(ore: int) -> Money:
    return Money(ore, "SEK")


# --- amounts --------------------------------------------------------------------------------------


@given(st.integers(0, MAX_AMOUNT))
def test_an_amount_there_and_back(ore: int) -> None:
    written = to_swish(kronor(ore))
    assert from_swish(written) == ore
    whole, _, part = written.partition(".")
    assert (whole.isdigit(), len(part)) == (True, 2)


@pytest.mark.parametrize(
    ("ore", "written"),
    [(100, "1.00"), (101, "1.01"), (110, "1.10"), (99, "0.99"), (30000, "300.00"),
     (MAX_AMOUNT, "999999999999.99")],
)  # fmt: skip
def test_kronor_as_written(ore: int, written: str) -> None:
    assert to_swish(kronor(ore)) == written


@pytest.mark.parametrize(
    ("told", "ore"),
    [("300", 30000), ("300.5", 30050), (300, 30000), ("0.07", 7), ("300.005", None),
     ("3e2", None), ("-1", None), ("", None), (None, None), (True, None), (1.5, None),
     ("1,00", None), ("١٠٠", None)],
)  # fmt: skip
def test_amounts_as_told(told: object, ore: int | None) -> None:
    assert from_swish(told) == ore


async def test_a_number_for_an_amount_loses_nothing(swish: SwishProvider) -> None:
    """Some answers write the amount as a number. It never becomes a float."""
    reference = instruction_uuid("k", "create")

    def respond(request: httpx.Request) -> httpx.Response:
        body = f'{{"id": "{reference}", "status": "PAID", "currency": "SEK", "amount": 1234567.1}}'
        return httpx.Response(200, content=body.encode())

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        payment = await swish.connect("https://swish.example", http).fetch(reference)
    assert (payment.amount, payment.captured) == (kronor(123456710), 123456710)
    assert json.loads(json.dumps(dict(payment.raw)))["amount"] == "1234567.1"


@pytest.mark.parametrize(
    "money", [kronor(99), kronor(0), Money(30000, "NOK"), kronor(MAX_AMOUNT + 1)]
)
async def test_amounts_that_are_not_asked_for(swish: SwishProvider, money: Money) -> None:
    sent = Sent(swish.http)
    result = await swish.connector().create_payment(swish.request(amount=money))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")
    assert sent.requests == []


# --- what is sent ---------------------------------------------------------------------------------


def test_handles_and_texts() -> None:
    handle = instruction_uuid("key", "create")
    assert (len(handle), handle) == (32, handle.upper())
    assert handle == instruction_uuid("key", "create") != instruction_uuid("key", "create", 1)
    assert own_reference("T12345678.AbC-1") == "T12345678AbC1"
    assert message_of("Order 1 – “rest” (after gift card)" + "x" * 50) == (
        "Order 1 rest (after gift card)" + "x" * 20
    )
    assert message_of("…") == "Order"


@pytest.mark.parametrize(
    ("phone", "alias"),
    [(PHONE, "46701234567"), ("+4799887766", None), (None, None), ("", None), ("0701234567", None)],
)
def test_only_swedish_phones_are_pushed_to(phone: str | None, alias: str | None) -> None:
    assert payer_alias(phone) == alias


async def test_without_a_phone_there_is_a_token(swish: SwishProvider) -> None:
    result = await swish.connector().create_payment(swish.request(push_to="+4799887766"))
    assert result.reference is not None
    assert result.redirect_url is not None
    assert result.app_code == result.redirect_url
    there = swish.read(result.reference)
    assert (there["payerAlias"], there["payeeAlias"]) == (None, swish.number)
    assert there["callbackUrl"].startswith(f"{swish.listener.url}?payment=T12345678.")


async def test_the_apps_own_link_and_code(swish: SwishProvider) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            201, headers={"PaymentRequestToken": "c28a4061470f4af48973bd2a4642b4fa"}
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = swish.connect("https://swish.example", http)
        connector._app_url = APP  # type: ignore[attr-defined]  # Swish alone has it
        result = await connector.create_payment(swish.request())
    assert result.redirect_url == (
        "swish://paymentrequest?token=c28a4061470f4af48973bd2a4642b4fa"
        "&callbackurl=http%3A%2F%2F127.0.0.1%3A9%2Freturn"
    )
    assert result.app_code == "Dc28a4061470f4af48973bd2a4642b4fa"


@pytest.mark.parametrize(
    "url", ["http://swish.example/app", "swish://payment", "javascript:alert(1)", f"{APP}?token=1"]
)
def test_the_app_is_no_place_of_somebody_elses(url: str) -> None:
    with pytest.raises(ValueError, match="app_url"):
        checked_app_url(url)


async def test_a_push_is_made_once(swish: SwishProvider) -> None:
    request = swish.request(push_to=PHONE)
    connector = swish.connector()
    first = await connector.create_payment(request)
    assert (first.outcome, first.redirect_url, first.app_code) == (Outcome.DONE, None, None)
    again = await swish.connector().create_payment(request)
    assert (again.outcome, again.reference) == (Outcome.DONE, first.reference)
    query = OperationQuery(OperationKind.AUTHORIZE, "", request.key, request.amount)
    # The app has asked the payer, who has not answered: neither yes nor no.
    assert (await connector.fetch_operation(query)).outcome is Outcome.UNKNOWN


async def test_a_phone_that_is_being_asked_already_gets_a_token(swish: SwishProvider) -> None:
    connector = swish.connector()
    await connector.create_payment(swish.request(push_to=PHONE))
    other = await connector.create_payment(swish.request(push_to=PHONE))
    assert other.outcome is Outcome.DONE
    assert other.app_code is not None


# --- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "state", "declined", "code"),
    [
        ("CREATED", None, PaymentState.OPEN, None, None),
        ("SOMETHING_NEW", None, PaymentState.OPEN, None, None),
        ("PAID", None, PaymentState.CAPTURED, None, None),
        ("DECLINED", None, PaymentState.FAILED, "declined", None),
        ("CANCELLED", None, PaymentState.FAILED, None, None),
        ("ERROR", "RF07", PaymentState.FAILED, "declined", None),
        ("ERROR", "FF10", PaymentState.FAILED, "processing_error", None),
        ("ERROR", "BANKIDCL", PaymentState.FAILED, "authentication_failed", None),
        ("ERROR", "BANKIDONGOING", PaymentState.FAILED, "authentication_failed", None),
        ("ERROR", "BANKIDUNKN", PaymentState.FAILED, "authentication_failed", None),
        ("ERROR", "ACMT03", PaymentState.FAILED, "declined", None),
        ("ERROR", "TM01", PaymentState.FAILED, None, "expired"),
        ("ERROR", "DS24", PaymentState.ON_HOLD, None, None),
        ("ERROR", None, PaymentState.FAILED, "processing_error", None),
    ],
)
def test_states(
    status: str, error: str | None, state: PaymentState, declined: str | None, code: str | None
) -> None:
    body = {"id": "A", "status": status, "errorCode": error, "amount": "3.00", "currency": "SEK"}
    payment = to_payment("A", body, {})
    assert (payment.state, payment.declined, payment.code) == (state, declined, code)
    assert payment.captured == (300 if state is PaymentState.CAPTURED else 0)


@pytest.mark.parametrize(
    ("code", "outcome", "refusal"),
    [
        ("FF08", Outcome.REFUSED, "invalid"), ("RP03", Outcome.REFUSED, "configuration"),
        ("PA02", Outcome.REFUSED, "invalid"), ("AM02", Outcome.REFUSED, "amount"),
        ("AM06", Outcome.REFUSED, "amount"), ("AM03", Outcome.REFUSED, "invalid"),
        ("BE18", Outcome.REFUSED, "invalid"), ("RP01", Outcome.REFUSED, "configuration"),
        ("RP02", Outcome.REFUSED, "invalid"), ("ACMT03", Outcome.REFUSED, "declined"),
        ("ACMT01", Outcome.REFUSED, "configuration"), ("RF07", Outcome.REFUSED, "declined"),
        ("ACMT07", Outcome.REFUSED, "configuration"), ("TM01", Outcome.REFUSED, "unreachable"),
        ("DS24", Outcome.UNKNOWN, None), ("NEW1", Outcome.REFUSED, "invalid"),
    ],
)  # fmt: skip
async def test_errors(
    swish: SwishProvider, code: str, outcome: Outcome, refusal: str | None
) -> None:
    """The sandbox returns errors in an array."""
    swish.fault("create", "refuse", code=code)
    result = await swish.connector().create_payment(swish.request())
    assert (result.outcome, result.code) == (outcome, refusal)


@pytest.mark.parametrize(
    ("status", "content", "outcome", "refusal"),
    [
        (401, b"", Outcome.REFUSED, "configuration"),
        (403, b"<html>", Outcome.REFUSED, "configuration"),
        (404, b"[]", Outcome.REFUSED, "invalid"),
        (409, b"[]", Outcome.UNKNOWN, None),
        (429, b"", Outcome.REFUSED, "unreachable"),
        (500, b"[]", Outcome.UNKNOWN, None),
        (422, b'[{"errorCode":"FF08"},{"errorCode":"DS24"}]', Outcome.UNKNOWN, None),
        (200, b"{}", Outcome.UNKNOWN, None),
        (201, b"", Outcome.UNKNOWN, None),  # no token to open it with
    ],
)
async def test_statuses(
    swish: SwishProvider, status: int, content: bytes, outcome: Outcome, refusal: str | None
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = swish.connect("https://swish.example", http)
        result = await connector.create_payment(swish.request())
    assert (result.outcome, result.code) == (outcome, refusal)


async def test_the_message_chooses_an_outcome(swish: SwishProvider) -> None:
    """The provider's own simulator works the same way."""
    connector = swish.connector()
    refused = await connector.create_payment(swish.request(description="Order RP02"))
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "invalid")
    made = await connector.create_payment(swish.request(description="Order DS24"))
    assert made.reference is not None
    swish.approve(str(made.redirect_url))
    payment = await connector.fetch(made.reference)
    assert (payment.outcome, payment.state) == (Outcome.DONE, PaymentState.ON_HOLD)
    # Nobody gives it up: no abort ends it, and no read calls it a refusal.
    aborted = await connector.abort(made.reference, "a-1")
    assert (aborted.outcome, aborted.code) == (Outcome.REFUSED, "not_allowed")
    query = OperationQuery(OperationKind.AUTHORIZE, made.reference, "k", kronor(30000))
    assert (await connector.fetch_operation(query)).outcome is Outcome.UNKNOWN


# --- refunds --------------------------------------------------------------------------------------


async def test_a_refund_that_takes_its_time(swish: SwishProvider) -> None:
    till = ProviderHarness(swish)
    reference = await till.paid()
    swish.sandbox.admin("settings", refund_seconds=60)
    first: Result = await till.do("refund", reference)
    assert first.outcome is Outcome.UNKNOWN
    assert (await till.do("refund", reference)).outcome is Outcome.UNKNOWN
    assert (await till.ask("refund", reference)).outcome is Outcome.UNKNOWN
    swish.sandbox.admin("clock", advance=61)
    assert (await till.ask("refund", reference)).outcome is Outcome.DONE
    assert swish.refunded(reference) == till.part.amount


async def test_a_refund_goes_to_whom_it_came_from(swish: SwishProvider) -> None:
    till = ProviderHarness(swish)
    reference = await till.paid()
    await till.do("refund", reference)
    rows = swish.sandbox.http.get(
        f"{swish.sandbox.base_url}/_admin/refunds", params={"payment": reference}
    ).json()["refunds"]
    (refund,) = rows
    assert (refund["payerAlias"], refund["amount"]) == (swish.number, "200.00")
    assert refund["originalPaymentReference"] == swish.read(reference)["paymentReference"]


async def test_months_later_it_is_too_late(swish: SwishProvider) -> None:
    till = ProviderHarness(swish)
    reference = await till.paid()
    swish.sandbox.admin("clock", advance=400 * 24 * 3600)
    late = await till.do("refund", reference)
    assert (late.outcome, late.code) == (Outcome.REFUSED, "not_allowed")


async def test_told_of_a_refund(swish: SwishProvider) -> None:
    """It names the payment only by our transaction."""
    till = ProviderHarness(swish)
    reference = await till.paid()
    await till.do("refund", reference)
    told = swish.listener.wait_for(1, b"originalPaymentReference")[0]
    notification = till.connector.parse_notification(told.headers, told.body)
    assert (notification.event_type, notification.reference) == ("refund", None)
    assert str(notification.transaction_id).startswith("T12345678.")
