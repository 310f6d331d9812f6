"""Payers return with `remember_me`, the code by SMS and the cookie: `docs/returning.md`."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from backend.customers.returning import cookie_name, purge_expired
from backend.customers.sms_verification import SLOWEST
from backend.customers.tables import ConfirmationCode, ReturningCustomer
from backend.outbox.deliver import deliver_due
from backend.sessions.publish import note_delivered
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    ACCOUNT,
    BASE_URL,
    OPTION,
    Merchant,
    close_merchant,
    open_merchant,
)
from tests.support.receiver import Receiver

PHONE, OTHER = "+4799887766", "+4791234567"
COOKIE = cookie_name(ACCOUNT)


@pytest.fixture
def gateway() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
async def shop(
    database_url: str, card_gateway: CardGatewaySandbox, gateway: Receiver
) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(
        database_url,
        card_gateway.base_url,
        f"sk_test_{uuid.uuid4().hex}",
        sms_url=f"{gateway.url}/messages",
        scc_sends_per_source=100,
        scc_tries_per_source=100,
    )
    yield merchant
    await close_merchant(merchant)


class Browser:
    """A payer's browser with its own cookie jar."""

    def __init__(self, shop: Merchant, gateway: Receiver) -> None:
        self.shop, self.gateway = shop, gateway
        transport = shop.api._transport
        self.http = httpx.AsyncClient(transport=transport, base_url=f"{BASE_URL}/v1")

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def pay(self, session_id: str, expect: int = 200, **more: Any) -> Any:
        body = {"payment_product_type": OPTION, **more}
        return await self.call("POST", f"/sessions/{session_id}/pay", body, expect)

    async def ask(self, session_id: str, expect: int = 200, **body: Any) -> Any:
        path = f"/view/{session_id}/session/publish/scc"
        return await self.call("POST", path, body or None, expect)

    async def use(self, session_id: str, code: str, expect: int = 200) -> Any:
        return await self.call("POST", f"/view/{session_id}/session/scc", {"scc": code}, expect)

    async def code(self) -> str:
        """Send the last message and return its code."""
        await deliver_due(self.shop.ctx, delivered=note_delivered)
        (code,) = re.findall(r"\b\d{6}\b", self.gateway.got[-1].json["text"])
        return str(code)

    async def bought(self, **more: Any) -> str:
        """Pay an order in which the payer asks to be remembered."""
        session_id = await self.shop.ready(40000)
        await self.pay(session_id, remember_me=True, **more)
        return session_id


@pytest.fixture
async def browser(shop: Merchant, gateway: Receiver) -> AsyncIterator[Browser]:
    browser = Browser(shop, gateway)
    yield browser
    await browser.http.aclose()


@pytest.fixture
async def stranger(shop: Merchant, gateway: Receiver) -> AsyncIterator[Browser]:
    browser = Browser(shop, gateway)
    yield browser
    await browser.http.aclose()


async def known(shop: Merchant) -> list[ReturningCustomer]:
    async with shop.ctx.db.reading() as db:
        return list(await db.exec(select(ReturningCustomer)))


async def test_nobody_is_remembered_who_did_not_ask(shop: Merchant, browser: Browser) -> None:
    for more in ({}, {"remember_me": False}, {"remember_me": None}):
        session_id = await shop.ready(40000)
        await browser.pay(session_id, **more)
    await browser.pay(await shop.ready(40000), expect=400, remember_me="yes")
    assert await known(shop) == []
    assert COOKIE not in browser.http.cookies


async def test_remembered_and_filled_in(shop: Merchant, browser: Browser) -> None:
    await browser.bought()
    (kept,) = await known(shop)
    assert (kept.account_id, kept.confirmed) == (ACCOUNT, False)
    for secret in ("kari@example.com", PHONE, "Storgata"):
        assert secret not in f"{kept.sealed} {kept.phone_hash}"
    session_id = await shop.session(40000)
    assert await browser.ask(session_id) == {"sent": True}
    code = await browser.code()
    message = browser.gateway.got[-1].json
    assert (message["to"], "http" in message["text"]) == (PHONE, False)
    shown = await browser.use(session_id, f" {code[:3]} {code[3:]} ")
    assert shown["customer"] == {"email": "kari@example.com", "phone_number": PHONE}
    assert shown["order"]["shipping_address"]["address_line"] == "Storgata 1"
    assert shown["order"]["gift_cards"] == []
    assert (await shop.view(session_id)).details_done
    events = [e["name"] for e in (await shop.get(f"/v1/sessions/{session_id}"))["events"]]
    assert events == ["INITIATED", "SECRET_CONFIRMATION_CODE_SENT", "SET_SHIPPING_ADDRESS"]
    (kept,) = await known(shop)
    assert kept.confirmed
    # A code works once.
    await browser.use(session_id, code, 400)


async def test_the_cookie(shop: Merchant, browser: Browser) -> None:
    session_id = await shop.ready(40000)
    body = {"payment_product_type": OPTION, "remember_me": True}
    answer = await browser.http.post(f"/sessions/{session_id}/pay", json=body)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == COOKIE
    assert re.fullmatch(r"[\w.-]+; Path=/; Max-Age=315\d{5}; HttpOnly; SameSite=Lax", rest)
    shop.ctx.settings.base_url = "https://checkout.example"
    answer = await browser.http.post(f"/view/{session_id}/session/remember")
    assert answer.json() == {"remembered": True}
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Secure; SameSite=None; Partitioned")
    for told in ("kari", "99887766", "Storgata"):
        assert told not in answer.headers["set-cookie"]


