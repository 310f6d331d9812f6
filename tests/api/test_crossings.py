"""A late answer meets a session that somebody has changed. The newer content stays.

The shop's server calculates a discount code or an address. Meanwhile the shop changes, cancels or
locks the order, the payer pays or asks for something else in another tab, or time runs out. In
every case the last answered change stays, and the provider is asked for the order's present amount,
never for more than was shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from backend.payments.attempts.resolve import reopen
from backend.sessions.express_callbacks import set_discount_codes
from tests.api.crossing import ADDRESS, HOME, Crossing, answer_of_the_shop
from tests.api.paying import ahead
from tests.support.callback_server import CallbackServer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import BASE_URL, Merchant


@pytest.fixture
def shop() -> Iterator[CallbackServer]:
    with CallbackServer().running() as server:
        yield server


@pytest.fixture
async def crossing(
    merchant: Merchant, card_gateway: CardGatewaySandbox, shop: CallbackServer
) -> AsyncIterator[Crossing]:
    merchant.ctx.settings.allow_insecure_callbacks = True
    transport = merchant.api._transport
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as payer:
        one = Crossing(merchant, card_gateway, payer, shop)
        await one.begin()
        yield one
        shop.let_go()
        await asyncio.gather(*one.under_way, return_exceptions=True)


async def test_the_shops_order_is_not_overwritten_by_an_older_discount(crossing: Crossing) -> None:
    """In the reported case the shop is asked about 400.00 and raises the order to 500.00 before it
    answers. Its answer is about an order that no longer exists, so we ask again."""
    await crossing.start(crossing.use_codes("TEN"))
    put = await crossing.put_order(50000)
    assert (put.status_code, put.json()["order"]["amount"]) == (200, 51000)
    answer = await crossing.end()
    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["amount"] == 46000
    assert [asked["order"]["amount"] for asked in crossing.shop.asked] == [41000, 51000]
    assert await crossing.codes() == ["TEN"]
    await crossing.is_paid_as_it_stands(46000)


async def test_the_shops_order_is_not_overwritten_by_an_older_shipping_answer(
    crossing: Crossing,
) -> None:
    await crossing.start(crossing.give_address("9008"))
    assert (await crossing.put_order(50000)).status_code == 200
    answer = await crossing.end()
    assert answer.status_code == 200, answer.text
    assert len(crossing.shop.asked) == 2
    await crossing.is_paid_as_it_stands(55000)


@pytest.mark.parametrize("forced", [False, True])
async def test_two_changes_of_the_shop_cross(crossing: Crossing, forced: bool) -> None:
    """A change without options also asks the shop and waits. The shop's answer does not undo
    another change that arrives meanwhile."""
    asks = {"shipping_address_callback_url": crossing.shop.url}
    query = "&force_shipping_address_callback=true" if forced else ""
    if forced:
        asks = {**asks, "shipping_options": [HOME]}  # type: ignore[dict-item]
    await crossing.start(crossing.put_order(50000, express=asks, query=query))
    assert (await crossing.put_order(60000)).status_code == 200
    first = await crossing.end()
    assert first.status_code == 200, first.text
    assert [asked["order"]["amount"] for asked in crossing.shop.asked] == [51000, 61000]
    await crossing.is_paid_as_it_stands(61000)


async def test_a_change_that_keeps_its_lock_may_ask_for_shipping(crossing: Crossing) -> None:
    """The lock belongs to the shop. It stops the payer and not the shop."""
    view = f"/v1/view/{crossing.session_id}/session"
    assert (await crossing.payer.post(f"{view}/lock")).status_code == 200
    path = f"/v1/sessions/{crossing.session_id}"
    item = {"id": "goods", "line_id": "1", "amount": 50000, "quantity": 1}
    body = {"order": {"amount": 50000, "items": [item]}, "remove_lock": False}
    answer = await crossing.merchant.api.put(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["amount"] == 51000
    assert (await crossing.pay()).status_code == 409


async def test_two_codes_of_two_tabs_cross(crossing: Crossing) -> None:
    """Each tab sends all codes that it knows. The last answered request stays with its own amount,
    and never one tab's code with the other's amount."""
    await crossing.start(crossing.use_codes("TEN"))
    await crossing.start(crossing.use_codes("HALF"), asked=2)
    crossing.shop.let_go()
    answers = await asyncio.gather(*crossing.under_way)
    crossing.under_way.clear()
    assert [answer.status_code for answer in answers] == [200, 200]
    [code] = await crossing.codes()
    await crossing.is_paid_as_it_stands({"TEN": 37000, "HALF": 21000}[code])


async def test_a_page_adds_its_code_to_those_in_use_by_then(crossing: Crossing) -> None:
    """The page adds one code to the present ones, so it does not remove another tab's code."""
    ctx, session_id = crossing.merchant.ctx, crossing.session_id

    async def add(code: str) -> None:
        await set_discount_codes(ctx, session_id, lambda in_use: [*in_use, code])

    crossing.shop.hold()
    tabs = [asyncio.ensure_future(add(code)) for code in ("TEN", "HALF")]
    await crossing.shop.is_asked(2)
    crossing.shop.let_go()
    await asyncio.gather(*tabs)
    assert sorted(await crossing.codes()) == ["HALF", "TEN"]
    await crossing.is_paid_as_it_stands(17000)


