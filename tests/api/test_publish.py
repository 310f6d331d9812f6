"""We send the checkout's link by SMS. Source: `docs/reference/dintero-api.md#configuration`,
`#gift-card-rules`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.outbox.deliver import deliver_due
from backend.sessions.publish import note_delivered
from sandbox.sms.outbox import create_app
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    ACCOUNT,
    BASE_URL,
    Merchant,
    close_merchant,
    open_merchant,
    session_body,
)
from tests.support.fake_checkout import bound_socket, served
from tests.support.receiver import Receiver

SMS = {"channel": "sms", "type": "checkout-link"}
PUSH = {"channel": "push", "type": "app"}
TERMINAL = {"channel": "push", "type": "terminal"}
ON = {"type": "payment_product_type", "enabled": True}


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
        sms_token="the gateway's key",
        sms_sender="Butikken",
    )
    yield merchant
    await close_merchant(merchant)


async def start(
    at: Merchant,
    *wanted: dict[str, str],
    wallets: bool = True,
    expect: int = 200,
    **more: Any,
) -> Any:
    configuration = {
        "active_payment_types": {"enabled": True},
        "dintero": {"type": "payment_type", "wallets": ON | {"enabled": wallets}},
        "publish": list(wanted),
    }
    body = session_body(configuration=configuration) | {"customer": {"phone_number": "+4799887766"}}
    return await at.post("/v1/sessions-profile", body | more, expect)


def shown(made: Any) -> list[tuple[str, str, str]]:
    return [(one["channel"], one["type"], one["status"]) for one in made["publish"]]


async def deliver(merchant: Merchant) -> int:
    return await deliver_due(merchant.ctx, delivered=note_delivered)


async def events_of(merchant: Merchant, session_id: str) -> list[Any]:
    session = await merchant.get(f"/v1/sessions/{session_id}")
    return [event for event in session["events"] if event["name"].startswith("PUSH")]


async def test_an_sms_with_the_link(shop: Merchant, gateway: Receiver) -> None:
    made = await start(shop, SMS)
    assert shown(made) == [("sms", "checkout-link", "sent")]
    assert gateway.got == []  # the row first, the message after
    assert await events_of(shop, made["id"]) == []
    assert await deliver(shop) == 1
    (got,) = gateway.got
    assert (got.method, got.target) == ("POST", "/messages")
    assert got.headers["authorization"] == "Bearer the gateway's key"
    message = got.json
    assert message == {
        "to": "+4799887766",
        "from": "Butikken",
        "text": f"Fjord & Form: Betal her: {BASE_URL}/v1/view/{made['id']}",
        "reference": got.headers["idempotency-key"],
    }
    (event,) = await events_of(shop, made["id"])
    entry = made["publish"][0]
    assert event["details"] == {key: entry[key] for key in ("id", "channel", "type")}
    session = await shop.get(f"/v1/sessions/{made['id']}")
    assert session["configuration"]["publish"] == made["publish"]
    assert await deliver(shop) == 0


async def test_a_push_becomes_an_sms_while_a_gift_card_can_be_used(
    shop: Merchant, gateway: Receiver
) -> None:
    assert shown(await start(shop, PUSH)) == [("sms", "checkout-link", "sent")]
    without = await start(shop, PUSH, wallets=False)
    assert shown(without) == [("push", "app", "skipped")]
    # One message is enough, and we have no terminal.
    both = await start(shop, SMS, PUSH, TERMINAL)
    assert shown(both) == [
        ("sms", "checkout-link", "sent"),
        ("sms", "checkout-link", "skipped"),
        ("push", "terminal", "skipped"),
    ]
    await deliver(shop)
    assert len(gateway.got) == 2


async def test_whose_number_it_goes_to(shop: Merchant, gateway: Receiver) -> None:
    shop.ctx.settings.sms_countries = "NO,SE,GB"
    nobody = await start(shop, SMS, customer={"email": "kari@example.com"})
    assert shown(nobody) == [("sms", "checkout-link", "skipped")]
    wrong = await start(shop, SMS, customer={"phone_number": "+4712"})
    assert shown(wrong) == [("sms", "checkout-link", "failed")]
    order = session_body()["order"] | {"shipping_address": {"phone_number": "99887755"}}
    await start(shop, SMS, customer=None, order=order)
    await start(
        shop,
        SMS,
        customer={"phone_number": "+46701234567"},
        merchant={"name": "Ull \n AS", "logo_url": "https://shop.example/l.svg"},
    )
    await start(shop, SMS, customer={"phone_number": "+447400123456"})
    await deliver(shop)
    sent = sorted((got.json["to"], got.json["text"].split(": http")[0]) for got in gateway.got)
    assert sent == [
        ("+447400123456", "Fjord & Form: Pay here"),
        ("+46701234567", "Ull AS: Betala här"),
        ("+4799887755", "Fjord & Form: Betal her"),
    ]


async def test_the_language_is_the_shops_before_the_numbers(
    shop: Merchant, gateway: Receiver
) -> None:
    for number, hint in (("+358401234567", None), ("+4917612345678", "nn"), ("+4799887766", "fr")):
        said = {"publish": [SMS]} | ({"language": hint} if hint else {})
        await start(shop, configuration=said, customer={"phone_number": number})
    await deliver(shop)
    sent = [got.json["text"].removeprefix("Fjord & Form: ").split(": ")[0] for got in gateway.got]
    assert sorted(sent) == ["Betal her", "Betal her", "Maksa tästä"]


async def test_a_gateway_that_refuses(shop: Merchant, gateway: Receiver) -> None:
    gateway.replies = [422]
    made = await start(shop, SMS)
    await deliver(shop)
    session = await shop.get(f"/v1/sessions/{made['id']}")
    assert shown(session["configuration"]) == [("sms", "checkout-link", "failed")]
    assert await events_of(shop, made["id"]) == []


async def test_a_gateway_that_is_down_is_tried_again_with_one_key(
    shop: Merchant, gateway: Receiver
) -> None:
    gateway.replies = [503, 429, None]
    made = await start(shop, SMS)
    for seconds in (0, 6, 17, 38):
        shop.clock.ahead = timedelta(seconds=seconds)
        await deliver(shop)
    assert len(gateway.got) == 4
    assert len({got.headers["idempotency-key"] for got in gateway.got}) == 1
    assert len(await events_of(shop, made["id"])) == 1


async def test_five_tries_and_no_more(shop: Merchant, gateway: Receiver) -> None:
    gateway.replies = [500] * 9
    made = await start(shop, SMS)
    for minutes in range(9):
        shop.clock.ahead = timedelta(minutes=minutes)
        await deliver(shop)
    assert len(gateway.got) == 5
    session = await shop.get(f"/v1/sessions/{made['id']}")
    assert shown(session["configuration"]) == [("sms", "checkout-link", "failed")]


async def test_no_link_to_a_session_that_has_ended(shop: Merchant, gateway: Receiver) -> None:
    expires = (shop.clock.now() + timedelta(minutes=1)).isoformat()
    await start(shop, SMS, expires_at=expires)
    shop.clock.ahead = timedelta(minutes=2)
    await deliver(shop)
    assert gateway.got == []


async def test_without_a_gateway_it_is_skipped(merchant: Merchant) -> None:
    assert shown(await start(merchant, SMS)) == [("sms", "checkout-link", "skipped")]


async def test_the_payers_number_is_not_among_the_merchants_deliveries(
    shop: Merchant, gateway: Receiver
) -> None:
    made = await start(shop, SMS)
    await deliver(shop)
    path = f"/v1/accounts/{ACCOUNT}/hooks/deliveries"
    assert (await shop.get(f"{path}?subject={made['id']}"))["deliveries"] == []


@pytest.mark.parametrize(
    "wanted", [{"channel": "fax", "type": "app"}, {"channel": "sms", "type": "x"}, {}]
)
async def test_channels_that_do_not_exist(merchant: Merchant, wanted: dict[str, str]) -> None:
    answer = await start(merchant, wanted, expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"


async def test_a_session_that_publishes_nothing_says_nothing_of_it(merchant: Merchant) -> None:
    made = await merchant.post("/v1/sessions-profile?include_session=true", session_body())
    assert "publish" not in made
    assert "publish" not in made["session"]["configuration"]


async def test_the_demos_gateway_shows_what_a_phone_would(
    database_url: str, card_gateway: CardGatewaySandbox, tmp_path: Path
) -> None:
    """The checkout and the gateway know each other only over HTTP."""
    socket, url = bound_socket()
    with served(create_app(tmp_path), socket):
        merchant = await open_merchant(
            database_url, card_gateway.base_url, "sk_test_x", sms_url=f"{url}/messages"
        )
        made = await start(merchant, SMS)
        refused = await start(merchant, SMS, customer={"phone_number": "+4799887000"})
        await deliver(merchant)
        session = await merchant.get(f"/v1/sessions/{refused['id']}")
        await close_merchant(merchant)
        async with httpx.AsyncClient(base_url=url) as phone:
            page = (await phone.get("/")).text
            (message,) = (await phone.get("/messages")).json()["messages"]
    assert shown(session["configuration"]) == [("sms", "checkout-link", "failed")]
    link = f"{BASE_URL}/v1/view/{made['id']}"
    assert message["to"] == "+4799887766"
    assert f'Fjord &amp; Form: Betal her: <a href="{link}">{link}</a>' in page
