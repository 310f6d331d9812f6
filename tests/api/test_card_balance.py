"""A payer looks at a card and sees its balance, its holds and its movements. The tests also check
what nobody learns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.clients import create_account
from backend.accounts.profiles import save_profile
from backend.cards.tables import PinBudget
from backend.core.errors import GiftCardRefused, NotFound, TooManyAttempts
from backend.payments.views.card_balance import (
    SHOWN_MOVEMENTS,
    BalanceView,
    CardState,
    HeldBy,
    read_balance,
    read_shop,
)
from backend.sessions import payer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant, profile
from tests.support.wallets import batch

SOURCE = "203.0.113.7"


async def look(
    merchant: Merchant,
    card: dict[str, Any],
    pin: str | None = None,
    source: str = SOURCE,
    account: str = ACCOUNT,
) -> BalanceView | None:
    wanted = card["pin"] if pin is None else pin
    return await read_balance(merchant.ctx, account, card["number"], wanted, source)


async def seen(merchant: Merchant, card: dict[str, Any]) -> BalanceView:
    view = await look(merchant, card)
    assert view is not None
    assert view.balance == sum(moved.amount for moved in view.movements), "they add up"
    return view


def wrong_pin(card: dict[str, Any]) -> str:
    return "0000" if card["pin"] != "0000" else "1111"


async def move(merchant: Merchant, card: dict[str, Any], **body: Any) -> Any:
    whole = {"card_id": card["card_id"], "currency": "NOK"} | body
    return await merchant.post(f"/v1/accounts/{ACCOUNT}/wallets/transactions", whole)


async def test_a_life_of_a_card(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    card = await merchant.card(50000)
    new = await seen(merchant, card)
    assert new.masked_number == f"•••• •••• •••• {card['number'][-4:]}"
    assert (new.state, new.currency, new.available, new.held) == (CardState.GOOD, "NOK", 50000, ())
    assert [(m.kind, m.amount) for m in new.movements] == [("loaded", 50000)]

    # An open payment shows since when it is open and how long it may stay so.
    session_id = await merchant.ready(40000, card, express={})
    await payer.set_gift_card_amount(merchant.ctx, session_id, 15000)
    result = await merchant.press_pay(session_id)
    held = await seen(merchant, card)
    (hold,) = held.held
    assert (held.available, held.balance) == (35000, 50000)
    assert (hold.amount, hold.by) == (15000, HeldBy.PAYMENT)
    lifetime = timedelta(seconds=merchant.ctx.settings.payment_lifetime)
    assert hold.until is not None and hold.until - hold.since == pytest.approx(
        lifetime, abs=timedelta(seconds=1)
    )
    merchant.clock.ahead = lifetime
    assert (await seen(merchant, card)).held[0].until is None, "nothing that has passed is promised"
    merchant.clock.ahead = timedelta()

    # After the payment the amount belongs to the order. A partial capture does not change the age
    # of the rest.
    assert result.url is not None
    await merchant.come_back(card_gateway.pay(result.url).headers["location"])
    (hold,) = (await seen(merchant, card)).held
    assert (hold.by, hold.until) == (HeldBy.ORDER, None)
    transaction_id = (await merchant.view(session_id)).transaction_id
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 10000})
    part = await seen(merchant, card)
    assert [(h.amount, h.by, h.since) for h in part.held] == [(5000, HeldBy.ORDER, hold.since)]
    assert [(m.kind, m.amount) for m in part.movements] == [("paid", -10000), ("loaded", 50000)]
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 30000})
    await merchant.post(f"/v1/transactions/{transaction_id}/refund", {"amount": 4000})
    after = await seen(merchant, card)
    assert (after.available, after.held) == (39000, ())
    assert [(m.kind, m.amount) for m in after.movements] == [
        ("refunded", 4000),
        ("paid", -5000),
        ("paid", -10000),
        ("loaded", 50000),
    ]


async def test_the_merchants_own_drawdowns(merchant: Merchant) -> None:
    # The shown times sometimes contain the four figures of a PIN.
    long = {"format": {"length": 12, "characters": True}}
    card = await merchant.card(50000, pin=long)
    await move(merchant, card, ref_id="a", amount=1000)
    await move(merchant, card, ref_id="b", amount=2000, pending=True)
    given_back = await move(merchant, card, ref_id="c", amount=3000, pending=True)
    await move(merchant, card, ref_id="d", amount=7000, type="fund")
    path = f"/v1/accounts/{ACCOUNT}/wallets/transactions"
    await merchant.post(f"{path}/{given_back['id']}/void", {"ref_id": "e"})
    part = await move(merchant, card, ref_id="f", amount=4000, pending=True)
    await merchant.post(f"{path}/{part['id']}/capture", {"ref_id": "g", "amount": 1500})
    view = await seen(merchant, card)
    assert [(h.amount, h.by, h.until) for h in view.held] == [(2000, HeldBy.SHOP, None)]
    assert [(m.kind, m.amount) for m in view.movements] == [
        ("paid", -1500),
        ("loaded", 7000),
        ("paid", -1000),
        ("loaded", 50000),
    ]
    for number in range(SHOWN_MOVEMENTS + 5):
        await move(merchant, card, ref_id=f"many-{number}", amount=1)
    shown = await look(merchant, card)
    assert shown is not None and len(shown.movements) == SHOWN_MOVEMENTS
    # The answer holds nothing of the merchant's notes.
    assert "many" not in repr(shown) and card["card_id"] not in repr(shown)
    assert card["number"] not in repr(shown) and card["pin"] not in repr(shown)


async def test_cards_that_cannot_pay_are_shown_to_who_has_the_pin(merchant: Merchant) -> None:
    def at(**delta: int) -> str:
        return (datetime.now(UTC) + timedelta(**delta)).isoformat()

    expired = await merchant.card(10000, expires_at=at(hours=1))
    later = await merchant.card(10000, active_from=at(days=9))
    merchant.clock.ahead = timedelta(hours=2)
    assert (await seen(merchant, expired)).state is CardState.EXPIRED
    assert (await seen(merchant, later)).state is CardState.NOT_ACTIVE_YET
    merchant.clock.ahead = timedelta()
    (made,) = await batch(merchant, "inactive-1")
    number, pin = made["card_token"]["token"]["value"], made["pin"]["pin"]["value"]
    inactive = await look(merchant, {"number": number, "pin": pin})
    assert inactive is not None
    assert (inactive.state, inactive.currency, inactive.available) == (CardState.INACTIVE, "", 0)

    gone = await merchant.card(10000)
    answer = await merchant.api.delete(f"/v1/accounts/{ACCOUNT}/wallets/cards/{gone['card_id']}")
    assert answer.status_code == 200
    assert await look(merchant, gone) is None
    await create_account(merchant.ctx, "T87654321", "Another")
    assert await look(merchant, expired, account="T87654321") is None


# --- what nobody learns ---------------------------------------------------------------------------


@pytest.fixture
async def careful(database_url: str) -> AsyncIterator[Merchant]:
    """The budget is three PIN attempts for each card and source, and five for each session. There
    is no provider and no wait."""
    merchant = await open_merchant(
        database_url,
        "http://127.0.0.1:1",
        "sk_test_x",
        pin_tries_per_card_and_source=3,
        pin_tries_per_session=5,
        pin_repeated_mistakes_per_source=1000,
    )
    yield merchant
    await close_merchant(merchant)


async def test_whatever_is_wrong_is_one_answer(careful: Merchant) -> None:
    card = await careful.card()
    unknown = {"number": "9999999999999999", "pin": "1234"}
    for _ in range(3):
        assert await look(careful, unknown) is None
        assert await look(careful, card, wrong_pin(card)) is None
    # Then both budgets are spent, and the right PIN reveals nothing.
    refusals = set()
    for asked in (unknown, card):
        with pytest.raises(TooManyAttempts) as refused:
            await look(careful, asked)
        refusals.add((refused.value.reason, str(refused.value)))
    assert len(refusals) == 1
    assert await look(careful, card, source="198.51.100.1") is not None


async def test_a_card_and_source_are_counted_here_and_in_a_checkout_together(
    careful: Merchant,
) -> None:
    card = await careful.card()
    for _ in range(2):
        assert await look(careful, card, wrong_pin(card)) is None
    with pytest.raises(GiftCardRefused):
        await payer.add_gift_card(
            careful.ctx, await careful.session(), card["number"], wrong_pin(card), SOURCE
        )
    with pytest.raises(TooManyAttempts):
        await look(careful, card)
    other = await careful.session()
    with pytest.raises(TooManyAttempts):
        await payer.add_gift_card(careful.ctx, other, card["number"], card["pin"], SOURCE)
    careful.clock.ahead = timedelta(seconds=careful.ctx.settings.pin_tries_window + 1)
    assert await look(careful, card) is not None


async def test_right_tries_cost_nothing_and_nothing_typed_is_kept(careful: Merchant) -> None:
    card = await careful.card()
    for _ in range(10):
        assert await look(careful, card) is not None
    await look(careful, card, "a wrong PIN 4711")
    async with careful.ctx.db.reading() as db:
        found = list(await db.exec(select(PinBudget)))
    tries = {row.scope.partition(":")[0]: row.tries for row in found}
    assert tries == {"card": 1, "pair": 1, "firsts": 0, "repeats": 0}
    assert not any(SOURCE in row.scope or card["number"] in row.scope for row in found)


@pytest.mark.parametrize(("number", "pin"), [("", "1234"), ("1234", ""), ("  ", " ")])
async def test_nothing_typed_is_no_try(careful: Merchant, number: str, pin: str) -> None:
    assert await look(careful, {"number": number, "pin": pin}) is None
    async with careful.ctx.db.reading() as db:
        assert list(await db.exec(select(PinBudget))) == []


# --- whose page it is ----------------------------------------------------------------------------


async def test_the_merchants_name_and_the_way_back(careful: Merchant) -> None:
    plain = await read_shop(careful.ctx, ACCOUNT, "default", "https://shop.example/")
    assert (plain.merchant_name, plain.return_url) == ("Fjord & Form", None)
    setup = profile(
        "",
        "",
        connections={},
        merchant={"name": "Fjord"},
        configuration={"theme": {"primary": "#0a5577", "secret": "x"}},
        frame_ancestors=("https://shop.example",),
    )
    await save_profile(careful.ctx, setup)
    url = "https://shop.example/cards?x=1"
    shop = await read_shop(careful.ctx, ACCOUNT, "default", url)
    assert (shop.merchant_name, shop.return_url, shop.test_mode) == ("Fjord", url, True)
    assert shop.theme == {"primary": "#0a5577"}
    assert shop.allowed_frame_ancestors == ("https://shop.example",)
    evil = await read_shop(careful.ctx, ACCOUNT, "default", "https://evil.example/")
    assert evil.return_url is None
    for account, name in ((ACCOUNT, "none"), ("T99999999", "default"), ("", "")):
        with pytest.raises(NotFound):
            await read_shop(careful.ctx, account, name)