async def test_an_address_and_a_code_cross(crossing: Crossing) -> None:
    await crossing.start(crossing.give_address("9008"))
    await crossing.start(crossing.use_codes("TEN"), asked=2)
    crossing.shop.let_go()
    answers = await asyncio.gather(*crossing.under_way)
    crossing.under_way.clear()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await crossing.codes() == ["TEN"]
    await crossing.is_paid_as_it_stands(41000)  # 360.00 and 50.00 to Tromsø


async def test_who_asks_for_an_unchanged_session_is_told_and_not_asked_again(
    crossing: Crossing,
) -> None:
    session = (await crossing.payer.get(f"/v1/view/{crossing.session_id}/session")).json()
    since = {"If-Unmodified-Since": session["updated_at"]}
    crossing.merchant.clock.ahead += timedelta(seconds=2)
    await crossing.start(crossing.use_codes("TEN", **since))
    assert (await crossing.put_order(50000)).status_code == 200
    answer = await crossing.end()
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "PRECONDITION_FAILED")
    assert len(crossing.shop.asked) == 1
    await crossing.is_paid_as_it_stands(51000)


async def test_an_order_that_never_stands_still(crossing: Crossing) -> None:
    """A shop that changes the order at every request is asked three times."""
    loop = asyncio.get_running_loop()

    def change_and_answer(asked: dict[str, Any]) -> tuple[int, bytes]:
        amount = 50000 + 1000 * len(crossing.shop.asked)
        put = asyncio.run_coroutine_threadsafe(crossing.put_order(amount), loop)
        assert put.result(10).status_code == 200
        return answer_of_the_shop(asked)

    crossing.shop.answer = change_and_answer
    answer = await crossing.use_codes("TEN")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "SESSION_CHANGED")
    assert len(crossing.shop.asked) == 3
    assert await crossing.codes() == []
    await crossing.is_paid_as_it_stands(54000)


# --- every wait, and whatever happens meanwhile ---------------------------------------------------


async def code(one: Crossing) -> httpx.Response:
    return await one.use_codes("TEN")


async def address(one: Crossing) -> httpx.Response:
    return await one.give_address("9008")


async def change(one: Crossing) -> httpx.Response:
    """Change the order as the shop, in a way that asks for shipping options by callback."""
    asks = {"shipping_address_callback_url": one.shop.url}
    return await one.put_order(50000, express=asks)


@dataclass
class Row:
    """The result of one wait and one event that happens meanwhile.

    `meanwhile` and `waited` are the statuses of the two answers, and `code` the error of the second
    one. `amount` is the order's afterwards, of which a gift card pays `card`. `asked` is what the
    provider was asked for meanwhile. If the session can still be paid, it is then asked for all
    that is left.
    """

    wait: Callable[[Crossing], Awaitable[httpx.Response]]
    happens: str
    amount: int
    meanwhile: int = 200
    waited: int = 200
    code: str = ""
    card: int = 0
    asked: tuple[int, ...] = ()
    payable: bool = True