async def test_a_cookie_that_was_changed_is_ignored(
    shop: Merchant, browser: Browser, stranger: Browser
) -> None:
    shop.ctx.settings.remember_lifetime = 600
    await browser.bought()
    right = browser.http.cookies[COOKIE]
    session_id = await shop.session(40000)
    wrong = [
        right[:-1] + ("0" if right[-1] != "0" else "1"),
        right.replace(ACCOUNT, "T87654321"),
        "x",
        "..",
        "a.b.c.d",
        right.rpartition(".")[0],
        shop.ctx.vault.sign("a.b.9999999999"),
    ]
    for value in wrong:
        stranger.http.cookies.set(COOKIE, value)
        answer = await stranger.ask(session_id, 400)
        assert answer["error"]["errors"][0]["code"] == "no_number"
    # An expired cookie or the cookie of a forgotten payer does not work either.
    await browser.ask(session_id)
    shop.clock.ahead += timedelta(seconds=601)
    await browser.ask(session_id, 400)
    assert await purge_expired(shop.ctx) == 1
    assert await known(shop) == []


async def test_known_and_unknown_numbers_look_the_same(
    shop: Merchant, browser: Browser, stranger: Browser
) -> None:
    session_id = await browser.bought()
    session_id = await shop.session(40000)
    await browser.ask(session_id)
    await browser.use(session_id, await browser.code())
    answers = []
    for number in (PHONE, OTHER):
        session_id = await shop.session(40000)
        before = await stranger.call("GET", f"/view/{session_id}/session")
        started = time.monotonic()
        first = await stranger.ask(session_id, phone_number=number)
        took = time.monotonic() - started
        again = await stranger.ask(session_id, 202, phone_number=number)
        assert took >= SLOWEST
        await deliver_due(shop.ctx, delivered=note_delivered)
        wrong = await stranger.use(session_id, "000000", 400)
        assert await stranger.call("GET", f"/view/{session_id}/session") == before
        answers.append((first, again, wrong))
    assert answers[0] == answers[1]
    assert {one.json["to"] for one in browser.gateway.got} == {PHONE}
    async with shop.ctx.db.reading() as db:
        codes = list(await db.exec(select(ConfirmationCode)))
    assert len(codes) == 3


async def test_nobody_leaves_details_for_a_number_that_is_not_theirs(
    shop: Merchant, browser: Browser, stranger: Browser
) -> None:
    """A stranger pays with Kari's number and the stranger's own address, before and after her."""
    await stranger.bought()
    session_id = await shop.session(40000, customer={"phone_number": PHONE})
    await browser.ask(session_id)
    await deliver_due(shop.ctx, delivered=note_delivered)
    assert browser.gateway.got == []
    await browser.bought()
    session_id = await shop.session(40000)
    await browser.ask(session_id)
    await browser.use(session_id, await browser.code())
    (hers,) = [one for one in await known(shop) if one.confirmed]
    await stranger.bought()
    (still,) = [one for one in await known(shop) if one.confirmed]
    assert (still.id, still.sealed) == (hers.id, hers.sealed)
    # She succeeds from any browser in which she has given the code.
    elsewhere = await shop.session(40000)
    await stranger.ask(elsewhere, phone_number=PHONE)
    await stranger.use(elsewhere, await browser.code())
    await stranger.pay(elsewhere, remember_me=True)
    (changed,) = [one for one in await known(shop) if one.confirmed]
    assert changed.session_id == elsewhere


async def test_codes_are_short_lived_and_tries_are_few(shop: Merchant, browser: Browser) -> None:
    await browser.bought()
    session_id = await shop.session(40000)
    await browser.use(session_id, "123456", 400)
    await browser.ask(session_id)
    code = await browser.code()
    shop.clock.ahead += timedelta(seconds=601)
    await browser.use(session_id, code, 400)
    await browser.ask(session_id, 202)
    other, code = code, await browser.code()
    for _ in range(3):
        await browser.use(session_id, "000000" if code != "000000" else other, 400)
    # The budget is spent, so the right code does not help any more.
    answer = await browser.use(session_id, code, 400)
    assert answer["error"]["code"] == "CODE_REFUSED"
    await browser.ask(session_id, 202)
    answer = await browser.ask(session_id, 429)
    assert answer["error"]["errors"][0]["code"] == "too_many"


async def test_sends_are_counted_by_phone_number(shop: Merchant, browser: Browser) -> None:
    await browser.bought()
    for place in range(6):
        session_id = await shop.session(40000)
        await browser.ask(session_id, 200 if place < 5 else 429, phone_number=OTHER)


async def test_where_no_code_is_sent(shop: Merchant, browser: Browser) -> None:
    session_id = await shop.session(40000)
    answer = await browser.ask(session_id, 400)
    assert answer["error"]["code"] == "CODE_NOT_SENT"
    for number in ("12", "x", "+4712345"):
        await browser.ask(session_id, 400, phone_number=number)
    await browser.ask("T12345678.none", 404)
    await browser.use("T12345678.none", "123456", 404)
    paid = await browser.bought()
    await browser.ask(paid, 409)
    shop.ctx.settings.sms_url = None
    answer = await browser.ask(session_id, 400, phone_number=PHONE)
    assert answer["error"]["errors"][0]["code"] == "not_offered"


async def test_forgotten(shop: Merchant, browser: Browser) -> None:
    await browser.bought()
    session_id = await shop.session(40000)
    await browser.call("DELETE", f"/view/{session_id}/session/remember")
    assert await known(shop) == []
    assert COOKIE not in browser.http.cookies
    await browser.bought()
    await browser.pay(await shop.ready(40000), remember_me=False)
    assert await known(shop) == []
    assert COOKIE not in browser.http.cookies
