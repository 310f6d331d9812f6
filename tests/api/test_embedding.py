"""The page that embeds ours can set its own lock, is asked about an address, and can open the
payment in its own window: `docs/reference/dintero-api.md#messages-to-the-sdk`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from backend.core.errors import DetailsInvalid, SessionLocked, ShippingUnavailable
from backend.sessions.lock import lock, release
from backend.sessions.shop_address import keep_address, with_address
from tests.support.callback_server import CallbackServer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import BASE_URL, DETAILS, Merchant

HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Home"}


@pytest.fixture
def shop() -> Iterator[CallbackServer]:
    with CallbackServer().running() as server:
        yield server


async def asked_by_callback(merchant: Merchant, shop: CallbackServer) -> str:
    merchant.ctx.settings.allow_insecure_addresses = True
    express = {"shipping_options": [], "shipping_address_callback_url": shop.url}
    return await merchant.session(40000, express=express)


async def change(merchant: Merchant, session_id: str, amount: int, *options: object) -> None:
    items = [{"id": "1", "line_id": "1", "description": "x", "quantity": 1, "amount": amount}]
    body = {
        "order": {"amount": amount, "items": items},
        "express": {"shipping_options": list(options)},
    }
    answer = await merchant.api.put(f"/v1/sessions/{session_id}", json=body)
    assert answer.status_code == 200, answer.text


async def events(merchant: Merchant, session_id: str) -> list[str]:
    return [e["name"] for e in (await merchant.get(f"/v1/sessions/{session_id}"))["events"]]


async def test_a_lock_of_the_pages_own_is_taken_off_once(merchant: Merchant) -> None:
    session_id = await merchant.session(40000, express={"shipping_options": [HOME]})
    mine = await lock(merchant.ctx, session_id)
    assert (await merchant.view(session_id)).locked
    await release(merchant.ctx, session_id, mine)
    await release(merchant.ctx, session_id, mine)
    assert not (await merchant.view(session_id)).locked
    assert (await events(merchant, session_id))[-2:] == ["PAY_LOCK_START", "PAY_LOCK_END"]


async def test_the_next_lock_is_somebody_elses(merchant: Merchant) -> None:
    """The shop's server removed the first lock with its change, and the shop locked again."""
    session_id = await merchant.session(40000, express={"shipping_options": [HOME]})
    mine = await lock(merchant.ctx, session_id)
    await change(merchant, session_id, 41000, HOME)
    theirs = await lock(merchant.ctx, session_id)
    assert theirs != mine
    await release(merchant.ctx, session_id, mine)
    assert (await merchant.view(session_id)).locked


async def test_an_address_is_shown_before_it_is_kept(
    merchant: Merchant, shop: CallbackServer
) -> None:
    session_id = await asked_by_callback(merchant, shop)
    shown = await with_address(merchant.ctx, session_id, DETAILS)
    assert shown["order"]["shipping_address"]["postal_code"] == "0155"
    assert shown["customer"]["email"] == DETAILS.email
    assert "callback_url" not in str(shown) and shop.url not in str(shown)
    kept = await merchant.get(f"/v1/sessions/{session_id}")
    assert "shipping_address" not in kept["order"]

    await lock(merchant.ctx, session_id)
    with pytest.raises(SessionLocked):
        await with_address(merchant.ctx, session_id, DETAILS)
    await change(merchant, session_id, 40000, HOME)
    await keep_address(merchant.ctx, session_id, DETAILS)
    view = await merchant.view(session_id)
    assert (view.details_done, view.payable, view.order_amount) == (True, True, 49900)
    # The shop's page was asked, and its server was not.
    assert shop.asked == []


async def test_an_address_that_is_none_asks_nobody(merchant: Merchant) -> None:
    session_id = await merchant.session(40000, express={"shipping_options": [HOME]})
    wrong = replace(DETAILS, shipping=replace(DETAILS.shipping, postal_code="1"))
    with pytest.raises(DetailsInvalid) as refused:
        await with_address(merchant.ctx, session_id, wrong)
    assert [error.field for error in refused.value.errors] == ["shipping_address.postal_code"]


async def test_a_shop_that_leaves_no_option_cannot_ship(
    merchant: Merchant, shop: CallbackServer
) -> None:
    session_id = await asked_by_callback(merchant, shop)
    with pytest.raises(ShippingUnavailable) as refused:
        await keep_address(merchant.ctx, session_id, DETAILS)
    assert refused.value.reason == "cannot_ship"
    view = await merchant.view(session_id)
    assert (view.details_done, view.shipping_address.postal_code) == (False, "")
    assert shop.asked == []


async def test_the_way_back_of_a_window_of_its_own(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The payer returns to our page, paid or not, and it informs the shop's page. Any other payer
    continues to the shop."""
    session_id = await merchant.ready()
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    back = httpx.URL(card_gateway.pay(result.url).headers["location"])
    path = back.raw_path.decode()
    assert path.startswith(f"/v1/sessions/{session_id}/redirect/")

    async def location(cookie: str = "") -> str:
        headers = {"cookie": cookie} if cookie else {}
        answer = await merchant.api.get(path, headers=headers)
        assert answer.status_code == 302
        return answer.headers["location"]

    page = f"{BASE_URL}/v1/view/{session_id}?ui=fullscreen&role=pop_out_payment"
    assert await location("gavekort_pop_out=no") == f"{page}&language=no"
    for odd in ("-", "n", "x&a=1", "../../x", "nb-NO-more"):
        assert await location(f"gavekort_pop_out={odd}") == page
    assert (await location()).startswith("https://shop.example/accept?")
    assert (await merchant.view(session_id)).state == "paid"
    await merchant.audit()
