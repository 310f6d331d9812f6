"""The payer or the shop chooses how much of a gift card to use. A payment never takes more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlmodel import select

from backend.cards.tables import Hold
from backend.core.errors import InvalidRequest, PaymentInProgress, SessionClosed, SplitChanged
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, pay
from backend.sessions import payer as payer_side
from backend.sessions.view import PageState
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, BASE_URL, OPTION, Merchant

SOURCE = "1.2.3.4"


@pytest.fixture
async def payer(merchant: Merchant) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client without a token."""
    async with httpx.AsyncClient(transport=merchant.api._transport, base_url=BASE_URL) as client:
        yield client


async def put(payer: httpx.AsyncClient, session_id: str, body: Any, expect: int = 200) -> Any:
    answer = await payer.put(f"/v1/view/{session_id}/session/order/gift_card", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def choose(merchant: Merchant, session_id: str, wanted: int | None) -> None:
    await payer_side.set_gift_card_amount(merchant.ctx, session_id, wanted)


async def shown(merchant: Merchant, session_id: str) -> tuple[int, int, int | None, int]:
    """Return the share, the maximum, the chosen amount and the amount to pay."""
    view = await merchant.view(session_id)
    assert view.gift_card is not None
    card = view.gift_card
    assert view.order_amount - view.to_pay == card.amount
    return card.amount, card.maximum, card.wanted, view.to_pay


async def holds(merchant: Merchant) -> list[tuple[str, int]]:
    async with merchant.ctx.db.reading() as db:
        return [(hold.state, hold.amount) for hold in await db.exec(select(Hold))]


async def card_events(merchant: Merchant, session_id: str) -> list[int | None]:
    """Return the amount in each SET_GIFT_CARD event, or None if the card was removed."""
    session = await merchant.get(f"/v1/sessions/{session_id}")
    return [
        (event["details"].get("gift_card") or {}).get("card_amount")
        for event in session["events"]
        if event["name"] == "SET_GIFT_CARD"
    ]


async def draw_elsewhere(merchant: Merchant, card: dict[str, Any], amount: int) -> None:
    body = {
        "card_id": card["card_id"],
        "ref_id": f"elsewhere-{amount}",
        "amount": amount,
        "currency": "NOK",
    }
    await merchant.post(f"/v1/accounts/{ACCOUNT}/wallets/transactions", body)


async def change_order(merchant: Merchant, session_id: str, amount: int) -> None:
    item = {
        "id": "10",
        "line_id": "1",
        "amount": amount,
        "quantity": 1,
        "vat": 25,
        "description": "Pledd",
    }
    answer = await merchant.api.put(
        f"/v1/sessions/{session_id}?update_without_lock=true",
        json={"order": {"amount": amount, "items": [item]}},
    )
    assert answer.status_code == 200, answer.text


async def test_a_chosen_part_is_held_and_the_rest_is_asked_for(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(100000)
    session_id = await merchant.ready(40000, card)
    assert await shown(merchant, session_id) == (40000, 40000, None, 0)
    assert (await merchant.view(session_id)).options == ()
    await choose(merchant, session_id, 15000)
    assert await shown(merchant, session_id) == (15000, 40000, 15000, 25000)
    view = await merchant.view(session_id)
    assert view.gift_card is not None and view.gift_card.left == 85000
    assert [option.type for option in view.options] == [OPTION], "something else pays the rest"
    result = await merchant.press_pay(session_id)
    assert result.state == "redirect" and result.url is not None
    assert await holds(merchant) == [("pending", 15000)]
    assert await merchant.balance(card["card_id"]) == (85000, 15000, 0)
    answer = card_gateway.pay(result.url)
    await merchant.come_back(answer.headers["location"])
    transaction_id = str((await merchant.view(session_id)).transaction_id)
    transaction = await merchant.transaction(transaction_id)
    assert [part["amount"] for part in transaction["gift_cards"]] == [15000]

    # The gift card goes first in a capture and in a refund.
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": 20000})
    assert await merchant.balance(card["card_id"]) == (85000, 0, 15000)
    await merchant.post(f"{path}/refund", {"amount": 16000})
    assert await merchant.balance(card["card_id"]) == (100000, 0, 0)
    await merchant.audit()


async def test_the_share_follows_what_shrinks_and_the_choice_stays(merchant: Merchant) -> None:
    card = await merchant.card(20000)
    session_id = await merchant.ready(40000, card)
    await choose(merchant, session_id, 12000)
    await change_order(merchant, session_id, 50000)
    assert await shown(merchant, session_id) == (12000, 20000, 12000, 38000)
    await draw_elsewhere(merchant, card, 15000)
    assert await shown(merchant, session_id) == (5000, 5000, 12000, 45000)
    await change_order(merchant, session_id, 3000)
    assert await shown(merchant, session_id) == (3000, 3000, 12000, 0)
    await change_order(merchant, session_id, 40000)
    assert await shown(merchant, session_id) == (5000, 5000, 12000, 35000)
    await choose(merchant, session_id, None)
    await change_order(merchant, session_id, 1000)
    await change_order(merchant, session_id, 4000)
    assert await shown(merchant, session_id) == (4000, 4000, None, 0), "all follows the order"
    await choose(merchant, session_id, 10**12)
    assert await shown(merchant, session_id) == (4000, 4000, 10**12, 0)


@pytest.mark.parametrize("wrong", [0, -1, 10**12 + 1])
async def test_less_than_a_minor_unit_is_no_choice(merchant: Merchant, wrong: int) -> None:
    session_id = await merchant.ready(40000, await merchant.card(20000))
    with pytest.raises(InvalidRequest) as refused:
        await choose(merchant, session_id, wrong)
    assert [error.field for error in refused.value.errors] == ["amount"]
    assert await shown(merchant, session_id) == (20000, 20000, None, 20000)
    await choose(merchant, session_id, 1)
    assert await shown(merchant, session_id) == (1, 20000, 1, 39999)


async def test_by_the_payers_api(merchant: Merchant, payer: httpx.AsyncClient) -> None:
    card = await merchant.card(20000)
    session_id = await merchant.ready(40000)
    known = {"token": card["number"], "pin": card["pin"]}
    alone = await put(payer, session_id, {"amount": 5000}, expect=400)
    assert [e["field"] for e in alone["error"]["errors"]] == ["token"]
    for wrong in ({"amount": 0}, {"amount": 1.5}, {"amount": "100"}, {"amount": True}):
        refused = await put(payer, session_id, known | wrong, expect=400)
        assert [e["field"] for e in refused["error"]["errors"]] == ["amount"], wrong
    for missing, field in (
        ({}, "token"),
        ({"token": "1"}, "pin"),
        ({"pin": "1"}, "token"),
        ({"token": "1", "amount": 5}, "pin"),
    ):
        refused = await put(payer, session_id, missing, expect=400)
        assert [e["field"] for e in refused["error"]["errors"]] == [field], missing
    assert (await merchant.view(session_id)).gift_card is None

    session = await put(payer, session_id, known | {"amount": 5000})
    assert session["order"]["gift_cards"][0]["amount"] == 5000
    assert session["customer"]["gift_cards"]["dintero.wallets"][0]["amount"] == 5000
    session = await put(payer, session_id, {"amount": 7000.0})
    assert session["order"]["gift_cards"][0]["amount"] == 7000
    # The same card again with another amount changes it. Without an amount nothing changes.
    await put(payer, session_id, known | {"amount": 8000})
    await put(payer, session_id, known)
    assert await shown(merchant, session_id) == (8000, 20000, 8000, 32000)
    session = await put(payer, session_id, {"amount": None})
    assert session["order"]["gift_cards"][0]["amount"] == 20000
    assert "amount" not in session["customer"]["gift_cards"]["dintero.wallets"][0]
    assert await card_events(merchant, session_id) == [5000, 7000, 8000, 20000]

    # Removing the card also removes the chosen amount.
    await put(payer, session_id, {"amount": 1})
    await payer.delete(f"/v1/view/{session_id}/session/order/gift_card")
    await put(payer, session_id, known)
    assert await shown(merchant, session_id) == (20000, 20000, None, 20000)


async def test_preset_by_the_merchant(merchant: Merchant) -> None:
    card = await merchant.card(20000)

    def preset(amount: Any) -> dict[str, Any]:
        one = {"card_id": card["card_id"], "amount": amount}
        return {"customer": {"gift_cards": {"dintero.wallets": [one]}}}

    session_id = await merchant.ready(40000, **preset(5000))
    assert await shown(merchant, session_id) == (5000, 20000, 5000, 35000)
    session = await merchant.get(f"/v1/sessions/{session_id}")
    assert session["order"]["gift_cards"][0]["amount"] == 5000
    assert session["customer"]["gift_cards"]["dintero.wallets"][0]["amount"] == 5000
    assert await card_events(merchant, session_id) == [5000]
    await choose(merchant, session_id, None)
    assert await shown(merchant, session_id) == (20000, 20000, None, 20000)
    assert await shown(merchant, await merchant.ready(40000, **preset(None))) == (
        20000,
        20000,
        None,
        20000,
    )
    assert await shown(merchant, await merchant.ready(40000, **preset(90000))) == (
        20000,
        20000,
        90000,
        20000,
    )
    for wrong in (0, -5, 1.5, "100", True):
        from tests.support.checkout import session_body

        body = session_body(40000, **preset(wrong))
        refused = await merchant.post("/v1/sessions-profile", body, expect=400)
        field = refused["error"]["errors"][0]["field"]
        assert field == "customer.gift_cards.dintero.wallets.0.amount", wrong


async def test_the_same_choice_twice_is_one(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000, await merchant.card(20000))
    await asyncio.gather(*(choose(merchant, session_id, 5000) for _ in range(10)))
    assert await card_events(merchant, session_id) == [20000, 5000]
    version = (await merchant.view(session_id)).version
    await choose(merchant, session_id, 5000)
    assert (await merchant.view(session_id)).version == version
    await asyncio.gather(*(choose(merchant, session_id, None) for _ in range(10)))
    assert await card_events(merchant, session_id) == [20000, 5000, 20000]


async def test_another_spend_of_the_card_asks_for_confirmation(merchant: Merchant) -> None:
    card = await merchant.card(20000)
    session_id = await merchant.ready(40000, card)
    await choose(merchant, session_id, 15000)
    await draw_elsewhere(merchant, card, 4000)
    # The chosen amount is still available. There is nothing to confirm, and no more is taken.
    assert await shown(merchant, session_id) == (15000, 16000, 15000, 25000)
    await draw_elsewhere(merchant, card, 10000)
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, Press(OPTION, 25000, "nb"))
    assert await holds(merchant) == []
    assert await shown(merchant, session_id) == (6000, 6000, 15000, 34000)
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert await holds(merchant) == [("pending", 6000)]
    await merchant.audit()


async def test_two_sessions_use_one_card_in_parts(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    sessions = [await merchant.ready(40000, card) for _ in range(5)]
    for session_id in sessions:
        await choose(merchant, session_id, 4000)

    async def press(session_id: str) -> str:
        try:
            return (await pay(merchant.ctx, session_id, Press(OPTION, 36000, "nb"))).state
        except SplitChanged:
            return "split changed"

    pressed = await asyncio.gather(*(press(session_id) for session_id in sessions))
    assert sorted(pressed) == ["redirect", "redirect", *["split changed"] * 3]
    assert await merchant.balance(card["card_id"]) == (2000, 8000, 0)
    left = [s for s in sessions if (await merchant.view(s)).state is PageState.OPEN]
    assert [await shown(merchant, s) for s in left] == [(2000, 2000, 4000, 38000)] * 3
    await merchant.audit()


async def test_changing_the_amount_while_pay_is_pressed(merchant: Merchant) -> None:
    """Whichever comes first, the hold equals the amount that the payer saw when they pressed."""
    card = await merchant.card(200000)
    for turn in range(6):
        session_id = await merchant.ready(20000, card)
        await choose(merchant, session_id, 4000)
        before = await merchant.balance(card["card_id"])
        pressed, changed = await asyncio.gather(
            pay(merchant.ctx, session_id, Press(OPTION, 16000, "nb")),
            choose(merchant, session_id, 9000 + turn),
            return_exceptions=True,
        )
        view = await merchant.view(session_id)
        available, held, _ = await merchant.balance(card["card_id"])
        if isinstance(pressed, BaseException):
            assert isinstance(pressed, SplitChanged) and changed is None
            assert (view.state, view.to_pay) == (PageState.OPEN, 11000 - turn)
            assert (available, held) == before[:2]
        else:
            assert pressed.state == "redirect"
            assert isinstance(changed, PaymentInProgress)
            assert (view.state, view.to_pay) == (PageState.PAYING, 16000)
            assert (available, held) == (before[0] - 4000, before[1] + 4000)
    await merchant.audit()


async def test_a_payment_given_up_leaves_the_choice(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(20000)
    session_id = await merchant.ready(40000, card)
    await choose(merchant, session_id, 5000)
    await merchant.press_pay(session_id)
    with pytest.raises(PaymentInProgress):
        await choose(merchant, session_id, 6000)
    await reopen(merchant.ctx, session_id)
    assert await shown(merchant, session_id) == (5000, 20000, 5000, 35000)
    await choose(merchant, session_id, 6000)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    await merchant.come_back(card_gateway.pay(result.url).headers["location"])
    assert await merchant.balance(card["card_id"]) == (14000, 6000, 0)
    with pytest.raises(SessionClosed):
        await choose(merchant, session_id, 1)
    await merchant.audit()


async def test_a_change_is_refused_to_who_saw_an_older_session(
    merchant: Merchant, payer: httpx.AsyncClient
) -> None:
    session_id = await merchant.ready(40000, await merchant.card(20000))
    seen = (await merchant.get(f"/v1/sessions/{session_id}"))["updated_at"]
    await choose(merchant, session_id, 5000)
    answer = await payer.put(
        f"/v1/view/{session_id}/session/order/gift_card",
        json={"amount": 1},
        headers={"If-Unmodified-Since": seen},
    )
    assert answer.status_code == 412
    assert await shown(merchant, session_id) == (5000, 20000, 5000, 35000)


async def test_offered_only_where_the_rest_can_be_paid(merchant: Merchant) -> None:
    card = await merchant.card(100000)
    on = {"type": "payment_product_type", "enabled": True}
    only_cards = {"dintero": {"type": "payment_type", "wallets": on}}
    session_id = await merchant.ready(40000, card, configuration=only_cards)
    view = await merchant.view(session_id)
    assert view.gift_card is not None and not view.gift_card.adjustable
    await choose(merchant, session_id, 5000)
    view = await merchant.view(session_id)
    # The API can choose it, and the page shows how to undo that.
    assert not view.payable and view.gift_card is not None and view.gift_card.adjustable
