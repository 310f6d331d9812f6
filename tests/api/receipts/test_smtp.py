"""A receipt goes to a mail server over real sockets, with encryption, refusals and repeats."""

from __future__ import annotations

import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from backend.core.settings import Settings
from backend.outbox.deliver import deliver_due
from backend.sessions import payer
from backend.sessions.publish import note_delivered
from tests.api.receipts.test_receipts import DELIVERIES, wants
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    DETAILS,
    Merchant,
    close_merchant,
    open_merchant,
    session_body,
    sign_in,
)
from tests.support.mail import MailServer, certificate


async def paid(shop: Merchant, email: str = "kari@example.com") -> str:
    """Pay by gift card alone, so that the test needs no provider."""
    session_id = await shop.session(4000, **wants(email=True))
    await payer.set_details(shop.ctx, session_id, replace(DETAILS, email=email))
    card = await shop.card(4000)
    await payer.add_gift_card(shop.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    await shop.press_pay(session_id)
    return session_id


async def deliver(shop: Merchant) -> int:
    return await deliver_due(shop.ctx, delivered=note_delivered)


async def told(shop: Merchant) -> dict[str, Any]:
    """Return the only delivery with its attempts."""
    shop.api.headers["authorization"] = f"Bearer {await sign_in(shop)}"
    (one,) = (await shop.get(f"{DELIVERIES}?kind=email"))["deliveries"]
    found: dict[str, Any] = await shop.get(f"{DELIVERIES}/{one['id']}")
    return found


@asynccontextmanager
async def checkout(
    sqlite_url: str, card_gateway: CardGatewaySandbox, **settings: Any
) -> AsyncIterator[Merchant]:
    defaults = {"smtp_sender": "kvittering@checkout.example"}
    key = f"sk_test_{uuid.uuid4().hex}"
    shop = await open_merchant(sqlite_url, card_gateway.base_url, key, **defaults | settings)
    try:
        yield shop
    finally:
        await close_merchant(shop)


async def test_a_refused_recipient_is_refused_for_good(shop: Merchant, post: MailServer) -> None:
    await paid(shop, "nobody@example.com")
    await deliver(shop)
    one = await told(shop)
    assert (one["state"], one["tries"][0]["response"]["status"]) == ("failed", 550)
    assert "nobody has this address" in one["tries"][0]["response"]["body"]
    shop.clock.ahead = timedelta(hours=1)
    assert await deliver(shop) == 0
    assert post.got == []


async def test_a_busy_server_is_tried_again_up_to_twenty_times(
    shop: Merchant, post: MailServer
) -> None:
    await paid(shop, "busy@example.com")
    for hours in range(0, 120, 5):
        shop.clock.ahead = timedelta(hours=hours)
        await deliver(shop)
    one = await told(shop)
    assert (one["state"], one["tries_count"]) == ("failed", 20)
    assert {tried["response"]["status"] for tried in one["tries"]} == {451}


async def test_a_lost_answer_means_the_same_message_again(shop: Merchant, post: MailServer) -> None:
    """The server accepted the mail and died before its answer. The mail arrives twice under one
    Message-ID."""
    post.dies_after = 1
    await paid(shop)
    await deliver(shop)
    assert (await told(shop))["state"] == "pending"
    shop.clock.ahead = timedelta(seconds=10)
    await deliver(shop)
    assert (await told(shop))["state"] == "delivered"
    assert len(post.got) == 2
    assert len({str(mail.message["Message-ID"]) for mail in post.got}) == 1


async def test_a_server_that_is_away(sqlite_url: str, card_gateway: CardGatewaySandbox) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{nobody.getsockname()[1]}"
        async with checkout(sqlite_url, card_gateway, smtp_url=url, smtp_tls="none") as shop:
            await paid(shop)
            await deliver(shop)
            one = await told(shop)
    assert one["state"] == "pending"
    assert "refused" in one["tries"][0]["error"].lower()


async def test_a_server_that_says_nothing(
    sqlite_url: str, card_gateway: CardGatewaySandbox
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        settings = {"smtp_url": url, "smtp_tls": "none", "smtp_timeout": 1.0}
        async with checkout(sqlite_url, card_gateway, **settings) as shop:
            await paid(shop)
            await deliver(shop)
            one = await told(shop)
    assert one["state"] == "pending"
    assert "timed out" in one["tries"][0]["error"]


async def test_without_a_mail_server_it_is_seen_and_sent_once_there_is_one(
    sqlite_url: str, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    async with checkout(sqlite_url, card_gateway) as shop:
        await paid(shop)
        await deliver(shop)
        one = await told(shop)
        assert (one["state"], one["tries"][0]["error"]) == ("failed", "no mail server is set up")
    async with checkout(sqlite_url, card_gateway, smtp_url=post.url, smtp_tls="none") as shop:
        await shop.post(f"{DELIVERIES}/{one['id']}/redeliver")
        await deliver(shop)
        assert (await told(shop))["state"] == "delivered"
    assert len(post.got) == 1


@pytest.mark.parametrize("implicit", [False, True])
async def test_encrypted_and_signed_in(
    sqlite_url: str,
    card_gateway: CardGatewaySandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    implicit: bool,
) -> None:
    tls, trusted = certificate(tmp_path)
    scheme = "smtps" if implicit else "smtp"
    with MailServer(tls, implicit, password="pass/word").running() as server:
        url = f"{scheme}://gavekort:pass%2Fword@127.0.0.1:{server.port}"
        async with checkout(sqlite_url, card_gateway, smtp_url=url) as shop:
            await paid(shop)
            await deliver(shop)
            # We do not talk to a server whose certificate nobody vouches for.
            one = await told(shop)
            assert one["state"] == "pending"
            assert "certificate" in one["tries"][0]["error"].lower()
            assert server.got == []
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
            shop.clock.ahead = timedelta(seconds=10)
            await deliver(shop)
            assert (await told(shop))["state"] == "delivered"
        assert len(server.got) == 1


async def test_no_secret_goes_out_unencrypted(
    sqlite_url: str, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    url = post.url.replace("//", "//user:secret@")
    async with checkout(sqlite_url, card_gateway, smtp_url=url) as shop:
        await paid(shop)
        await deliver(shop)
        one = await told(shop)
    assert one["state"] == "pending"
    assert "STARTTLS" in one["tries"][0]["error"]
    assert post.got == []


async def test_a_wrong_password_may_be_put_right(
    sqlite_url: str,
    card_gateway: CardGatewaySandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with MailServer(tls, password="right").running() as server:
        url = f"smtp://gavekort:wrong@127.0.0.1:{server.port}"
        async with checkout(sqlite_url, card_gateway, smtp_url=url) as shop:
            await paid(shop)
            await deliver(shop)
            one = await told(shop)
            assert one["state"] == "pending"
            assert "535" in one["tries"][0]["error"]
            assert "wrong@" not in str(one) and ":wrong" not in str(one)


async def test_nothing_of_the_merchants_becomes_a_header(shop: Merchant, post: MailServer) -> None:
    name = 'Ond\r\nBcc: all@example.com, "X" <x@example.com>'
    order = session_body(4000)["order"] | {"merchant_reference": "r\r\nX-Evil: 1"}
    merchant = {"name": name, "logo_url": "https://shop.example/l.svg"}
    session_id = await shop.session(4000, **wants(email=True), order=order, merchant=merchant)
    await payer.set_details(shop.ctx, session_id, DETAILS)
    card = await shop.card(4000)
    await payer.add_gift_card(shop.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    await shop.press_pay(session_id)
    await deliver(shop)
    (mail,) = post.got
    assert mail.recipients == ["kari@example.com"]
    head = mail.message
    assert head["Bcc"] is None and head["X-Evil"] is None
    assert head["From"].addresses[0].addr_spec == "kvittering@checkout.example"
    assert head["From"].addresses[0].display_name == " ".join(name.split())[:64]
    html = mail.part("html")
    assert "<x@example.com>" not in html and "&lt;x@example.com&gt;" in html


@pytest.mark.parametrize(
    "wrong",
    [{"smtp_url": "http://mail.example"}, {"smtp_url": "smtp://"}, {"smtp_sender": "a\r\nb@c.no"},
     {"smtp_sender": "nobody"}, {"smtp_tls": "maybe"}],
)  # fmt: skip
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(secret_key="a master secret of the tests, long enough", **wrong)
