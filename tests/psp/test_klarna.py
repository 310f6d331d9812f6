"""Only Klarna has these rules. `test_invariants.py` tests the rules of every provider."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from backend.psp.klarna.connector import Klarna
from backend.psp.protocol import (
    NotificationRefused,
    OperationKind,
    OperationQuery,
    OrderLine,
    Outcome,
    PaymentState,
)
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.psp.klarna_shop import Shop
from tests.psp.provider import now

WHOLE, PART = Money(30000, "NOK"), Money(20000, "NOK")
SHIRTS = OrderLine("Skjorte", 59900, 2, 2500, reference="10")
SHIPPING = OrderLine("Hjemlevering", 9900, 1, 2500, "shipping")
BOOK = OrderLine("Bok", 20200, 3)
GIFT_CARD = OrderLine("Gavekort", -60000, kind="tender", reference="never shown")


# --- what is asked for ---------------------------------------------------------------------------


async def test_the_gift_card_is_a_line_below_zero_and_changes_no_vat(shop: Shop) -> None:
    lines = (SHIRTS, SHIPPING, BOOK, GIFT_CARD)
    reference, _ = await shop.created(lines=lines, country="NO", language="no")
    session = shop.session(reference)
    assert (session["order_amount"], session["order_tax_amount"]) == (30000, 11980 + 1980)
    shown = [
        (line["type"], line["quantity"], line["unit_price"], line["total_amount"])
        for line in session["order_lines"]
    ]
    assert shown == [
        ("physical", 2, 29950, 59900),
        ("shipping_fee", 1, 9900, 9900),
        # A third of it is not a whole øre, so the line has one unit.
        ("physical", 1, 20200, 20200),
        ("gift_card", 1, -60000, -60000),
    ]
    assert session["order_lines"][2]["name"] == "3 × Bok"
    taxes = [(line["tax_rate"], line["total_tax_amount"]) for line in session["order_lines"]]
    assert taxes == [(2500, 11980), (2500, 1980), (0, 0), (0, 0)]
    assert session["order_lines"][0]["reference"] == "10"
    assert "never shown" not in json.dumps(session)
    assert (session["purchase_country"], session["locale"]) == ("NO", "nb-NO")
    assert session["merchant_reference1"] == "order-1"
    assert session["merchant_reference2"].startswith("T12345678.")


async def test_lines_that_do_not_sum_become_one(shop: Shop) -> None:
    for lines in ((SHIRTS,), ()):
        reference, _ = await shop.created(lines=lines)
        (line,) = shop.session(reference)["order_lines"]
        assert (line["name"], line["total_amount"]) == ("Order 1 (rest after gift card)", 30000)


@pytest.mark.parametrize(
    ("currency", "country", "language", "expected"),
    [
        ("NOK", "SE", "en", ("NO", "en-NO")),
        ("SEK", None, "sv", ("SE", "sv-SE")),
        ("DKK", "DK", "nb", ("DK", "en-DK")),
        ("EUR", "FI", "sv", ("FI", "sv-FI")),
        ("EUR", None, "fi", ("FI", "fi-FI")),
        ("EUR", None, "nb", ("DE", "en-DE")),
        ("EUR", "NO", "en", ("DE", "en-DE")),
    ],
)
async def test_country_and_language(
    shop: Shop, currency: str, country: str | None, language: str, expected: tuple[str, str]
) -> None:
    changes = {"amount": Money(30000, currency), "country": country, "language": language}
    reference, _ = await shop.created(**changes)
    session = shop.session(reference)
    assert (session["purchase_country"], session["locale"]) == expected


async def test_nothing_is_offered(shop: Shop) -> None:
    shop.sandbox.admin("settings", offer=False)
    result = await shop.klarna.create_payment(shop.provider.request())
    assert (result.outcome, result.code) == (Outcome.REFUSED, "declined")
    assert result.redirect_url is None


async def test_one_page_where_the_provider_keeps_keys_for_pages_too(shop: Shop) -> None:
    shop.sandbox.admin("settings", keep_all_keys=True)
    request = shop.provider.request()
    first, second = [await shop.klarna.create_payment(request) for _ in range(2)]
    assert first.reference == second.reference is not None
    assert first.redirect_url == second.redirect_url


async def test_too_much_for_klarna_is_not_sent(shop: Shop) -> None:
    over = Money(200_000_001, "NOK")
    result = await shop.klarna.create_payment(shop.provider.request(amount=over))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")


# --- what becomes of it --------------------------------------------------------------------------


async def test_the_payer_cancels_or_goes_back_or_fails(shop: Shop) -> None:
    for button, state in (("cancel", PaymentState.FAILED), ("back", PaymentState.OPEN)):
        reference, url = await shop.created()
        answer = shop.sandbox.http.post(f"{url}/{button}")
        assert answer.headers["location"] == "http://127.0.0.1:9/cancel?cancelled=1"
        payment = await shop.klarna.fetch(reference)
        assert (payment.state, payment.declined) == (state, None)
    reference, url = await shop.created()
    shop.provider._confirm(url, "customer+error@email.no")
    payment = await shop.klarna.fetch(reference)
    assert (payment.state, payment.declined) == (PaymentState.OPEN, "processing_error")


async def test_a_page_ends_by_itself(shop: Shop) -> None:
    reference, url = await shop.created()
    later = timedelta(hours=48, minutes=11)
    klarna = Klarna(
        shop.sandbox.base_url, *shop.auth, Tools(shop.provider.http, lambda: now() + later)
    )
    assert (await shop.klarna.fetch(reference)).state is PaymentState.OPEN
    shop.sandbox.admin("clock", advance=int(later.total_seconds()))
    payment = await klarna.fetch(reference)
    assert (payment.outcome, payment.state) == (Outcome.DONE, PaymentState.FAILED)
    assert shop.sandbox.http.get(url).text.count("expired") > 0


async def test_an_authorization_lapses(shop: Shop) -> None:
    unused, part = await shop.paid(), await shop.paid()
    assert (await shop.klarna.capture(part, PART, "c-1", final=False)).outcome is Outcome.DONE
    shop.sandbox.admin("clock", advance=28 * 24 * 3600 + 1)
    assert (await shop.klarna.fetch(unused)).state is PaymentState.FAILED
    payment = await shop.klarna.fetch(part)
    assert (payment.state, payment.captured, payment.capturable) == (
        PaymentState.CAPTURED,
        20000,
        0,
    )


async def test_a_risk_is_looked_at_then_accepted(shop: Shop) -> None:
    reference = await shop.paid("customer+pending@email.no")
    payment = await shop.klarna.fetch(reference)
    assert (payment.state, payment.amount, payment.declined) == (PaymentState.ON_HOLD, WHOLE, None)
    query = OperationQuery(OperationKind.AUTHORIZE, reference, "op", WHOLE)
    assert (await shop.klarna.fetch_operation(query)).outcome is Outcome.UNKNOWN
    early = await shop.klarna.capture(reference, PART, "c-1", final=False)
    assert (early.outcome, early.code) == (Outcome.REFUSED, "not_allowed")
    given_up = await shop.klarna.abort(reference, "a-1")
    assert (given_up.outcome, given_up.code) == (Outcome.REFUSED, "not_allowed")
    shop.sandbox.admin("clock", advance=61)
    assert (await shop.klarna.fetch(reference)).state is PaymentState.AUTHORIZED
    assert (await shop.klarna.capture(reference, PART, "c-1", final=False)).outcome is Outcome.DONE


@pytest.mark.parametrize("outcome", ["REJECTED", "STOPPED"])
async def test_a_risk_is_looked_at_then_refused(shop: Shop, outcome: str) -> None:
    reference = await shop.paid("customer+pending@email.no")
    order_id = shop.order(reference)["order_id"]
    shop.sandbox.admin(f"orders/{order_id}/fraud", outcome=outcome)
    payment = await shop.klarna.fetch(reference)
    assert (payment.state, payment.declined) == (PaymentState.FAILED, "declined")
    query = OperationQuery(OperationKind.AUTHORIZE, reference, "op", WHOLE)
    result = await shop.klarna.fetch_operation(query)
    assert (result.outcome, result.code) == (Outcome.REFUSED, "declined")


async def test_an_order_that_is_being_made_is_not_given_up(shop: Shop) -> None:
    """The session is complete and the page does not name the order yet. The payment is neither open
    nor failed."""
    page = {"status": "DISABLED", "session_id": "p"}
    session = {"status": "complete", "order_amount": 30000, "purchase_currency": "NOK"}

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(200, json=page if "/hpp/" in request.url.path else session)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        klarna = shop.provider.connect("https://klarna.example", http)
        assert (await klarna.fetch("p.s")).state is PaymentState.PENDING
        result = await klarna.abort("p.s", "a-1")
    assert (result.outcome, result.code) == (Outcome.REFUSED, "not_allowed")


async def test_an_approval_that_no_order_was_made_of_is_given_back(shop: Shop) -> None:
    page = {"status": "DISABLED", "session_id": "p"}
    session = {
        "status": "incomplete",
        "order_amount": 30000,
        "purchase_currency": "NOK",
        "authorization_token": "t-1",
    }
    answers = [httpx.Response(503), httpx.Response(204)]
    deleted: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method != "DELETE":
            return httpx.Response(200, json=page if "/hpp/" in request.url.path else session)
        deleted.append(request.url.path)
        return answers.pop(0) if "authorizations" in request.url.path else httpx.Response(204)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        klarna = shop.provider.connect("https://klarna.example", http)
        assert (await klarna.abort("p.s", "a-1")).outcome is Outcome.UNKNOWN
        result = await klarna.abort("p.s", "a-2")
    assert result.outcome is Outcome.DONE
    assert deleted == ["/hpp/v1/sessions/p", "/payments/v1/authorizations/t-1"] * 2
    assert "t-1" not in json.dumps(dict(result.raw))


# --- capture, refund, void -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_before"])
async def test_a_final_capture_owes_the_release_until_it_is_made(shop: Shop, kind: str) -> None:
    reference = await shop.paid()
    shop.sandbox.fault("release", kind)
    result = await shop.klarna.capture(reference, PART, "c-1", final=True)
    assert result.outcome is Outcome.UNKNOWN
    query = OperationQuery(OperationKind.CAPTURE, reference, "c-1", PART, 0, sent_at=now())
    assert (await shop.klarna.fetch_operation(query)).outcome is Outcome.DONE
    payment = await shop.klarna.fetch(reference)
    assert (payment.state, payment.captured, payment.capturable) == (
        PaymentState.CAPTURED,
        20000,
        0,
    )
    assert len(shop.order(reference)["captures"]) == 1


async def test_a_forgotten_key_moves_nothing_twice(shop: Shop) -> None:
    reference = await shop.paid()
    assert (await shop.klarna.capture(reference, PART, "c-1", final=False)).outcome is Outcome.DONE
    assert (await shop.klarna.refund(reference, PART, "r-1")).outcome is Outcome.DONE
    shop.sandbox.admin("clock", advance=25 * 3600)
    small = Money(5000, "NOK")
    assert (await shop.klarna.capture(reference, small, "c-2", final=False)).outcome is Outcome.DONE
    assert (await shop.klarna.capture(reference, PART, "c-1", final=False)).outcome is Outcome.DONE
    assert (await shop.klarna.refund(reference, PART, "r-1")).outcome is Outcome.DONE
    payment = await shop.klarna.fetch(reference)
    assert (payment.captured, payment.refunded) == (25000, 20000)


async def test_somebody_elses_capture_is_not_taken_for_ours(shop: Shop) -> None:
    reference = await shop.paid()
    path = f"/ordermanagement/v1/orders/{shop.order(reference)['order_id']}/captures"
    body = {"captured_amount": 20000, "reference": "made by hand"}
    assert shop.call("POST", path, body).status_code == 201
    query = OperationQuery(OperationKind.CAPTURE, reference, "c-1", PART, 0)
    assert (await shop.klarna.fetch_operation(query)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "code", "outcome", "ours"),
    [
        (401, "UNAUTHORIZED", Outcome.REFUSED, "configuration"),
        (403, "FORBIDDEN", Outcome.REFUSED, "configuration"),
        (403, "CAPTURE_NOT_ALLOWED", Outcome.REFUSED, "not_allowed"),
        (404, "NO_SUCH_ORDER", Outcome.REFUSED, "invalid"),
        (429, "TOO_MANY_REQUESTS", Outcome.REFUSED, "unreachable"),
        (409, "CONFLICT", Outcome.UNKNOWN, None),
        (503, "UNAVAILABLE", Outcome.UNKNOWN, None),
    ],
)
async def test_refusals(
    shop: Shop, status: int, code: str, outcome: Outcome, ours: str | None
) -> None:
    reference = await shop.paid()
    shop.sandbox.fault("capture", "refuse", status=status, code=code)
    result = await shop.klarna.capture(reference, PART, "c-1", final=False)
    assert (result.outcome, result.code) == (outcome, ours)
    assert (await shop.klarna.fetch(reference)).captured == 0


# --- notifications -------------------------------------------------------------------------------


async def test_a_decision_on_a_risk_names_our_transaction(shop: Shop) -> None:
    request = shop.provider.request()
    result = await shop.klarna.create_payment(request)
    assert result.reference is not None
    shop.provider._confirm(str(result.redirect_url), "customer+pending@email.no")
    shop.sandbox.admin("clock", advance=61)
    (one,) = shop.provider.listener.wait_for(1, b"FRAUD_RISK_ACCEPTED")
    told = shop.klarna.parse_notification(one.headers, one.body)
    assert (told.reference, told.transaction_id) == (None, request.transaction_id)
    assert (told.event_type, len(told.event_id)) == ("FRAUD_RISK_ACCEPTED", 64)


async def test_a_token_is_good_for_one_transaction_and_one_merchant(shop: Shop) -> None:
    await shop.paid()
    one = shop.provider.listener.wait_for(1, b"COMPLETED")[0]
    shop.klarna.parse_notification(one.headers, one.body)
    path = one.headers[":path"]
    other = path.replace("transaction_id=T12345678.", "transaction_id=T12345678.x")
    assert other != path
    with pytest.raises(NotificationRefused):
        shop.klarna.parse_notification({":path": other}, one.body)
    http = shop.provider.http
    stranger = Klarna(shop.sandbox.base_url, shop.auth[0], "another password", Tools(http, now))
    with pytest.raises(NotificationRefused):
        stranger.parse_notification(one.headers, one.body)