ROWS = [
    Row(code, "change", 55000),
    Row(address, "change", 65000),
    Row(change, "change", 61000),
    Row(code, "cancel", 41000, waited=400, code="SESSION_CLOSED", payable=False),
    Row(address, "cancel", 41000, waited=400, code="SESSION_CLOSED", payable=False),
    Row(change, "cancel", 51000, waited=400, code="SESSION_CLOSED", payable=False),
    Row(code, "pay", 41000, waited=409, code="PAYMENT_IN_PROGRESS", asked=(41000,), payable=False),
    # The cost of shipping to that address is not known yet.
    Row(address, "pay", 45000, meanwhile=400),
    # This was shown before the shop's change.
    Row(change, "pay", 51000, meanwhile=409),
    Row(change, "pay the new amount", 51000, waited=409, code="PAYMENT_IN_PROGRESS",
        asked=(51000,), payable=False),
    Row(code, "pay, and give up", 37000, asked=(41000,)),
    Row(code, "expire", 41000, waited=400, code="SESSION_CLOSED", payable=False),
    Row(address, "expire", 41000, waited=400, code="SESSION_CLOSED", payable=False),
    Row(change, "expire", 51000, waited=400, code="SESSION_CLOSED", payable=False),
    Row(code, "lock", 41000, waited=409, code="SESSION_LOCKED", payable=False),
    Row(address, "lock", 41000, waited=409, code="SESSION_LOCKED", payable=False),
    Row(change, "lock", 51000, payable=False),
    Row(code, "add a card", 37000, card=10000),
    Row(address, "add a card", 45000, card=10000),
    Row(change, "add a card", 51000, card=10000),
    Row(code, "another address", 41000),
    Row(address, "another address", 41000),
    Row(change, "another address", 55000),
    Row(address, "another code", 25000),
    Row(change, "another code", 26000),
]  # fmt: skip


@pytest.mark.parametrize("wait", [code, address, change])
async def test_whatever_happens_while_the_shop_thinks(
    crossing: Crossing, wait: Callable[[Crossing], Awaitable[httpx.Response]]
) -> None:
    for row in ROWS:
        if row.wait is wait:
            await crossing.begin()
            await _crosses(crossing, row)


async def _crosses(crossing: Crossing, row: Row) -> None:
    await crossing.start(row.wait(crossing))
    meanwhile = await happens(crossing, row.happens)
    waited = await crossing.end()
    if meanwhile is None:
        meanwhile = await crossing.end()
    assert (row.happens, meanwhile.status_code) == (row.happens, row.meanwhile), meanwhile.text
    assert (row.happens, waited.status_code) == (row.happens, row.waited), waited.text
    if row.code:
        assert waited.json()["error"]["code"] == row.code
    assert (row.happens, await crossing.amount()) == (row.happens, row.amount)
    assert await crossing.asked_amounts() == list(row.asked)
    started = await crossing.pay(amount=row.amount - row.card + (0 if row.payable else 1))
    asked = sorted(await crossing.asked_amounts())
    if row.payable:
        assert started.status_code == 200, started.text
        assert asked == sorted([*row.asked, row.amount - row.card])
    else:
        assert started.status_code in (400, 409), started.text
        assert asked == list(row.asked)
    await crossing.merchant.audit()


async def happens(one: Crossing, what: str) -> httpx.Response | None:
    """Do it and return the status. Return None if it also waits for the shop and ends after the
    first request."""
    view = f"/v1/view/{one.session_id}/session"
    match what:
        case "change":
            return await one.put_order(60000)
        case "cancel":
            return await one.merchant.api.post(f"/v1/sessions/{one.session_id}/cancel")
        case "pay":
            return await one.pay(amount=41000)
        case "pay the new amount":
            return await one.pay(amount=51000)
        case "pay, and give up":
            paying = await one.pay(amount=41000)
            await reopen(one.merchant.ctx, one.session_id)
            return paying
        case "expire":
            ahead(one.merchant, one.card_gateway, 3601)
            return await one.payer.get(view)
        case "lock":
            return await one.payer.post(f"{view}/lock")
        case "add a card":
            card = await one.merchant.card(10000)
            typed = {"token": card["number"], "pin": card["pin"]}
            return await one.payer.put(f"{view}/order/gift_card", json=typed)
        case "another address":
            there = "0150" if one.shop.asked[-1]["order"]["shipping_address"] != ADDRESS else "9008"
            await one.start(one.give_address(there), asked=2)
        case "another code":
            await one.start(one.use_codes("HALF"), asked=2)
        case _:
            raise AssertionError(what)
    return None
