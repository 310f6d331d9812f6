"""What merchants are told, on real sockets: callbacks, webhooks, signatures, tries, redelivery.

Source: `reference/dintero-api.md#6-redirect-callbacks-signatures`, `#46-webhooks`.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.accounts.clients import create_client
from backend.outbox.deliver import deliver_due
from backend.outbox.request import gap
from backend.outbox.sign import callback_signature
from backend.payments.attempts import abandon
from backend.sessions.publish import note_delivered
from tests.support.card_gateway import Acquirer
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant, sign_in
from tests.support.receiver import Got, Receiver

HOOKS = f"/v1/accounts/{ACCOUNT}/hooks/subscriptions"
DELIVERIES = f"/v1/accounts/{ACCOUNT}/hooks/deliveries"
ALL = ["wallet_transaction", "checkout_transaction", "checkout_authorization"]


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
async def told(database_url: str, acquirer: Acquirer) -> AsyncIterator[Merchant]:
    """A merchant whose server may be on this machine."""
    merchant = await open_merchant(
        database_url, acquirer.base_url, f"sk_test_{uuid.uuid4().hex}",
        allow_insecure_callbacks=True, callback_timeout=1.5, webhook_timeout=1.5,
    )  # fmt: skip
    yield merchant
    await close_merchant(merchant)


def callback_to(shop: Receiver, query: str = "") -> dict[str, str]:
    return {"return_url": "https://shop.example/back", "callback_url": f"{shop.url}/cb{query}"}


async def deliver(merchant: Merchant) -> int:
    return await deliver_due(merchant.ctx, delivered=note_delivered)


async def until_quiet(merchant: Merchant, most: int = 60) -> int:
    """Let the clock run to each next try until nothing is pending; how many were sent."""
    sent = 0
    for _ in range(most):
        sent += await deliver(merchant)
        page = await merchant.get(f"{DELIVERIES}?state=pending&limit=100")
        if not page["deliveries"]:
            return sent
        due = min(one["next_try_at"] for one in page["deliveries"])
        left = datetime.fromisoformat(due) - merchant.clock.now()
        if left > timedelta():
            merchant.clock.ahead += left + timedelta(milliseconds=5)
        merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    raise AssertionError("still pending")


async def events_of(merchant: Merchant, session_id: str) -> list[str]:
    session = await merchant.get(f"/v1/sessions/{session_id}")
    return [event["name"] for event in session["events"]]


# --- callbacks -----------------------------------------------------------------------------------


async def test_a_callback_is_a_get_with_the_documented_query(
    told: Merchant, acquirer: Acquirer, shop: Receiver
) -> None:
    transaction_id = await told.paid(acquirer, url=callback_to(shop, "?own=1&method=GET"))
    assert await deliver(told) == 1
    (got,) = shop.got
    assert (got.method, got.body) == ("GET", b"")
    session_id = (await told.transaction(transaction_id))["session_id"]
    time = got.query.pop("time")
    assert datetime.fromisoformat(time).tzinfo is not None
    assert got.query | {"time": ""} == {
        "own": "1", "method": "GET", "transaction_id": transaction_id, "session_id": session_id,
        "merchant_reference": "order-1", "time": "",
    }  # fmt: skip
    assert got.headers["host"] == shop.host
    assert "dintero-signature" not in got.headers  # no secret was made
    assert (await events_of(told, session_id))[-1] == "AUTH_CALLBACK_SENT"
    assert await deliver(told) == 0


async def test_every_steering_parameter(told: Merchant, acquirer: Acquirer, shop: Receiver) -> None:
    query = (
        "?method=POST&sid_parameter_name=sid&includes=session&delay_callback=120"
        "&report_event=CAPTURE&report_event=REFUND"
    )
    transaction_id = await told.paid(acquirer, url=callback_to(shop, query))
    # A delay is capped at 60 s.
    assert await deliver(told) == 0
    told.clock.ahead = timedelta(seconds=59)
    assert await deliver(told) == 0
    told.clock.ahead = timedelta(seconds=61)
    assert await deliver(told) == 1
    got = shop.got[0]
    shape = await told.transaction(transaction_id)
    assert (got.method, got.query["sid"]) == ("POST", shape["session_id"])
    assert "session_id" not in got.query and "event" not in got.query
    body = got.json
    session = body.pop("session")
    assert (session["id"], session["transaction_id"]) == (shape["session_id"], transaction_id)
    assert session["order"]["amount"] == 40000
    assert body == shape
    path = f"/v1/transactions/{transaction_id}"
    await told.post(f"{path}/capture", {"amount": 15000})
    await told.post(f"{path}/refund", {"amount": 5000})
    told.clock.ahead = timedelta(seconds=200)
    await deliver(told)
    assert [one.query.get("event") for one in shop.got] == [None, "CAPTURE", "REFUND"]
    last = (await told.transaction(transaction_id))["events"][-1]
    assert shop.got[-1].query["event_id"] == last["id"]
    assert shop.got[-1].json["status"] == shop.got[-1].json["events"][-1]["transaction_status"]


async def test_only_what_is_asked_for_is_told(
    told: Merchant, acquirer: Acquirer, shop: Receiver
) -> None:
    transaction_id = await told.paid(acquirer, url=callback_to(shop, "?report_event=REFUND"))
    await told.post(f"/v1/transactions/{transaction_id}/void")
    quiet = await told.ready(url=callback_to(shop))
    await abandon(told.ctx, quiet)
    loud = await told.ready(url=callback_to(shop, "?report_error=true&method=POST"))
    await abandon(told.ctx, loud)
    await deliver(told)
    assert [got.query.get("error") for got in shop.got] == [None, "cancelled"]
    assert shop.got[1].query["session_id"] == loud
    assert "transaction_id" not in shop.got[1].query


async def test_callbacks_are_signed_anew_at_every_try(
    told: Merchant, acquirer: Acquirer, shop: Receiver
) -> None:
    await told.get("/v1/admin/signature", expect=404)
    made = await told.post("/v1/admin/signature")
    assert (await told.get("/v1/admin/signature")) == made
    shop.replies = [500, 503]
    await told.paid(acquirer, url=callback_to(shop, "?b=2&a=%C3%A6%20%2B"))
    await deliver(told)
    told.clock.ahead = timedelta(seconds=10)
    await deliver(told)
    other = await told.post("/v1/admin/signature")
    assert other["secret"] != made["secret"]
    told.clock.ahead = timedelta(seconds=60)
    await deliver(told)
    moments = []
    for got, secret in zip(shop.got, [made["secret"]] * 2 + [other["secret"]], strict=True):
        signed = got.headers["dintero-signature"]
        moment = int(signed.split(",")[0].removeprefix("t="))
        moments.append(moment)
        url = f"{shop.url}{got.target}"
        assert signed == callback_signature(secret, ACCOUNT, "GET", url, moment)
    assert moments[0] < moments[1] < moments[2]


async def test_a_secret_is_encrypted_at_rest(told: Merchant) -> None:
    made = await told.post("/v1/admin/signature")
    async with told.ctx.db.reading() as db:
        rows = (await db.exec(text("SELECT * FROM signing_secret"))).all()  # type: ignore[call-overload]
    assert len(rows) == 1
    assert made["secret"] not in str(rows)
    few = await create_client(told.ctx, ACCOUNT, frozenset({"read:checkout", "write:checkout"}))
    told.client_id, told.client_secret = few.client_id, few.client_secret
    told.api.headers["authorization"] = f"Bearer {await sign_in(told)}"
    await told.get("/v1/admin/signature", expect=403)
    await told.post("/v1/admin/signature", expect=403)


async def test_a_callback_is_tried_twenty_times_after_growing_gaps(
    told: Merchant, acquirer: Acquirer, shop: Receiver
) -> None:
    shop.replies = [500] * 30
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    assert await until_quiet(told) == 20
    (one,) = (await told.get(f"{DELIVERIES}?subject={session_id}"))["deliveries"]
    whole = await told.get(f"{DELIVERIES}/{one['id']}")
    assert (whole["state"], whole["tries_count"], len(whole["tries"])) == ("failed", 20, 20)
    began = [datetime.fromisoformat(t["started_at"]) for t in whole["tries"]]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(began)]
    wanted = [gap("callback", n).total_seconds() for n in range(1, 20)]
    # Never earlier; later by what this machine took in between.
    assert all(want <= took < want + 60 for took, want in zip(gaps, wanted, strict=True)), gaps
    assert "AUTH_CALLBACK_SENT" not in await events_of(told, session_id)


@pytest.mark.parametrize(
    ("reply", "tries"), [(400, 1), (404, 1), (302, 1), (500, 3), (503, 3), (None, 3)]
)
async def test_what_is_tried_again(
    told: Merchant, shop: Receiver, reply: int | None, tries: int
) -> None:
    shop.replies = [reply] * 2
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    await until_quiet(told)
    assert len(shop.got) == tries
    assert all(got.target.startswith("/cb") for got in shop.got)  # no redirect is followed


async def test_each_try_keeps_what_was_sent_and_what_came_back(
    told: Merchant, shop: Receiver
) -> None:
    await told.post("/v1/admin/signature")
    content = "æ".encode() * 3000 + b"\x00"
    shop.replies = [(500, content), None, (200, b"thanks\x00")]
    session_id = await told.ready(
        1000, await told.card(1000), url=callback_to(shop, "?method=POST")
    )
    await told.press_pay(session_id)
    await until_quiet(told)
    (one,) = (await told.get(f"{DELIVERIES}?subject={session_id}"))["deliveries"]
    assert "tries" not in one and "body" not in one["request"]
    whole = await told.get(f"{DELIVERIES}/{one['id']}")
    assert (whole["kind"], whole["event"], whole["state"]) == ("callback", "AUTHORIZE", "delivered")
    assert whole["request"]["body"] == shop.got[-1].json
    first, second, third = whole["tries"]
    assert first["response"] == {"status": 500, "body": "æ" * 1024}
    assert "response" not in second and "RemoteProtocolError" in second["error"]
    assert third["response"] == {"status": 200, "body": "thanks�"}
    for one, got in zip(whole["tries"], shop.got, strict=True):
        assert (one["request"]["method"], one["request"]["url"]) == ("POST", shop.url + got.target)
        sent = one["request"]["headers"]
        assert sent["dintero-signature"] == got.headers["dintero-signature"]
        assert "authorization" not in sent
    async with told.ctx.db.unit_of_work() as db:
        with pytest.raises(Exception, match="append only"):
            await db.exec(text("UPDATE delivery_try SET status_code = 200"))  # type: ignore[call-overload]
        await db.rollback()


async def test_a_server_that_lets_us_wait(told: Merchant, shop: Receiver) -> None:
    shop.slow_seconds = 2.5
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    await deliver(told)
    shop.slow_seconds = 0
    await until_quiet(told)
    (one,) = (await told.get(f"{DELIVERIES}?subject={session_id}"))["deliveries"]
    whole = await told.get(f"{DELIVERIES}/{one['id']}")
    assert whole["tries"][0]["error"] == "no answer within 1.5 s"
    assert (whole["state"], len(whole["tries"])) == ("delivered", 2)


async def test_private_addresses_are_not_sent_to(
    merchant: Merchant, acquirer: Acquirer, shop: Receiver
) -> None:
    """`merchant` has not allowed them."""
    await merchant.paid(acquirer, url=callback_to(shop))
    await deliver_due(merchant.ctx)
    (one,) = (await merchant.get(DELIVERIES))["deliveries"]
    whole = await merchant.get(f"{DELIVERIES}/{one['id']}")
    assert (whole["state"], [t["error"] for t in whole["tries"]]) == (
        "failed", ["only https is sent to"],
    )  # fmt: skip
    assert shop.got == []
    for url in (f"{shop.url}/hook", "https://a:b@shop.example/", "https://[x/", "ftp://x.example"):
        body = {"config": {"url": url}, "events": ALL}
        await merchant.post(HOOKS, body, expect=400)


# --- redelivery ---------------------------------------------------------------------------------


async def test_redeliver(told: Merchant, shop: Receiver) -> None:
    shop.replies = [404]
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    await until_quiet(told)
    (one,) = (await told.get(f"{DELIVERIES}?state=failed"))["deliveries"]
    again = await told.post(f"{DELIVERIES}/{one['id']}/redeliver")
    assert (again["id"], again["state"]) == (one["id"], "pending")
    await deliver(told)
    assert [got.query["transaction_id"] for got in shop.got] == [one["subject"]] * 2
    assert (await events_of(told, session_id)).count("AUTH_CALLBACK_SENT") == 1
    # A delivered one too, with all its tries anew.
    await told.post(f"{DELIVERIES}/{one['id']}/redeliver")
    shop.replies = [500] * 19
    await until_quiet(told)
    whole = await told.get(f"{DELIVERIES}/{one['id']}")
    assert (whole["state"], whole["tries_count"]) == ("delivered", 22)
    assert (await events_of(told, session_id)).count("AUTH_CALLBACK_SENT") == 1
    await told.post(f"{DELIVERIES}/nothing/redeliver", expect=404)


async def test_deliveries_page_and_filter(told: Merchant, shop: Receiver) -> None:
    sessions = []
    for _ in range(3):
        sessions.append(await told.ready(1000, await told.card(1000), url=callback_to(shop)))
        await told.press_pay(sessions[-1])
    seen, cursor = [], ""
    for _ in range(2):
        page = await told.get(f"{DELIVERIES}?limit=2{cursor}")
        seen += [one["session_id"] for one in page["deliveries"]]
        cursor = f"&starting_after={page.get('starting_after')}"
    assert seen == sessions[::-1]
    assert "starting_after" not in page
    assert (await told.get(f"{DELIVERIES}?kind=webhook"))["deliveries"] == []
    for wrong in ("state=lost", "kind=sms", "limit=0", "starting_after=x"):
        await told.get(f"{DELIVERIES}?{wrong}", expect=400)


# --- webhooks ------------------------------------------------------------------------------------


async def subscribe(
    merchant: Merchant, shop: Receiver, events: list[str], secret: str | None = "s3cret"
) -> dict[str, Any]:
    config = {"url": f"{shop.url}/hook", "content_type": "application/json", "secret": secret}
    hook: dict[str, Any] = await merchant.post(HOOKS, {"config": config, "events": events})
    return hook


def checked(got: Got, secret: str = "s3cret") -> dict[str, Any]:
    """The payload, after headers and signature were found right."""
    body: dict[str, Any] = got.json
    assert got.headers["event"] == body["event"]
    assert got.headers["event-delivery"] == body["event_delivery"]
    assert uuid.UUID(body["event_delivery"])
    assert body["account_id"] == ACCOUNT
    assert got.headers["content-type"] == "application/json"
    digest = hmac.new(secret.encode(), got.body, hashlib.sha1).hexdigest()
    assert got.headers["event-signature"] == digest
    return body


async def test_a_new_subscription_is_pinged(told: Merchant, shop: Receiver) -> None:
    hook = await subscribe(told, shop, ALL)
    assert hook["config"] == {
        "url": f"{shop.url}/hook", "content_type": "application/json", "insecure_ssl": 0,
        "secret": {"type": "HMAC-SHA1"},
    }  # fmt: skip
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
    told: Merchant, acquirer: Acquirer, shop: Receiver
) -> None:
    await subscribe(told, shop, ALL)
    await deliver(told)
    shop.got.clear()
    card = await told.card(10000)
    transaction_id = await told.paid(acquirer, 40000, card, url=callback_to(shop, "?method=POST"))
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
        "id", "session_id", "merchant_reference", "merchant_reference_2", "created_at",
        "updated_at", "status",
    }  # fmt: skip
    assert one["id"] == transaction_id
    # The same payload as the callback's.
    (authorized,) = [b for b in told_of if b["event"] == "checkout_authorization"]
    for key in ("account_id", "event", "event_delivery"):
        del authorized[key]
    assert authorized == callbacks[0].json
    wallet = [b["transaction"] for b in told_of if b.get("event") == "wallet_transaction"]
    assert {t["card_id"] for t in wallet} == {card["card_id"]}
    assert sorted((t["type"], t["amount"]) for t in wallet) == [
        ("drawdown", 10000), ("fund", 10000), ("fund", 10000), ("pending_capture", 10000),
    ]  # fmt: skip
    listed = await told.get(f"/v1/accounts/{ACCOUNT}/wallets/cards/{card['card_id']}/transactions")
    assert sorted(t["id"] for t in wallet) == sorted(t["id"] for t in listed["transactions"])


async def test_nothing_is_told_of_what_did_not_happen(told: Merchant, shop: Receiver) -> None:
    """The row is written with its cause, or not at all."""
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
    assert "event-signature" not in shop.got[0].headers
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
        {"config": {"url": "https://x.example", "secret": ""}, "events": ALL},
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
    shop.replies = [500] * 5 * 9
    for _ in range(9):
        await told.post(f"{path}/ping")
        await until_quiet(told)
    # One that arrives, and the count begins anew.
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
        "ping", "AUTHORIZE", "checkout_transaction", "checkout_authorization",
    }  # fmt: skip
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
