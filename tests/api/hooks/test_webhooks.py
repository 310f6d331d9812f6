"""Webhooks: `docs/reference/dintero-api.md#webhooks`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from backend.accounts.clients import create_client
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, sign_in
from tests.support.hooks import (
    ALL,
    DELIVERIES,
    HOOKS,
    callback_to,
    checked,
    deliver,
    subscribe,
    until_quiet,
)
from tests.support.receiver import Receiver


async def test_a_new_subscription_is_pinged(told: Merchant, shop: Receiver) -> None:
    hook = await subscribe(told, shop, ALL)
    assert hook["config"] == {
        "url": f"{shop.url}/hook",
        "content_type": "application/json",
        "insecure_ssl": 0,
        "secret": {"type": "HMAC-SHA1"},
    }
    assert (hook["events"], hook["active"]) == (ALL, True)
    await deliver(told)
    (got,) = shop.got
    assert (got.method, got.target, checked(got)["event"]) == ("POST", "/hook", "ping")
    assert await told.get(HOOKS) == [hook]
    assert await told.get(f"{HOOKS}/{hook['id']}") == hook
    assert await told.post(f"{HOOKS}/{hook['id']}/ping") == hook
    await deliver(told)
    assert shop.got[1].json["event"] == "ping"
    assert shop.got[1].headers["event-delivery"] != got.headers["event-delivery"]


async def test_a_payment_as_webhooks_tell_it(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    await subscribe(told, shop, ALL)
    await deliver(told)
    shop.got.clear()
    card = await told.card(10000)
    transaction_id = await told.paid(
        card_gateway, 40000, card, url=callback_to(shop, "?method=POST")
    )
    path = f"/v1/transactions/{transaction_id}"
    await told.post(f"{path}/capture", {"amount": 40000})
    await told.post(f"{path}/refund", {"amount": 12000})
    await until_quiet(told)
    callbacks = [got for got in shop.got if got.target.startswith("/cb")]
    told_of = [checked(got) for got in shop.got if got.target == "/hook"]
    statuses = sorted(
        b["transaction"]["status"] for b in told_of if b["event"] == "checkout_transaction"
    )
    assert statuses == ["AUTHORIZED", "CAPTURED", "INITIATED", "PARTIALLY_REFUNDED"]
    one = next(b for b in told_of if b["event"] == "checkout_transaction")["transaction"]
    assert set(one) == {
        "id",
        "session_id",
        "merchant_reference",
        "created_at",
        "updated_at",
        "status",
    }
    assert one["id"] == transaction_id
    # The payload is the same as the callback's.
    (authorized,) = [b for b in told_of if b["event"] == "checkout_authorization"]
    for key in ("account_id", "event", "event_delivery"):
        del authorized[key]
    assert authorized == callbacks[0].json
    wallet = [b["transaction"] for b in told_of if b.get("event") == "wallet_transaction"]
    assert {t["card_id"] for t in wallet} == {card["card_id"]}
    assert sorted((t["type"], t["amount"]) for t in wallet) == [
        ("drawdown", 10000),
        ("fund", 10000),
        ("fund", 10000),
        ("pending_capture", 10000),
    ]
    listed = await told.get(f"/v1/accounts/{ACCOUNT}/wallets/cards/{card['card_id']}/transactions")
    assert sorted(t["id"] for t in wallet) == sorted(t["id"] for t in listed["transactions"])


async def test_nothing_is_told_of_what_did_not_happen(told: Merchant, shop: Receiver) -> None:
    """The row is written together with its cause or not at all."""
    await subscribe(told, shop, ["wallet_transaction"])
    card = await told.card(100)
    await until_quiet(told)
    shop.got.clear()
    body = {"ref_id": "x", "amount": 200, "currency": "NOK", "card_id": card["card_id"]}
    path = f"/v1/accounts/{ACCOUNT}/wallets/transactions"
    await told.post(path, body, expect=400)
    for _ in range(3):
        await told.post(path, body | {"amount": 100})
    await until_quiet(told)
    assert [got.json["transaction"]["ref_id"] for got in shop.got] == ["x"]


async def test_only_subscribers_are_told_and_only_what_they_want(
    told: Merchant, shop: Receiver
) -> None:
    first = await subscribe(told, shop, ["checkout_transaction"], secret=None)
    await subscribe(told, shop, ["wallet_transaction"])
    await until_quiet(told)
    # The two pings arrive in any order.
    assert sorted("event-signature" in got.headers for got in shop.got) == [False, True]
    shop.got.clear()
    await told.card(100)
    await until_quiet(told)
    assert [got.json["event"] for got in shop.got] == ["wallet_transaction"]
    gone = await told.api.delete(f"{HOOKS}/{first['id']}")
    assert (gone.status_code, gone.json()["active"]) == (200, False)
    await told.get(f"{HOOKS}/{first['id']}", expect=404)
    assert (await told.api.delete(f"{HOOKS}/{first['id']}")).status_code == 404
    assert len(await told.get(HOOKS)) == 1


async def test_a_subscription_is_changed(told: Merchant, shop: Receiver) -> None:
    hook = await subscribe(told, shop, ["checkout_transaction"])
    await deliver(told)
    path = f"{HOOKS}/{hook['id']}"
    config = hook["config"] | {"url": f"{shop.url}/other"}
    changed = (await told.api.put(path, json={"config": config, "events": ALL})).json()
    assert (changed["events"], changed["config"]) == (ALL, config)
    await told.post(f"{path}/ping")
    await deliver(told)
    assert shop.got[-1].target == "/other"
    checked(shop.got[-1])  # the secret stayed
    for secret in ("new", {"type": "HMAC-SHA1", "secret": "new"}):
        await told.api.put(path, json={"config": config | {"secret": secret}, "events": ALL})
        await told.post(f"{path}/ping")
        await deliver(told)
        checked(shop.got[-1], "new")
    await told.api.put(path, json={"config": config | {"secret": None}, "events": ALL})
    await told.post(f"{path}/ping")
    await deliver(told)
    assert "event-signature" not in shop.got[-1].headers


@pytest.mark.parametrize(
    "body",
    [
        {}, {"config": {}, "events": ALL}, {"config": {"url": "x"}, "events": ALL},
        {"config": {"url": "https://x.example"}, "events": []},
        {"config": {"url": "https://x.example"}, "events": ["Not A Name"]},
        {"config": {"url": "https://x.example", "content_type": "form"}, "events": ALL},
        {"config": {"url": "https://x.example", "insecure_ssl": 1}, "events": ALL},
    ],
)  # fmt: skip
async def test_subscriptions_that_are_not_made(told: Merchant, body: dict[str, Any]) -> None:
    answer = await told.post(HOOKS, body, expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"


async def test_a_hook_is_tried_five_times_whatever_it_says(told: Merchant, shop: Receiver) -> None:
    shop.replies = [404, 301, 500, None, 410, 200]
    hook = await subscribe(told, shop, ALL)
    assert await until_quiet(told) == 5
    (one,) = (await told.get(f"{DELIVERIES}?subscription_id={hook['id']}"))["deliveries"]
    assert (one["state"], one["event"], one["tries_count"]) == ("failed", "ping", 5)
    assert len({got.headers["event-delivery"] for got in shop.got}) == 1
    await told.post(f"{DELIVERIES}/{one['id']}/redeliver")
    await until_quiet(told)
    assert (await told.get(f"{DELIVERIES}/{one['id']}"))["state"] == "delivered"


async def test_a_hook_that_keeps_failing_is_deleted(told: Merchant, shop: Receiver) -> None:
    hook = await subscribe(told, shop, ["checkout_transaction"])
    path = f"{HOOKS}/{hook['id']}"
    await until_quiet(told)
    shop.replies += [500] * 5 * 9
    for _ in range(9):
        await told.post(f"{path}/ping")
        await until_quiet(told)
    # One delivery arrives, and the count starts again.
    await told.post(f"{path}/ping")
    await until_quiet(told)
    shop.replies = [500] * 1000
    for _ in range(9):
        await told.post(f"{path}/ping")
        await until_quiet(told)
    assert (await told.get(path))["active"] is True
    await told.post(f"{path}/ping")
    await until_quiet(told)
    await told.get(path, expect=404)
    (last, *_) = (await told.get(f"{DELIVERIES}?subscription_id={hook['id']}"))["deliveries"]
    refused = await told.post(f"{DELIVERIES}/{last['id']}/redeliver", expect=409)
    assert refused["error"]["code"] == "CONFLICT"


async def test_who_may_see_and_subscribe_to_what(told: Merchant, shop: Receiver) -> None:
    await subscribe(told, shop, ALL)
    await told.card(100)
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    seller = await create_client(told.ctx, ACCOUNT, frozenset({"write:checkout", "read:checkout"}))
    told.client_id, told.client_secret = seller.client_id, seller.client_secret
    told.api.headers["authorization"] = f"Bearer {await sign_in(told)}"
    config = {"url": "https://shop.example/hook"}
    await told.post(HOOKS, {"config": config, "events": ALL}, expect=403)
    await told.post(HOOKS, {"config": config, "events": ["checkout_transaction"]})
    seen = (await told.get(f"{DELIVERIES}?limit=100"))["deliveries"]
    assert {one.get("event") for one in seen} == {
        "ping",
        "AUTHORIZE",
        "checkout_transaction",
        "checkout_authorization",
    }
    await told.get("/v1/accounts/T87654321/hooks/deliveries", expect=403)
    issuer = await create_client(told.ctx, ACCOUNT, frozenset({"admin:wallets"}))
    told.client_id, told.client_secret = issuer.client_id, issuer.client_secret
    told.api.headers["authorization"] = f"Bearer {await sign_in(told)}"
    await told.get(f"{DELIVERIES}/{seen[0]['id']}", expect=404)
    await told.post(f"{DELIVERIES}/{seen[0]['id']}/redeliver", expect=404)
    reader = await create_client(told.ctx, ACCOUNT, frozenset({"read:checkout"}))
    told.client_id, told.client_secret = reader.client_id, reader.client_secret
    told.api.headers["authorization"] = f"Bearer {await sign_in(told)}"
    await told.get(f"{DELIVERIES}/{seen[0]['id']}")
    await told.post(f"{DELIVERIES}/{seen[0]['id']}/redeliver", expect=403)


async def test_no_secret_of_ours_is_in_any_row(told: Merchant, shop: Receiver) -> None:
    await subscribe(told, shop, ALL, secret="a very own secret")
    made = await told.post("/v1/admin/signature")
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    await until_quiet(told)
    async with told.ctx.db.reading() as db:
        for table in ("delivery", "delivery_try", "hook_subscription", "signing_secret"):
            rows = (await db.exec(text(f"SELECT * FROM {table}"))).all()  # type: ignore[call-overload]  # noqa: S608
            shown = json.dumps([[str(value) for value in row] for row in rows])
            assert "a very own secret" not in shown
            assert made["secret"] not in shown
