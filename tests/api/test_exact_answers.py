"""Answers have the form that shops read. The tests cover the bank card, the last visit, request
headers, event names, defaults, the signature's secret, request ids and the list of errors."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from backend.accounts.clients import create_client
from backend.core import logs
from backend.payments.tables import Transaction
from backend.rules import countries
from backend.sessions import device_handoff, exact, payer
from backend.sessions.details import all_countries
from backend.sessions.tables import CheckoutSession, SessionEvent
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, DETAILS, Merchant, session_body

HEADERS = {
    "dintero-system-name": "woocommerce", "dintero-system-version": "9.1",
    "dintero-system-plugin-name": "Dintero.Checkout.WooCommerce",
    "dintero-system-plugin-version": "2026.1", "user-agent": "WordPress/6",
}  # fmt: skip


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Collect the lines of the log."""
    handler = logs._Handler()
    stream = io.StringIO()
    handler.setStream(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


async def test_the_bank_card(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    paid = await merchant.paid(card_gateway)
    card = (await merchant.transaction(paid))["card"]
    assert card == {
        "brand": "Visa",
        "masked_pan": "************0002",
        "expiry_date": card["expiry_date"],
        "type": "Debit",
        "country": "NOR",
    }
    assert [t["id"] for t in await merchant.get("/v1/transactions?card_brand=Visa")] == [paid]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"brand": "visa", "masked_pan": "**** **** **** 0416", "expiry_date": "12/2030",
          "type": "debit", "country": "SE"},
         {"brand": "Visa", "masked_pan": "************0416", "expiry_date": "12/2030",
          "type": "Debit", "country": "SWE"}),
        ({"brand": "mastercard", "masked_pan": "**** **** **** 1", "expiry_date": "",
          "type": "prepaid", "country": "GB"},
         {"brand": "Mastercard", "masked_pan": "***************1", "type": "Prepaid",
          "country": "GBR"}),
        ({"brand": "Forbrugsforeningen", "masked_pan": "", "expiry_date": "", "type": "unknown",
          "country": None}, {"brand": "Forbrugsforeningen"}),
        ({"brand": "", "masked_pan": "", "type": None, "country": ""}, {}),
    ],
)  # fmt: skip
def test_the_bank_card_as_each_provider_tells_it(
    told: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert exact.card(told) == shown


def test_every_country_has_one_code_of_three_letters() -> None:
    codes = {two: countries.three_letters(two) for two in all_countries()}
    now = {
        "CD": "COD",
        "DE": "DEU",
        "FR": "FRA",
        "MM": "MMR",
        "TL": "TLS",
        "YE": "YEM",
        "NO": "NOR",
        "RO": "ROU",
        "RS": "SRB",
    }
    assert {code: codes[code] for code in now} == now
    assert len(set(codes.values())) == len(codes) > 240


async def test_the_last_visit_counts(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    """`customer_ip` and `user_agent` come from the last visit, and there is one event. A visit
    changes neither the session's version nor the time of its last change."""
    session_id = await merchant.ready()
    await payer.visit(merchant.ctx, session_id, "203.0.113.7", "A phone")
    before = await merchant.get(f"/v1/sessions/{session_id}")
    version = (await merchant.view(session_id)).version
    await payer.visit(merchant.ctx, session_id, "198.51.100.2", "A computer")
    await payer.visit(merchant.ctx, session_id)
    after = await merchant.get(f"/v1/sessions/{session_id}")
    assert (after["customer_ip"], after["user_agent"]) == ("198.51.100.2", "A computer")
    assert (after["updated_at"], (await merchant.view(session_id)).version) == (
        before["updated_at"],
        version,
    )
    assert [event["name"] for event in after["events"]].count("VISITED") == 1
    result = await merchant.press_pay(session_id)
    await merchant.come_back(card_gateway.pay(str(result.url)).headers["location"])
    paid = (await merchant.get(f"/v1/sessions/{session_id}"))["transaction_id"]
    shown = await merchant.transaction(paid)
    assert (shown["customer_ip"], shown["user_agent"]) == ("198.51.100.2", "A computer")


async def test_operations_answer_with_the_headers(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """Sessions include it by default, as documented. A transaction includes it only on request."""
    merchant.api.headers.update(HEADERS)
    paid, other = await merchant.paid(card_gateway), await merchant.paid(card_gateway)
    path = f"/v1/transactions/{paid}"
    answers = [
        await merchant.post(f"{path}/capture", {"amount": 40000}),
        await merchant.post(f"{path}/refund", {"amount": 100}),
        await merchant.post(f"/v1/transactions/{other}/void"),
    ]
    for answer in answers:
        assert answer["initiating_system_request_headers"] == HEADERS
        assert answer["events"][-1]["request_headers"] == HEADERS
    read = await merchant.get(path)
    assert "initiating_system_request_headers" not in read
    assert not any("request_headers" in event for event in read["events"])


async def test_our_own_events_go_by_names_that_clients_expect(merchant: Merchant) -> None:
    session_id = await merchant.ready()
    link = await device_handoff.make_link(merchant.ctx, session_id, "nb")
    await device_handoff.open_link(merchant.ctx, link.url.rsplit("/", 1)[-1].partition("?")[0])
    await device_handoff.arrived(merchant.ctx, session_id)
    async with merchant.ctx.db.unit_of_work() as db:
        session = await db.get(CheckoutSession, session_id)
        assert session is not None
        # A receipt's arrival is recorded in this form, and rows of earlier releases have it too.
        db.add(
            SessionEvent(
                id="receipt",
                session_id=session_id,
                seq=99,
                name="RECEIPT_SENT",
                request_id="r",
                details={"channel": "email", "transaction_id": None},
                created_at=session.created_at,
            )
        )
    *_, phone, receipt = (await merchant.get(f"/v1/sessions/{session_id}"))["events"]
    assert (phone["name"], phone["own_name"]) == ("VISITED", "CONTINUED_ON_PHONE")
    assert (receipt["name"], receipt["own_name"]) == ("PUSH_NOTIFICATION_SENT", "RECEIPT_SENT")
    assert receipt["details"] == {"channel": "email"}


async def test_documented_defaults(merchant: Merchant) -> None:
    shown = await merchant.get(f"/v1/sessions/{await merchant.session(express={})}")
    assert shown["order"]["partial_payment"] is False
    assert shown["order"]["items"][0]["eligible_for_discount"] is False
    assert shown["express"] == {
        "shipping_mode": "shipping_required",
        "customer_types": ["b2c", "b2b"],
        "default_different_billing_shipping_address": [],
    }
    configuration = shown["configuration"]
    assert configuration["dintero_psp"]["creditcard"]["generate_payment_token"] is False
    assert {
        name: configuration[name]
        for name in (
            "channel",
            "auto_capture",
            "allow_express_wallet_payment",
            "allow_different_billing_shipping_address",
        )
    } == {
        "channel": "ecommerce",
        "auto_capture": False,
        "allow_express_wallet_payment": False,
        "allow_different_billing_shipping_address": [],
    }
    # Without the object the request does not make an Express session, and we invent no object.
    assert "express" not in await merchant.get(f"/v1/sessions/{await merchant.session()}")


async def test_what_earlier_rows_hold_is_written_exactly_too(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """An earlier release stored nulls and floats."""
    session_id = await merchant.session(metadata={"amount": 12.5})
    paid = await merchant.paid(card_gateway)
    async with merchant.ctx.db.unit_of_work() as db:
        session = await db.get(CheckoutSession, session_id)
        transaction = await db.get(Transaction, paid)
        assert session is not None and transaction is not None
        order = {**session.body["order"], "vat_amount": 980.0000000000001, "store": None}
        order["discount_lines"] = [{"amount": 1000.0, "line_id": 1, "percentage": None}]
        session.body = {**session.body, "order": order, "express": None, "checkboxes": None}
        url = {"redirect_url": "https://shop.example/x", "callback_url": None}
        transaction.snapshot = {**transaction.snapshot, "url": url, "billing_address": None}
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    assert (shown["order"]["vat_amount"], type(shown["order"]["vat_amount"])) == (980, int)
    assert shown["order"]["discount_lines"] == [{"amount": 1000, "line_id": 1}]
    assert {"express", "checkboxes"}.isdisjoint(shown) and "store" not in shown["order"]
    assert shown["metadata"]["amount"] == 12.5
    read = await merchant.transaction(paid)
    assert read["url"] == {"redirect_url": "https://shop.example/x"}
    assert "billing_address" not in read


async def test_what_a_change_did_not_have_is_absent(merchant: Merchant) -> None:
    session_id = await merchant.session()
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    changed = (await merchant.api.put(path, json={"order": {"vat_amount": 7000}})).json()
    details = changed["events"][-1]["details"]
    assert {"previous_express", "updated_express"}.isdisjoint(details)
    assert details["updated_order"]["vat_amount"] == 7000


async def test_the_signature(merchant: Merchant) -> None:
    """Shops read `signature` with its type and secret. Every client that may read or write gets
    it."""
    made = (await merchant.api.post("/v1/admin/signature")).json()
    assert made["signature"] == {"type": "v0-hmac-sha256", "secret": made["secret"]}
    assert set(made) == {"id", "signature", "secret", "created_at", "created_by"}
    for scope, method, status in (
        ("read:checkout", "GET", 200),
        ("write:checkout", "POST", 200),
        ("read:checkout", "POST", 403),
        ("write:checkout", "GET", 403),
        ("read:wallets", "GET", 403),
    ):
        client = await create_client(merchant.ctx, ACCOUNT, frozenset({scope}))
        answer = await merchant.api.post(
            f"/v1/accounts/{ACCOUNT}/auth/token",
            auth=(client.client_id, client.client_secret),
            json={
                "grant_type": "client_credentials",
                "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
            },
        )
        bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
        got = await merchant.api.request(method, "/v1/admin/signature", headers=bearer)
        assert got.status_code == status, (scope, method)


async def test_a_request_has_one_id_everywhere(
    merchant: Merchant, card_gateway: CardGatewaySandbox, written: io.StringIO
) -> None:
    """The id appears in the answer, in the recorded event and in each line of the log."""
    made = await merchant.api.post("/v1/sessions-profile", json=session_body())
    session_id = made.json()["id"]
    view = f"/v1/view/{session_id}/session"
    locked = await merchant.api.post(f"{view}/lock")
    changed = await merchant.api.put(f"/v1/sessions/{session_id}", json={"order": {}})
    by_name = {
        event["name"]: event["request_id"]
        for event in (await merchant.get(f"/v1/sessions/{session_id}"))["events"]
    }
    assert by_name["INITIATED"] == made.headers["request-id"]
    assert by_name["PAY_LOCK_START"] == locked.headers["request-id"]
    assert by_name["UPDATE_SESSION"] == changed.headers["request-id"]
    paid = await merchant.paid(card_gateway)
    captured = await merchant.api.post(f"/v1/transactions/{paid}/capture", json={"amount": 40000})
    [*_, event] = captured.json()["events"]
    assert (event["event"], event["request_id"]) == ("CAPTURE", captured.headers["request-id"])
    card = await merchant.card(expires_at="2098-01-01T00:00:00Z")
    path = f"/v1/accounts/{ACCOUNT}/wallets/cards/{card['card_id']}"
    extended = await merchant.api.post(f"{path}/extend", json={"expires_at": "2099-01-01"})
    [noted] = (await merchant.get(f"{path}/events"))["events"]
    assert noted["request_id"] == extended.headers["request-id"]
    with logs.one_request() as number:
        logging.getLogger("backend.sessions").warning("something about it")
    assert f" WARNING backend.sessions [{number}]: something about it\n" in written.getvalue()
    logging.getLogger("backend.sessions").warning("nobody asked")
    assert " WARNING backend.sessions: nobody asked\n" in written.getvalue()


async def test_a_crash_is_logged_under_the_id_that_was_answered(
    merchant: Merchant, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await merchant.session()
    async with merchant.ctx.db.unit_of_work() as db:
        session = await db.get(CheckoutSession, session_id)
        assert session is not None
        session.body = {"broken": True}
    answer = await merchant.api.get(f"/v1/sessions/{session_id}")
    assert answer.status_code == 500
    [error] = answer.json()["error"]["errors"]
    assert error["message"] == error["description"] == "something went wrong on our side"
    assert f"[{answer.headers['request-id']}]" in written.getvalue()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404), ("DELETE", "/v1/sessions", 405),
        ("GET", f"/v1/sessions/{ACCOUNT}.x", 404), ("POST", "/v1/sessions-profile", 400),
        ("GET", "/v1/accounts/T99999999/wallets/cards", 403), ("GET", "/v1/admin/signature", 404),
        ("GET", "/docs/nothing", 404), ("GET", "/openapi.json/x", 404),
    ],
)  # fmt: skip
async def test_an_error_always_lists_what_is_wrong(
    merchant: Merchant, method: str, path: str, status: int
) -> None:
    answer = await merchant.api.request(method, path)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["errors"]
    for one in error["errors"]:
        assert one["description"] == one["message"] != ""
        assert {"field", "code"} <= one.keys()
    assert len(answer.headers["request-id"]) == 36


async def test_read_only_names_are_not_believed(merchant: Merchant) -> None:
    """A shop that returns a session as it read it does not make it paid."""
    read = {
        "transaction_id": f"{ACCOUNT}.paid",
        "cancelled_at": "2026-01-01T00:00:00Z",
        "cancelled_by": "x",
        "pay_lock": {"pay_lock_id": "x"},
        "customer_ip": "1.2.3.4",
        "user_agent": "x",
        "events": [{"name": "AUTHORIZED"}],
        "payment_operation": "x",
        "created_at": "x",
        "updated_at": "x",
        "id": "x",
        "operations": [],
        "warnings": ["x"],
        "remainder": {"x": 1},
        "publish": [{"status": "sent"}],
        "initiating_system_request_headers": {"x": "y"},
    }
    body = session_body() | read
    body["order"]["gift_cards"] = [{"type": "dintero.wallets", "card_id": "x", "amount": 1}]
    body["configuration"]["merchant"] = {"id": "x"}
    path = "/v1/sessions-profile?include_session=true"
    shown = (await merchant.post(path, body))["session"]
    assert shown["id"] != "x" and shown["payment_operation"] == "unscheduled_purchase"
    assert [event["name"] for event in shown["events"]] == ["INITIATED"]
    assert {
        "transaction_id",
        "cancelled_at",
        "cancelled_by",
        "pay_lock",
        "customer_ip",
        "user_agent",
        "operations",
        "warnings",
        "remainder",
        "publish",
        "initiating_system_request_headers",
    }.isdisjoint(shown)
    assert (shown["order"]["gift_cards"], shown["configuration"]["merchant"]["id"]) == ([], ACCOUNT)
    await payer.set_details(merchant.ctx, shown["id"], DETAILS)
    assert (await merchant.view(shown["id"])).state == "open"
