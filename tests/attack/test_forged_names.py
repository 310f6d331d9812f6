"""A request claims in our name that its session is paid, cancelled, visited or locked.

We keep unknown fields and return them. A value under a name of ours would therefore appear in an
answer as if we had written it. The names are all those that our answers write.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profile_admin import serialize_profile
from backend.accounts.profiles import get_profile
from backend.outbox.tables import Delivery
from backend.sessions import own_names, payer
from backend.sessions.tables import CheckoutSession
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, DETAILS, Merchant, session_body

FORGED = "forged"
TOP = sorted(own_names.NAMES)
METADATA = sorted(own_names.OwnMetadata.__annotations__)
ISSUED = (
    "transaction_id", "cancelled_at", "cancelled_by", "customer_ip", "pay_lock", "pay_lock_id",
    "created_at", "updated_at", "events", "user_agent", "id", "operations",
)  # fmt: skip


def forged(value: str = FORGED) -> dict[str, Any]:
    """Return a request with every field that only we may write, in each form that it may have."""
    forms: list[Any] = [value, [{"name": value}], {"pay_lock_id": value}]
    body = session_body()
    body["order"]["gift_cards"] = [
        {"type": "dintero.wallets", "card_id": value, "amount": 1, "masked_card_token": value}
    ]
    body["configuration"]["merchant"] = {"id": value, "name": value, "logo_url": value}
    body["configuration"]["instabank"] = {"invoice": {"payability": value}, "payability": value}
    body["configuration"]["vipps"] = {"payability": value}
    body["metadata"] = dict.fromkeys(METADATA, value) | {"ext:mine": "kept"}
    return body | {name: forms[i % 3] for i, name in enumerate(TOP)} | {"mine": "kept"}


async def everything_said(merchant: Merchant, session_id: str) -> str:
    """Return everything that the merchant, the payer and the callbacks are told about the
    session."""
    answers = [
        await merchant.get(f"/v1/sessions/{session_id}"),
        await merchant.get(
            f"/v1/sessions/{session_id}?includes=events.request_headers"
            "&includes=initiating_system_request_headers"
        ),
        await merchant.get("/v1/sessions"),
        await merchant.get(f"/v1/view/{session_id}/session"),
        await merchant.get("/v1/transactions"),
    ]
    async with merchant.ctx.db.reading() as db:
        told = list(await db.exec(select(Delivery).where(Delivery.account_id == ACCOUNT)))
        row = await db.get(CheckoutSession, session_id)
    assert row is not None
    return json.dumps([*answers, [(one.url, one.body) for one in told], row.body])


async def test_the_names_are_known() -> None:
    assert set(ISSUED) <= set(TOP)
    assert "expires_at" not in TOP


@pytest.mark.parametrize("path", ["/v1/sessions-profile", "/v1/sessions"])
async def test_what_a_request_says_in_our_name_is_dropped(
    merchant: Merchant, card_gateway: CardGatewaySandbox, path: str
) -> None:
    body = forged()
    body["url"]["callback_url"] += "&method=POST&includes=session&report_event=CAPTURE"
    made = await merchant.post(f"{path}?include_session=true", body)
    session_id = made["id"]
    assert FORGED not in json.dumps(made)
    assert made["session"]["mine"] == "kept"
    assert made["session"]["metadata"]["ext:mine"] == "kept"
    absent = {
        "transaction_id",
        "cancelled_at",
        "cancelled_by",
        "customer_ip",
        "user_agent",
        "pay_lock",
        "pay_lock_id",
        "operations",
        "publish",
    }
    assert absent.isdisjoint(made["session"])
    page = await merchant.view(session_id)
    assert (page.state, page.transaction_id, page.locked) == ("open", None, False)
    assert FORGED not in await everything_said(merchant, session_id)

    await payer.set_details(merchant.ctx, session_id, DETAILS)
    result = await merchant.press_pay(session_id)
    await merchant.come_back(card_gateway.pay(str(result.url)).headers["location"])
    shown = await merchant.get(f"/v1/sessions/{session_id}")
    paid = shown["transaction_id"]
    await merchant.post(f"/v1/transactions/{paid}/capture", {"amount": 40000})
    assert (await merchant.transaction(paid))["metadata"]["ext:mine"] == "kept"
    assert FORGED not in await everything_said(merchant, session_id)
    await merchant.audit()


async def test_a_change_says_nothing_in_our_name(merchant: Merchant) -> None:
    session_id = await merchant.session()
    body = forged()
    change = {name: body[name] for name in TOP} | {"metadata": body["metadata"]}
    change["order"] = {**body["order"], "is_changed": True}
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answer = await merchant.api.put(path, json=change)
    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["is_changed"] is True
    assert FORGED not in answer.text
    assert FORGED not in await everything_said(merchant, session_id)


async def test_what_an_older_request_said_is_not_shown(merchant: Merchant) -> None:
    """An earlier release wrote this row and did not drop our names."""
    session_id = await merchant.session()
    async with merchant.ctx.db.unit_of_work() as db:
        row = await db.get(CheckoutSession, session_id)
        assert row is not None
        row.body = {**row.body, **dict.fromkeys(TOP, FORGED), "mine": "kept"}
    for answer in (
        await merchant.get(f"/v1/sessions/{session_id}"),
        await merchant.get(f"/v1/view/{session_id}/session"),
        await merchant.get("/v1/sessions"),
    ):
        assert FORGED not in json.dumps(answer)


async def test_every_name_that_an_answer_adds_is_ours(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The answers come from sessions that were visited, locked, paid and cancelled. A new field in
    an answer has to be among the names that we drop from requests."""
    body = session_body(customer={"customer_id": "c-1"})
    asked = {*body, "expires_at"}
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    await payer.visit(merchant.ctx, session_id, "203.0.113.7", "A browser")
    await merchant.post(f"/v1/view/{session_id}/session/lock")
    locked = await merchant.get(f"/v1/view/{session_id}/session")
    path = f"/v1/sessions/{session_id}"
    await merchant.api.put(path, json={"order": {}})
    await payer.set_details(merchant.ctx, session_id, DETAILS)
    result = await merchant.press_pay(session_id)
    await merchant.come_back(card_gateway.pay(str(result.url)).headers["location"])
    paid = await merchant.get(f"{path}?includes=initiating_system_request_headers")
    cancelled = await merchant.post(f"{path}/cancel")
    added = {*locked, *paid, *cancelled} - asked - {"metadata"}
    assert added <= set(TOP)
    # The test has met all names except those that appear only in other answers.
    assert set(TOP) - added == {
        "session",
        "publish",
        "pay_lock_id",
        "warnings",
        "remainder",
    }


