"""The API answers as its description says, over the whole life of sessions, transactions, gift
cards, webhooks and errors. Every answer is checked when it arrives."""

from __future__ import annotations

import copy
from typing import Any

from backend.sessions import payer
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import ACCOUNT, ADDRESS, Merchant, session_body
from tests.support.contract import Recorder, description
from tests.support.every_field import CARD, SESSION

WALLETS = f"/v1/accounts/{ACCOUNT}/wallets"
HOOKS = f"/v1/accounts/{ACCOUNT}/hooks"
EMPTY: dict[str, Any] = {
    "vat_amount": 980.0000000000001,
    "merchant_reference_2": None,
    "discount_lines": [
        {"amount": 1000.0, "percentage": None, "discount_type": "manual", "line_id": "1"},
    ],
}


def everything() -> dict[str, Any]:
    """Return a request with every field, including those that shops leave empty."""
    body = copy.deepcopy(SESSION)
    body["order"] |= EMPTY
    body["order"]["items"][0] |= {"type": None, "vat_amount": 7800.4, "thumbnail_url": ""}
    body["order"]["shipping_option"]["pick_up_address"] |= {"first_name": None, "phone_number": ""}
    body["express"] |= {"shipping_mode": None}
    body["express"]["shipping_options"][0] = body["order"]["shipping_option"]
    body["express"] |= {"shipping_address_callback_url": ""}
    body["url"] |= {"merchant_terms_url": None}
    return body


async def paid_session(merchant: Merchant, card_gateway: CardGatewaySandbox) -> str:
    """Take a session through a visit, a lock, a change, an address, a gift card, one decline and
    the payment."""
    card = await merchant.card(10000)
    made = await merchant.post("/v1/sessions-profile?include_session=true", everything())
    session_id = str(made["id"])
    view = f"/v1/view/{session_id}/session"
    for agent in ("The first browser", "The last browser"):
        await payer.visit(merchant.ctx, session_id, "203.0.113.7", agent)
    await merchant.post(f"{view}/lock")
    changed = {"order": {"merchant_reference_2": "new"}, "express": None}
    answer = await merchant.api.put(f"/v1/sessions/{session_id}", json=changed)
    assert answer.status_code == 200, answer.text
    address = {name: getattr(ADDRESS, name) for name in ADDRESS.__dataclass_fields__} | {
        "email": "kari@example.com",
        "phone_number": "+47 99 88 77 66",
    }
    put = {"shipping_address": address, "billing_address": address}
    for path, body in (
        ("order/addresses", put),
        ("order/shipping_option", {"id": "home", "line_id": "s1"}),
        ("order/gift_card", {"token": card["number"], "pin": card["pin"]}),
    ):
        answer = await merchant.api.put(f"{view}/{path}", json=body)
        assert answer.status_code == 200, answer.text
    ticked = {"checkboxes": [{"id": "terms", "checked": True}]}
    pay = {"payment_product_type": "dintero_psp.creditcard", **ticked}
    page = (await merchant.post(f"/v1/sessions/{session_id}/pay", pay))["redirect_url"]
    card_gateway.pay(page, DECLINED)
    answer = card_gateway.pay(page)
    await merchant.come_back(answer.headers["location"])
    return session_id


async def operate(merchant: Merchant, transaction_id: str) -> None:
    path = f"/v1/transactions/{transaction_id}"
    items = [{"line_id": "1", "amount": 12000, "quantity": None}]
    await merchant.post(
        f"{path}/capture", {"amount": 12000, "items": items, "capture_reference": ""}
    )
    await merchant.post(f"{path}/refund", {"amount": 1000, "reason": "returned"})
    await merchant.post(f"{path}/capture", {"amount": 10**9}, expect=400)
    await merchant.api.put(path, json={"merchant_reference_2": "later"})
    for includes in ("", "?includes=session&includes=events.request_headers&includes=nothing"):
        await merchant.get(f"{path}{includes}")
    await merchant.get("/v1/transactions?limit=5&status=")
    await merchant.get("/v1/transactions?limit=0", expect=400)


