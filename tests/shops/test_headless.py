"""A shop of its own make: handlers on a server, by the paths that the documentation recommends.

It asks by `/v1/accounts/{account_id}/payments/…`, repeats a request that was cut off with the same
key, checks the signature of every callback, and believes nothing but what it then reads.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest

from tests.support.checkout import ACCOUNT
from tests.support.plugin import CONTACT, HOME, PROFILE, Plugin, last_event, lines
from tests.support.receiver import Got

PAYMENTS = f"accounts/{ACCOUNT}/payments"
ITEM = {"id": "pledd", "line_id": "1", "description": "Ullpledd", "quantity": 2, "amount": 59980,
        "vat": 25, "vat_amount": 11996.4}  # fmt: skip


def session(server: str, **more: Any) -> dict[str, Any]:
    return {
        "profile_id": PROFILE,
        "url": {
            "return_url": "https://shop.example/takk?ordre=1001",
            "callback_url": f"{server}/api/dintero?method=POST&includes=session"
            "&report_event=CAPTURE&report_event=REFUND&report_event=VOID&report_error=true",
        },
        "order": {
            "amount": 59980,
            "currency": "NOK",
            "merchant_reference": "1001",
            "items": [ITEM],
        },
        "customer": CONTACT,
        **more,
    }


@pytest.fixture
async def handlers(plugin: Plugin) -> Plugin:
    plugin.headers = {"user-agent": "node", "dintero-system-name": "headless"}
    await plugin.signs_in()
    return plugin


def signed(got: Got, secret: str) -> bool:
    """Compute the signature as documented: six parts, one on each line, with a sorted query."""
    parts = dict(part.split("=", 1) for part in got.headers["dintero-signature"].split(","))
    target = urlsplit(got.target)
    pairs = sorted(parse_qsl(target.query, keep_blank_values=True))
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    host = got.headers["host"].partition(":")[0]
    text = "\n".join([parts["t"], ACCOUNT, got.method, host, target.path, query])
    wanted = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts["v0-hmac-sha256"])


async def test_a_whole_life(handlers: Plugin) -> None:
    made = await handlers.asks("POST", "admin/signature", {})
    assert made["signature"]["type"]
    secret = made["signature"]["secret"]

    # The first answer was lost on the way: the same again, by the same key, makes no second one.
    handlers.headers["idempotency-key"] = "order-1001"
    session_id = await handlers.creates(
        session(handlers.server.url), f"{PAYMENTS}/sessions-profile"
    )
    assert (
        await handlers.creates(session(handlers.server.url), f"{PAYMENTS}/sessions-profile")
        == session_id
    )
    del handlers.headers["idempotency-key"]

    path = f"{PAYMENTS}/sessions/{session_id}"
    read = await handlers.asks(
        "GET", f"{path}?includes=events.request_headers&includes=x&unknown=1"
    )
    assert read["order"]["items"][0]["vat_amount"] == 11996
    assert "transaction_id" not in read
    more = {**ITEM, "quantity": 3, "amount": 89970, "vat_amount": 17994}
    order = {"amount": 89970, "currency": "NOK", "items": [more]}
    updated = await handlers.asks("PUT", f"{path}/?update_without_lock=true", {"order": order})
    assert updated["order"]["amount"] == 89970

    back = await handlers.payer_pays(session_id, 89970)
    assert (back["ordre"], back["merchant_reference"]) == ("1001", "1001")
    read = await handlers.asks("GET", path)
    transaction_id = read["transaction_id"]
    assert transaction_id == back["transaction_id"]
    path = f"{PAYMENTS}/transactions/{transaction_id}"
    found = await handlers.asks("GET", f"{path}?includes=session&includes=session")
    assert (found["status"], found["amount"], found["session"]["id"]) == (
        "AUTHORIZED",
        89970,
        session_id,
    )
    listed = await handlers.asks("GET", f"{PAYMENTS}/transactions?session_id={session_id}")
    assert [one["id"] for one in listed] == [transaction_id]

    # One of three went out of stock, and a gift bag came instead.
    bag = {"id": "bag", "line_id": "bag", "description": "Gavepose", "quantity": 1, "amount": 1000}
    two = {**more, "quantity": 2, "amount": 59980}
    body = {"amount": 60980, "capture_reference": "parcel-1", "items": [two, bag]}
    captured = await handlers.asks("POST", f"{path}/capture", body)
    assert captured["status"] == "PARTIALLY_CAPTURED"
    event = last_event(captured, "CAPTURE")
    assert (event["event_reference"], lines(event)) == ("parcel-1", [("1", 59980), ("bag", 1000)])
    refunded = await handlers.asks(
        "POST", f"{path}/refund", {"amount": 10000, "reason": "Flekk", "refund_reference": "r1"}
    )
    assert refunded["status"] == "PARTIALLY_CAPTURED_REFUNDED"
    assert last_event(refunded, "REFUND")["event_reference"] == "r1"

    heard = await handlers.hears()
    assert [got.query.get("event", "") for got in heard] == ["", "CAPTURE", "REFUND"]
    assert all(signed(got, secret) for got in heard)
    assert {got.json["session"]["id"] for got in heard} == {session_id}
    assert heard[-1].json["events"][-1]["event"] == "REFUND"


async def test_an_order_that_is_voided(handlers: Plugin) -> None:
    session_id = await handlers.creates(
        session(handlers.server.url), f"{PAYMENTS}/sessions-profile"
    )
    back = await handlers.payer_pays(session_id, 59980)
    path = f"{PAYMENTS}/transactions/{back['transaction_id']}"
    voided = await handlers.asks("POST", f"{path}/void/")
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    assert await handlers.confirmed_callbacks() == ["", "VOID"]


async def test_a_session_that_is_cancelled(handlers: Plugin) -> None:
    session_id = await handlers.creates(
        session(handlers.server.url), f"{PAYMENTS}/sessions-profile"
    )
    cancelled = await handlers.asks("POST", f"{PAYMENTS}/sessions/{session_id}/cancel")
    assert cancelled["cancelled_at"]
    assert cancelled["cancelled_by"]
    choice = {"payment_product_type": "dintero_psp.creditcard"}
    await handlers.payer_asks("POST", f"sessions/{session_id}/pay", choice, expect=400)


async def test_express_with_a_gift_card(handlers: Plugin) -> None:
    """What the shop reads where a card pays a part, and how a refund gives back to it first."""
    card = await handlers.merchant.card(10000)
    wallets = {"type": "payment_type", "wallets": {"type": "payment_product_type", "enabled": True}}
    body = session(
        handlers.server.url,
        express={"shipping_options": []},
        configuration={"dintero": wallets},
        customer={**CONTACT, "gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}},
    )
    body["express"] = {"shipping_mode": "shipping_not_required"}
    session_id = await handlers.creates(body, f"{PAYMENTS}/sessions-profile")
    await handlers.payer_gives(session_id, shipping_address={**HOME, **CONTACT})
    back = await handlers.payer_pays(session_id, 49980)
    path = f"{PAYMENTS}/transactions/{back['transaction_id']}"
    found = await handlers.asks("GET", path)
    assert (found["amount"], found["gift_cards"][0]["amount"]) == (59980, 10000)
    # The refund has one line, which the session does not have.
    whole = {"amount": 59980, "items": [{"line_id": "all", "amount": 59980}]}
    captured = await handlers.asks("POST", f"{path}/capture", whole)
    assert captured["status"] == "CAPTURED"
    assert last_event(captured, "CAPTURE")["gift_cards"][0]["amount"] == 10000
    refunded = await handlers.asks(
        "POST", f"{path}/refund", {"amount": 12000, "items": [{"line_id": "?", "amount": 1}]}
    )
    assert last_event(refunded, "REFUND")["gift_cards"][0]["amount"] == 10000
    assert await handlers.merchant.balance(card["card_id"]) == (10000, 0, 0)


async def test_another_accounts_path_opens_nothing(handlers: Plugin) -> None:
    session_id = await handlers.creates(
        session(handlers.server.url), f"{PAYMENTS}/sessions-profile"
    )
    for account in ("T00000000", "P12345678"):
        for path in (f"sessions/{session_id}", "transactions"):
            answer = await handlers.merchant.api.get(f"/v1/accounts/{account}/payments/{path}")
            assert answer.status_code in (403, 404), answer.text
            assert session_id not in answer.text


async def test_what_is_refused_says_what_would_be_right(handlers: Plugin) -> None:
    body = session(handlers.server.url)
    body["order"]["currency"] = "KR"
    refused = await handlers.asks("POST", f"{PAYMENTS}/sessions-profile", body, expect=400)
    [error] = refused["error"]["errors"]
    assert error["field"] == "order.currency"
    assert error["description"]
    assert handlers.last is not None
    assert handlers.last.headers["request-id"]