async def test_a_card_says_nothing_in_our_name(merchant: Merchant) -> None:
    path = f"/v1/accounts/{ACCOUNT}/wallets/cards"
    plain = await merchant.post(
        path,
        {
            "card_id": "plain",
            "amount": 100,
            "currency": "NOK",
            "customer_id": "c",
            "pin": {"format": {"length": 4}},
        },
    )
    said = {"card_id", "amount", "currency", "customer_id", "pin", "card_token", "metadata", "type"}
    names = {*plain} - said | {"expires_at", "active_from", "name", "originated_by"}
    known = {"expires_at", "active_from", "name", "originated_by"}
    extra = dict.fromkeys(names - known, FORGED) | {"mine": "kept"}
    one = await merchant.post(path, {"card_id": "one", "amount": 1, "currency": "NOK", **extra})
    # A card of a batch has fewer fields, so these names are unknown there.
    batch = {"card_id": "two", **extra, "pin": {"value": FORGED}, "card_token": FORGED, "amount": 9}
    [two] = (await merchant.post(f"{path}/batch", {"cards": [batch]}))["cards"]
    for made in (one, two, await merchant.get(f"{path}/one"), await merchant.get(f"{path}/two")):
        assert FORGED not in json.dumps(made)
        assert made["mine"] == "kept"
    listed = await merchant.get(path)
    assert FORGED not in json.dumps(listed)
    assert {card["card_id"]: card["amount"] for card in listed["cards"]} == {
        "plain": 100,
        "one": 1,
        "two": 0,
    }


async def test_a_profile_says_nothing_in_our_name(merchant: Merchant) -> None:
    async with merchant.ctx.db.reading() as db:
        stored = await get_profile(db, ACCOUNT, "default")
    names = set(serialize_profile(merchant.ctx, stored))
    known = {
        "profile_id",
        "description",
        "configuration",
        "express",
        "merchant",
        "checkboxes",
        "allowed_frame_origins",
        "connections",
    }
    body = dict.fromkeys(names - known, FORGED) | {"configuration": {}, "mine": "kept"}
    made = await merchant.post("/v1/admin/session/profiles", body)
    assert FORGED not in json.dumps(made)
    assert made["mine"] == "kept"