async def cards_and_hooks(merchant: Merchant) -> None:
    await merchant.post(f"{WALLETS}/cards", CARD)
    card = f"{WALLETS}/cards/every-field"
    await merchant.post(f"{WALLETS}/cards", CARD, expect=409)
    await merchant.get(card)
    await merchant.get(f"{WALLETS}/cards?limit=2")
    token = {"ref_id": "t", "expires_in": 60, "format": {"length": 12, "numbers": True}}
    await merchant.post(f"{card}/tokens", token)
    await merchant.post(f"{card}/extend", {"expires_at": None, "reason": "kind"})
    await merchant.get(f"{card}/events")
    move = {"ref_id": "m", "amount": 100, "currency": "NOK", "card_id": "every-field"}
    await merchant.post(f"{WALLETS}/transactions", move)
    await merchant.get(f"{card}/transactions")
    hook = {"config": {"url": "http://127.0.0.1:9/hook", "secret": "s"}, "events": ["ping"]}
    made = await merchant.post(f"{HOOKS}/subscriptions", hook)
    await merchant.get(f"{HOOKS}/subscriptions")
    await merchant.get(f"{HOOKS}/subscriptions/{made['id']}")
    await merchant.get(f"{HOOKS}/deliveries")
    await merchant.post("/v1/admin/signature")
    await merchant.get("/v1/admin/signature")


async def test_every_answer_of_a_life_is_as_described(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    recorder = Recorder(merchant.api)
    session_id = await paid_session(merchant, card_gateway)
    session = await merchant.get(
        f"/v1/sessions/{session_id}?includes=events.request_headers"
        "&includes=initiating_system_request_headers"
    )
    await operate(merchant, session["transaction_id"])
    cancelled = await merchant.ready()
    await merchant.post(f"/v1/sessions/{cancelled}/cancel")
    # Less is left than any option accepts. Only this answer has a null.
    small = await merchant.card(39999)
    await merchant.ready(card=small)
    await merchant.get("/v1/sessions?limit=10")
    voided = await merchant.paid(card_gateway)
    await merchant.post(f"/v1/transactions/{voided}/void")
    await cards_and_hooks(merchant)
    for body in ({}, {"order": 5}, session_body(profile_id="unknown")):
        await merchant.post("/v1/sessions-profile", body, expect=400)
    await merchant.get(f"/v1/sessions/{ACCOUNT}.nothing", expect=404)
    await merchant.get(f"/v1/view/{ACCOUNT}.nothing/session", expect=404)
    assert recorder.problems == []
    assert len(recorder.request_ids) == len({*recorder.request_ids}) > 40
    described = {
        (method, path)
        for path, operations in description()["paths"].items()
        for method in operations
        if "/admin/session/profiles" not in path
    }
    met = {(method, path) for method, path, _ in recorder.seen}
    for needed in (
        ("post", "/v1/sessions-profile"),
        ("put", "/v1/sessions/{session_id}"),
        ("post", "/v1/sessions/{session_id}/pay"),
        ("get", "/v1/view/{session_id}/session"),
        ("post", "/v1/transactions/{transaction_id}/capture"),
        ("post", "/v1/transactions/{transaction_id}/refund"),
        ("post", "/v1/transactions/{transaction_id}/void"),
        ("get", "/v1/admin/signature"),
    ):
        assert needed in met
    assert len(met & described) >= 30
    await merchant.audit()


def test_the_description_promises_no_null_but_one() -> None:
    """A null in an answer's model is a decision and not the effect of a default."""
    promised = [
        f"{name}.{field}"
        for name, schema in description()["components"]["schemas"].items()
        if name.endswith("Answer") or name in ("Session", "Transaction", "TransactionEvent", "Card")
        for field, form in schema.get("properties", {}).items()
        if {"type": "null"} in form.get("anyOf", [])
    ]
    assert promised == ["RemainderAnswer.gift_card_amount"]
