"""Callbacks: `docs/reference/dintero-api.md#callback`, `#callback-signature`."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from backend.accounts.clients import create_client
from backend.outbox.deliver import deliver_due
from backend.outbox.request import gap
from backend.outbox.sign import callback_signature
from backend.payments.attempts.resolve import abandon
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, sign_in
from tests.support.hooks import (
    ALL,
    DELIVERIES,
    HOOKS,
    callback_to,
    deliver,
    events_of,
    until_quiet,
)
from tests.support.receiver import Receiver


async def test_a_callback_is_a_get_with_the_documented_query(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, "?own=1&method=GET"))
    assert await deliver(told) == 1
    (got,) = shop.got
    assert (got.method, got.body) == ("GET", b"")
    session_id = (await told.transaction(transaction_id))["session_id"]
    time = got.query.pop("time")
    assert datetime.fromisoformat(time).tzinfo is not None
    assert got.query | {"time": ""} == {
        "own": "1",
        "method": "GET",
        "transaction_id": transaction_id,
        "session_id": session_id,
        "merchant_reference": "order-1",
        "time": "",
    }
    assert got.headers["host"] == shop.host
    assert "dintero-signature" not in got.headers  # no secret was made
    assert (await events_of(told, session_id))[-1] == "AUTH_CALLBACK_SENT"
    assert await deliver(told) == 0


async def test_every_steering_parameter(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    query = (
        "?method=POST&sid_parameter_name=sid&includes=session&delay_callback=120"
        "&report_event=CAPTURE&report_event=REFUND"
    )
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, query))
    # A delay is capped at 60 s.
    assert await deliver(told) == 0
    told.clock.ahead = timedelta(seconds=50)
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
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    transaction_id = await told.paid(card_gateway, url=callback_to(shop, "?report_event=REFUND"))
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
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    await told.get("/v1/admin/signature", expect=404)
    made = await told.post("/v1/admin/signature")
    assert (await told.get("/v1/admin/signature")) == made
    shop.replies = [500, 503]
    await told.paid(card_gateway, url=callback_to(shop, "?b=2&a=%C3%A6%20%2B"))
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
    few = await create_client(told.ctx, ACCOUNT, frozenset({"read:wallets", "write:wallets"}))
    told.client_id, told.client_secret = few.client_id, few.client_secret
    told.api.headers["authorization"] = f"Bearer {await sign_in(told)}"
    await told.get("/v1/admin/signature", expect=403)
    await told.post("/v1/admin/signature", expect=403)


async def test_a_callback_is_tried_twenty_times_after_growing_gaps(
    told: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
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
    # The delivery never comes earlier. It comes later by the time that this machine needed.
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
    assert all(got.target.startswith("/cb") for got in shop.got)  # we follow no redirect


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
    told.ctx.settings.callback_timeout = 0.5
    session_id = await told.ready(1000, await told.card(1000), url=callback_to(shop))
    await told.press_pay(session_id)
    await deliver(told)
    shop.slow_seconds = 0
    told.ctx.settings.callback_timeout = 30
    await until_quiet(told)
    (one,) = (await told.get(f"{DELIVERIES}?subject={session_id}"))["deliveries"]
    whole = await told.get(f"{DELIVERIES}/{one['id']}")
    assert whole["tries"][0]["error"] == "no answer within 0.5 s"
    assert (whole["state"], len(whole["tries"])) == ("delivered", 2)


async def test_private_addresses_are_not_sent_to(
    merchant: Merchant, card_gateway: CardGatewaySandbox, shop: Receiver
) -> None:
    await merchant.paid(card_gateway, url=callback_to(shop))
    merchant.ctx.settings.allow_insecure_addresses = False
    await deliver_due(merchant.ctx)
    (one,) = (await merchant.get(DELIVERIES))["deliveries"]
    whole = await merchant.get(f"{DELIVERIES}/{one['id']}")
    assert (whole["state"], [t["error"] for t in whole["tries"]]) == (
        "failed",
        ["the address must be https"],
    )
    assert shop.got == []
    for url in (f"{shop.url}/hook", "https://a:b@shop.example/", "https://[x/", "ftp://x.example"):
        body = {"config": {"url": url}, "events": ALL}
        await merchant.post(HOOKS, body, expect=400)
