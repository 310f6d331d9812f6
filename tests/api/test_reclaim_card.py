"""A payment that was left open elsewhere holds a card. The payer reclaims it with number and
PIN."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.core.errors import GiftCardRefused
from backend.payments.attempts import reclaim_card
from backend.payments.attempts.start import Press, pay
from backend.sessions.view import Notice, PageState
from tests.support.card_gateway import AUTHORIZATION_TIMES_OUT, CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant

SOURCE = "1.2.3.4"


class Held:
    """A card of 100.00, all of it held by a payment whose page was left open; a new session."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.card: dict[str, Any] = {}
        self.left = ""
        self.url = ""
        self.here = ""

    async def begin(self) -> Held:
        self.card = await self.merchant.card(10000)
        self.left = await self.merchant.ready(40000, self.card)
        result = await self.merchant.press_pay(self.left)
        assert result.url is not None
        self.url = result.url
        self.here = await self.merchant.ready(25000)
        assert await self.balance() == (0, 10000, 0)
        return self

    async def balance(self) -> tuple[int, int, int]:
        return await self.merchant.balance(self.card["card_id"])

    async def add(self, pin: str = "") -> None:
        number, pin = self.card["number"], pin or self.card["pin"]
        await reclaim_card.add_gift_card(self.merchant.ctx, self.here, number, pin, SOURCE)

    async def take_back(self, session_id: str = "", pin: str = "") -> None:
        number, pin = self.card["number"], pin or self.card["pin"]
        here = session_id or self.here
        await reclaim_card.reclaim_and_add(self.merchant.ctx, here, number, pin, SOURCE)

    async def still_held(self) -> None:
        assert (await self.merchant.view(self.left)).state is PageState.PAYING
        assert await self.balance() == (0, 10000, 0)
        assert (await self.merchant.view(self.here)).gift_card is None
        await self.merchant.audit()

    async def taken(self) -> None:
        left, here = await self.merchant.view(self.left), await self.merchant.view(self.here)
        assert (left.state, left.notice) == (PageState.OPEN, Notice.GIFT_CARD_TAKEN_BACK)
        assert here.gift_card is not None
        assert (here.gift_card.amount, here.to_pay) == (10000, 15000)
        assert await self.balance() == (10000, 0, 0)
        await self.merchant.audit()


@pytest.fixture
async def held(merchant: Merchant) -> Held:
    return await Held(merchant).begin()


def refusal(error: pytest.ExceptionInfo[GiftCardRefused]) -> str:
    return error.value.reason


async def test_the_other_payment_is_aborted_first(
    held: Held, card_gateway: CardGatewaySandbox
) -> None:
    with pytest.raises(GiftCardRefused) as error:
        await held.add()
    assert refusal(error) == "held_elsewhere"
    await held.still_held()
    await held.take_back()
    await held.taken()
    # A payer who is still at the other page cannot pay there any more.
    card_gateway.pay(held.url)
    assert (await held.merchant.view(held.left)).state is PageState.OPEN
    result = await pay(held.merchant.ctx, held.here, Press(OPTION, 15000, "nb"))
    await held.merchant.come_back(card_gateway.pay(str(result.url)).headers["location"])
    assert (await held.merchant.view(held.here)).state is PageState.PAID
    assert await held.balance() == (0, 10000, 0)
    # Reclaiming twice equals once. A payment made with the card stays.
    with pytest.raises(GiftCardRefused) as error:
        await held.take_back(await held.merchant.ready(25000))
    assert refusal(error) == "empty"
    await held.merchant.audit()


async def test_without_the_pin_nothing_is_said_and_nothing_happens(held: Held) -> None:
    wrong = "0000" if held.card["pin"] != "0000" else "1111"
    for attempt in (held.add, held.take_back):
        with pytest.raises(GiftCardRefused) as error:
            await attempt(pin=wrong)
        assert refusal(error) == "not_matched"
    await held.still_held()


async def test_the_other_payer_was_faster(held: Held, card_gateway: CardGatewaySandbox) -> None:
    """The payer has paid at the page and not returned yet. The provider's word decides."""
    card_gateway.pay(held.url)
    with pytest.raises(GiftCardRefused) as error:
        await held.take_back()
    assert refusal(error) == "empty"
    assert (await held.merchant.view(held.left)).state is PageState.PAID
    assert await held.balance() == (0, 10000, 0)
    await held.merchant.audit()


@pytest.mark.parametrize("kind", ["drop_before", "error_before"])
async def test_no_answer_frees_nothing(
    held: Held, card_gateway: CardGatewaySandbox, kind: str
) -> None:
    card_gateway.fault("expire", kind)
    with pytest.raises(GiftCardRefused) as error:
        await held.take_back()
    assert refusal(error) == "still_held"
    await held.still_held()
    await held.take_back()
    await held.taken()


async def test_an_answer_that_was_lost_is_found_by_a_read(
    held: Held, card_gateway: CardGatewaySandbox
) -> None:
    card_gateway.fault("expire", "drop_after")
    await held.take_back()
    left = await held.merchant.view(held.left)
    assert left.state is PageState.OPEN
    assert await held.balance() == (10000, 0, 0)
    await held.merchant.audit()


async def test_a_provider_that_has_not_decided(
    held: Held, card_gateway: CardGatewaySandbox
) -> None:
    card_gateway.pay(held.url, AUTHORIZATION_TIMES_OUT)
    with pytest.raises(GiftCardRefused) as error:
        await held.take_back()
    assert refusal(error) == "still_held"
    await held.still_held()


async def test_a_part_is_free(merchant: Merchant) -> None:
    """Of 100.00, 50.00 is held. The payer can add the card at once and reclaim the rest."""
    held = Held(merchant)
    held.card = await merchant.card(10000)
    held.left = await merchant.ready(5000, held.card)
    other = await merchant.card(20000)
    held.here = await merchant.ready(25000)
    # Nothing is left to pay at the provider, so the order is paid at once and the card cannot be
    # reclaimed.
    await merchant.press_pay(held.left)
    await held.add()
    assert (await merchant.view(held.here)).to_pay == 20000
    await held.take_back()
    assert (await merchant.view(held.here)).to_pay == 20000
    assert await held.balance() == (5000, 5000, 0)
    # Another card does not affect it.
    with pytest.raises(GiftCardRefused) as error:
        await reclaim_card.reclaim_and_add(
            merchant.ctx, held.here, other["number"], other["pin"], SOURCE
        )
    assert refusal(error) == "already_added"
    await merchant.audit()


async def test_two_take_it_back_at_once(held: Held) -> None:
    third = await held.merchant.ready(25000)
    await asyncio.gather(held.take_back(), held.take_back(third))
    await held.taken()
    for session_id in (held.here, third):
        shown = await held.merchant.view(session_id)
        assert shown.to_pay == 15000
    first = await pay(held.merchant.ctx, held.here, Press(OPTION, 15000, "nb"))
    assert first.state == "redirect"
    assert (await held.merchant.view(third)).to_pay == 25000
    await held.merchant.audit()


async def test_over_the_api(held: Held) -> None:
    path = f"/v1/view/{held.here}/session/order/gift_card"
    body = {"token": held.card["number"], "pin": held.card["pin"]}
    refused = await held.merchant.api.put(path, json=body)
    assert refused.status_code == 400, refused.text
    assert "held_elsewhere" in refused.text
    assert held.card["number"] not in refused.text
    taken = await held.merchant.api.put(path, json=body | {"take_back": True})
    assert taken.status_code == 200, taken.text
    await held.taken()
