"""Only Vipps has these rules on tokens, pushes, both shapes of errors, the log and the
signature."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from backend.psp.protocol import (
    NotificationRefused,
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentState,
)
from backend.psp.tools import Tools
from backend.psp.vipps.client import Account
from backend.psp.vipps.connector import CURRENCIES, Vipps
from backend.psp.vipps.requests import reference_of
from backend.rules.money import Money
from tests.psp.provider import now
from tests.psp.till import Sent
from tests.psp.vipps_provider import VippsProvider
from tests.support.sandbox import Listener, Sandbox

WHOLE = Money(30000, "NOK")
PART = Money(20000, "NOK")


@pytest.fixture
def provider(
    sandboxes: Callable[[str], Sandbox], listener: Listener, http: httpx.AsyncClient
) -> Any:
    sandbox = sandboxes("vipps")
    yield VippsProvider(sandbox, listener, http)
    sandbox.reset()
    settings = {"numbers_as_text": True, "token_seconds": 3600, "log_keys": True}
    sandbox.admin("settings", **settings)


async def paid(provider: VippsProvider) -> tuple[Vipps, str]:
    connector = provider.connector()
    assert isinstance(connector, Vipps)
    made = await connector.create_payment(provider.request())
    assert made.reference is not None and made.redirect_url is not None
    provider.approve(made.redirect_url)
    return connector, made.reference


@pytest.mark.parametrize("as_text", [True, False])
async def test_one_token_for_many_calls_and_a_new_one_in_time(
    provider: VippsProvider, as_text: bool
) -> None:
    provider.sandbox.admin("settings", numbers_as_text=as_text, token_seconds=120)
    sent = Sent(provider.http)
    moment = now()
    account = Account(**provider.credentials)
    connector = Vipps(account, Tools(provider.http, lambda: moment))
    for _ in range(3):
        await connector.fetch("no-such-payment")
    assert sent.writes == ["POST /accesstoken/get"]
    # We stop using a token a minute before it expires.
    later = Vipps(account, Tools(provider.http, lambda: moment + timedelta(seconds=61)))
    await later.fetch("no-such-payment")
    assert len(sent.writes) == 2


async def test_a_token_that_was_withdrawn_is_fetched_anew_once(provider: VippsProvider) -> None:
    connector = provider.connector()
    await connector.fetch("no-such-payment")
    provider.sandbox.admin("clock", advance=4000)
    sent = Sent(provider.http)
    found = await connector.fetch("no-such-payment")
    assert (found.outcome, found.code) == (Outcome.REFUSED, "invalid")
    assert sent.writes == ["POST /accesstoken/get"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"client_secret": "another"}, "do not match"),
        ({"subscription_key": "another"}, "invalid subscription key"),
    ],
)
async def test_both_shapes_of_errors(
    provider: VippsProvider, changed: dict[str, str], message: str
) -> None:
    await provider.connector().fetch("no-such-payment")
    account = Account(**(provider.credentials | changed))
    result = await Vipps(account, Tools(provider.http, now)).create_payment(provider.request())
    assert (result.outcome, result.code) == (Outcome.REFUSED, "configuration")
    assert message in str(result.message)


@pytest.mark.parametrize("kind", ["error_before", "drop_before"])
async def test_without_a_token_nothing_was_sent(provider: VippsProvider, kind: str) -> None:
    provider.sandbox.fault("token", kind)
    result = await provider.connector().create_payment(provider.request())
    assert (result.outcome, result.code) == (Outcome.REFUSED, "unreachable")


async def test_a_push_has_no_page(provider: VippsProvider) -> None:
    request = provider.request(push_to="+4799887766")
    connector = provider.connector()
    made = await connector.create_payment(request)
    assert (made.outcome, made.redirect_url) == (Outcome.DONE, None)
    assert made.reference == reference_of(request.key) == request.key
    again = await connector.create_payment(request)
    assert (again.outcome, again.reference) == (Outcome.DONE, made.reference)
    pushes = provider.sandbox.http.get(f"{provider.sandbox.base_url}/_admin/pushes").json()
    mine = [one for one in pushes["pushes"] if one["reference"] == made.reference]
    assert {one["phoneNumber"] for one in mine} == {"4799887766"}
    kept = json.dumps(dict(made.raw))
    assert "99887766" not in kept
    assert (await connector.fetch(request.key)).state is PaymentState.OPEN
    query = OperationQuery(OperationKind.AUTHORIZE, "", request.key, request.amount)
    found = await connector.fetch_operation(query)
    assert (found.outcome, found.redirect_url) == (Outcome.DONE, None)


async def test_no_number_to_push_to(provider: VippsProvider) -> None:
    result = await provider.connector().create_payment(provider.request(push_to="+479"))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "invalid")
    assert "customer.phoneNumber" in str(result.message)


async def test_currencies(provider: VippsProvider) -> None:
    assert frozenset({"NOK", "DKK", "EUR", "SEK"}) == CURRENCIES
    connector = provider.connector()
    for currency in sorted(CURRENCIES):
        made = await connector.create_payment(provider.request(amount=Money(100, currency)))
        assert made.outcome is Outcome.DONE, made
    await connector.fetch("no-such-payment")
    sent = Sent(provider.http)
    other = await connector.create_payment(provider.request(amount=Money(100, "GBP")))
    assert (other.outcome, other.code, sent.requests) == (Outcome.REFUSED, "amount", [])


async def test_too_little(provider: VippsProvider) -> None:
    result = await provider.connector().create_payment(provider.request(amount=Money(99, "NOK")))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")


async def test_the_state_never_says_what_was_taken(provider: VippsProvider) -> None:
    connector, reference = await paid(provider)
    await connector.capture(reference, PART, "c-1", final=True)
    await connector.refund(reference, Money(5000, "NOK"), "r-1")
    payment = provider.payment(reference)
    assert payment["state"] == "AUTHORIZED"
    read = await connector.fetch(reference)
    assert (read.state, read.captured, read.refunded) == (PaymentState.CAPTURED, 20000, 5000)
    assert read.capturable == 0


@pytest.mark.parametrize(("log_keys", "before"), [(True, 0), (False, 0), (False, 10000)])
async def test_a_capture_is_found_with_and_without_keys_in_the_log(
    provider: VippsProvider, log_keys: bool, before: int
) -> None:
    provider.sandbox.admin("settings", log_keys=log_keys)
    connector, reference = await paid(provider)
    if before:
        await connector.capture(reference, Money(before, "NOK"), "c-0", final=False)
    provider.sandbox.fault("capture", "drop_after")
    lost = await connector.capture(reference, PART, "c-1", final=False)
    assert lost.outcome is Outcome.UNKNOWN
    query = OperationQuery(OperationKind.CAPTURE, reference, "c-1", PART, before)
    assert (await connector.fetch_operation(query)).outcome is Outcome.DONE
    never = replace(query, key="c-2", captured_before=before + 20000)
    assert (await connector.fetch_operation(never)).outcome is Outcome.REFUSED


async def test_a_read_makes_up_for_the_release_that_is_owed(provider: VippsProvider) -> None:
    connector, reference = await paid(provider)
    provider.sandbox.fault("cancel", "drop_before")
    owed = await connector.capture(reference, PART, "c-1", final=True)
    assert owed.outcome is Outcome.UNKNOWN
    assert (await connector.fetch(reference)).capturable == 10000
    query = OperationQuery(OperationKind.CAPTURE, reference, "c-1", PART)
    assert (await connector.fetch_operation(query)).outcome is Outcome.DONE
    assert (await connector.fetch(reference)).capturable == 0


async def test_the_payer_says_yes_while_we_give_up(provider: VippsProvider) -> None:
    """The approval stays, and the reader decides what to do with it."""
    connector = provider.connector()
    for _ in range(5):
        made = await connector.create_payment(provider.request())
        assert made.reference is not None and made.redirect_url is not None
        answer, _ = await asyncio.gather(
            connector.abort(made.reference, f"abort-{made.reference}"),
            asyncio.to_thread(provider.approve, made.redirect_url),
        )
        state = (await connector.fetch(made.reference)).state
        if answer.outcome is Outcome.DONE:
            assert state is PaymentState.FAILED
        else:
            assert (answer.code, state) == ("not_allowed", PaymentState.AUTHORIZED)


async def test_nobody_answers(provider: VippsProvider) -> None:
    connector = provider.connector()
    made = await connector.create_payment(provider.request())
    assert made.reference is not None
    provider.sandbox.admin("clock", advance=540)
    assert (await connector.fetch(made.reference)).state is PaymentState.OPEN
    provider.sandbox.admin("clock", advance=61)
    over = await connector.fetch(made.reference)
    assert (over.state, over.declined) == (PaymentState.FAILED, None)


async def test_a_reference_that_is_taken_is_read(provider: VippsProvider) -> None:
    """The same key for another amount makes two different requests."""
    connector, request = provider.connector(), provider.request()
    assert (await connector.create_payment(request)).outcome is Outcome.DONE
    other = await connector.create_payment(replace(request, amount=Money(40000, "NOK")))
    assert (other.outcome, other.code) == (Outcome.REFUSED, "amount")


SECRET, URL = "a secret", "https://checkout.example/pay/v1/psp/T1/default/vipps/notifications"


def signed(body: bytes, moment: datetime, url: str = URL, secret: str = SECRET) -> dict[str, str]:
    """Compute the signature once more, as the provider documents it."""
    parts = httpx.URL(url)
    date = format_datetime(moment, usegmt=True)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = f"POST\n{parts.raw_path.decode()}\n{date};{parts.netloc.decode()};{digest}"
    made = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        # A proxy changes the header in this way.
        "host": "10.0.0.7:8000",
        ":path": "/v1/psp/T1/default/vipps/notifications?",
        "authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        f"&Signature={made.decode()}",
    }


EVENT = json.dumps(
    {
        "msn": "1",
        "reference": "our-payment",
        "pspReference": "p-1",
        "name": "AUTHORIZED",
        "amount": {"currency": "NOK", "value": 30000},
        "success": True,
    }
).encode()


@pytest.fixture
async def told(http: httpx.AsyncClient) -> Vipps:
    account = Account("https://provider.example", "c", "s", "k", "1")
    return Vipps(account, Tools(http, now), webhook_secret=SECRET, webhook_url=URL)


def test_the_signature_is_over_the_address_that_was_registered(told: Vipps) -> None:
    headers = signed(EVENT, datetime.now(UTC))
    found = told.parse_notification(headers, EVENT)
    assert (found.reference, found.event_id) == ("our-payment", "p-1.AUTHORIZED")
    # Some proxies use the header for themselves.
    moved = headers | {"x-vipps-authorization": headers["authorization"], "authorization": "Basic"}
    assert told.parse_notification(moved, EVENT) == found


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_another_time(told: Vipps, seconds: int) -> None:
    near = signed(EVENT, now() + timedelta(seconds=seconds * 290 // 301))
    assert told.parse_notification(near, EVENT).event_type == "AUTHORIZED"
    with pytest.raises(NotificationRefused, match="too old"):
        told.parse_notification(signed(EVENT, now() + timedelta(seconds=seconds)), EVENT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"x-ms-content-sha256": ""},
        {"x-ms-date": "yesterday"},
        {"authorization": ""},
        {"authorization": "HMAC-SHA256 Signature="},
        {"authorization": "HMAC-SHA256 SignedHeaders=host&Signature=AAAA"},
        {"authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
         "&Signature=\u00e6"},
    ],
)  # fmt: skip
def test_what_is_not_signed_is_not_believed(told: Vipps, wrong: dict[str, str]) -> None:
    with pytest.raises(NotificationRefused):
        told.parse_notification(signed(EVENT, now()) | wrong, EVENT)


def test_another_secret_or_address(told: Vipps, http: httpx.AsyncClient) -> None:
    for headers in (
        signed(EVENT, now(), secret="another"),
        signed(EVENT, now(), url=URL.replace("default", "other")),
        signed(EVENT, now(), url=URL.replace("checkout.", "evil.")),
    ):
        with pytest.raises(NotificationRefused):
            told.parse_notification(headers, EVENT)
    account = Account("https://provider.example", "c", "s", "k", "1")
    unregistered = Vipps(account, Tools(http, now))
    with pytest.raises(NotificationRefused):
        unregistered.parse_notification(signed(EVENT, now(), url="", secret=""), EVENT)
