"""A payer continues on a phone. The tests check the link, its lifetime, and which device goes to
the shop afterwards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.errors import NotFound, PaymentInProgress, SessionClosed
from backend.payments.attempts.resolve import abandon
from backend.payments.attempts.start import Press, pay
from backend.sessions.device_handoff import arrived, make_link, open_link
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import BASE_URL, OPTION, Merchant, close_merchant, open_merchant
from tests.support.hooks import DELIVERIES, deliver
from tests.support.receiver import Receiver

SHOP = "https://shop.example/accept"


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
    )
    yield merchant
    await merchant.audit()
    await close_merchant(merchant)


def token_of(url: str) -> str:
    head = f"{BASE_URL}/v1/phone/"
    assert url.startswith(head)
    return url.removeprefix(head)


async def names(shop: Merchant, session_id: str) -> list[str]:
    """Return the events by their own names, which only we know."""
    return [
        e.get("own_name", e["name"])
        for e in (await shop.get(f"/v1/sessions/{session_id}"))["events"]
    ]


async def test_it_opens_the_same_session_in_the_same_language(shop: Merchant) -> None:
    session_id = await shop.ready()
    link = await make_link(shop.ctx, session_id, "nb")
    token = token_of(link.url)
    assert (len(token), link.minutes, session_id in link.url) == (22, 10, False)
    page = f"{BASE_URL}/v1/view/{session_id}?language=nb&on=phone"
    # The link opens more than once, because a message's preview opens it first.
    assert [await open_link(shop.ctx, token) for _ in range(3)] == [page] * 3
    # Opening the link changes nothing. The running page reports that it is there.
    assert not (await shop.view(session_id)).handed_over
    before = (await shop.view(session_id)).version
    await arrived(shop.ctx, session_id)
    await arrived(shop.ctx, session_id)
    shown = await shop.view(session_id)
    assert shown.handed_over and shown.version == before + 1
    assert (await names(shop, session_id)).count("CONTINUED_ON_PHONE") == 1


async def test_it_is_short_lived_and_a_new_one_ends_it(shop: Merchant) -> None:
    session_id = await shop.ready()
    first = token_of((await make_link(shop.ctx, session_id, "nb")).url)
    second = token_of((await make_link(shop.ctx, session_id, "nb")).url)
    with pytest.raises(NotFound):
        await open_link(shop.ctx, first)
    assert await open_link(shop.ctx, second)
    shop.clock.ahead = timedelta(seconds=601)
    for token in (second, "", "x" * 200, session_id):
        with pytest.raises(NotFound):
            await open_link(shop.ctx, token)


async def test_only_a_hash_of_it_is_kept(shop: Merchant) -> None:
    session_id = await shop.ready()
    token = token_of((await make_link(shop.ctx, session_id, "nb")).url)
    async with shop.ctx.db.reading() as db:
        kept = (await (await db.connection()).execute(text("SELECT * FROM handover"))).all()
    assert len(kept) == 1 and token not in str(kept)


async def test_it_does_not_outlive_the_session(shop: Merchant) -> None:
    expires = (shop.clock.now() + timedelta(minutes=3)).isoformat()
    session_id = await shop.ready(expires_at=expires)
    link = await make_link(shop.ctx, session_id, "nb")
    assert link.minutes == 2
    shop.clock.ahead = timedelta(minutes=4)
    with pytest.raises(NotFound):
        await open_link(shop.ctx, token_of(link.url))
    with pytest.raises(SessionClosed):
        await make_link(shop.ctx, session_id, "nb")


async def test_there_is_none_where_nothing_can_be_gone_on_with(
    shop: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    paying = await shop.ready()
    await shop.press_pay(paying)
    with pytest.raises(PaymentInProgress):
        await make_link(shop.ctx, paying, "nb")
    gone = await shop.ready()
    await abandon(shop.ctx, gone)
    with pytest.raises(SessionClosed):
        await make_link(shop.ctx, gone, "nb")
    # A page that claims to be a phone's does not become one.
    plain = await shop.ready()
    await arrived(shop.ctx, plain)
    assert not (await shop.view(plain)).handed_over


async def test_by_sms_to_the_payers_number_three_times_at_most(
    shop: Merchant, gateway: Receiver
) -> None:
    session_id = await shop.ready()
    assert (await make_link(shop.ctx, session_id, "nb")).number == "7766"
    links = [await make_link(shop.ctx, session_id, "nb", by_sms=True) for _ in range(4)]
    assert [link.sent for link in links] == [True, True, True, False]
    assert links[-1].number == ""
    assert await deliver(shop) == 3
    assert [got.json["text"] for got in gateway.got] == [
        f"Fjord & Form: Fortsett her på mobilen: {link.url}" for link in links[:3]
    ]
    assert {got.json["to"] for got in gateway.got} == {"+4799887766"}
    # Only the payer may see it, and not the merchant.
    assert (await shop.get(f"{DELIVERIES}?subject={session_id}"))["deliveries"] == []


async def test_no_sms_without_a_number(shop: Merchant) -> None:
    session_id = await shop.session()
    link = await make_link(shop.ctx, session_id, "nb", by_sms=True)
    assert (link.number, link.sent) == ("", False)


@pytest.mark.parametrize("show", [False, True])
@pytest.mark.parametrize("on_phone", [False, True])
async def test_who_goes_to_the_shop(
    shop: Merchant, card_gateway: CardGatewaySandbox, on_phone: bool, show: bool
) -> None:
    configuration: dict[str, Any] = {
        "active_payment_types": {"enabled": True},
        "receipt": {"show": show},
    }
    session_id = await shop.ready(url={"return_url": SHOP}, configuration=configuration)
    shown = await shop.view(session_id)
    assert shown.stays is show
    begun = await pay(shop.ctx, session_id, Press(OPTION, shown.to_pay, "nb", on_phone=on_phone))
    assert begun.url is not None
    at = await shop.come_back(card_gateway.pay(begun.url).headers["location"])
    page = f"{BASE_URL}/v1/view/{session_id}?language=nb"
    if on_phone:
        assert at == f"{page}&on=phone"
    elif show:
        assert at == page
    else:
        assert at.startswith(f"{SHOP}?merchant_reference=order-1&transaction_id=")


async def test_both_press_pay_and_one_payment_is_made(
    shop: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    session_id = await shop.ready()
    first = await pay(shop.ctx, session_id, Press(OPTION, 40000, "nb", on_phone=True))
    second = await pay(shop.ctx, session_id, Press(OPTION, 40000, "nb"))
    assert first.url == second.url is not None
    await shop.come_back(card_gateway.pay(first.url or "").headers["location"])
    again = await pay(shop.ctx, session_id, Press(OPTION, 40000, "nb"))
    assert again.state == "paid"
    found = await shop.get(f"/v1/transactions?session_id={session_id}")
    assert len(found["transactions"] if isinstance(found, dict) else found) == 1
