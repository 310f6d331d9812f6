"""The remainder is below what any provider accepts. The payer hears it before Pay and can still
continue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profiles import connections_of, profile_of, save_profile
from backend.core.errors import RemainderTooSmall
from backend.payments.attempts.start import Press, pay
from backend.payments.tables import Operation, Transaction
from backend.sessions import payer
from backend.sessions.view import Notice, PageState
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    ACCOUNT,
    DETAILS,
    OPTION,
    WITHOUT_GIFT_CARDS,
    Merchant,
    profile,
)

PROFILES = "/v1/admin/session/profiles"
TOO_LITTLE = {"reason": "use_less", "amount": 1, "minimum": 300, "gift_card_amount": 9701}


async def put_card(
    merchant: Merchant, session: str, body: dict[str, Any], expect: int = 200
) -> Any:
    path = f"/v1/view/{session}/session/order/gift_card"
    answer = await merchant.api.put(path, json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def pay_by_api(merchant: Merchant, session: str, expect: int = 200, **more: Any) -> Any:
    body = {"payment_product_type": OPTION} | more
    return await merchant.post(f"/v1/sessions/{session}/pay", body, expect)


async def untouched(merchant: Merchant, session: str, card: dict[str, Any], left: int) -> None:
    """Assert that no payment attempt has started and nothing is held."""
    async with merchant.ctx.db.reading() as db:
        tries = list(await db.exec(select(Transaction).where(Transaction.session_id == session)))
    assert tries == []
    assert await merchant.balance(card["card_id"]) == (left, 0, 0)
    assert (await merchant.view(session)).state is PageState.OPEN


def payability(session: dict[str, Any]) -> str:
    return str(session["configuration"]["dintero_psp"]["creditcard"]["payability"])


async def test_a_card_that_leaves_too_little(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session = await merchant.ready(10001)
    told = await put_card(merchant, session, {"token": card["number"], "pin": card["pin"]})
    # The card pays min(available, order) as documented, and the answer also states the consequence.
    assert told["order"]["gift_cards"][0]["amount"] == 10000
    assert told["remainder"] == TOO_LITTLE
    assert payability(told) == "disabled_by_order_amount"
    assert (await merchant.get(f"/v1/sessions/{session}"))["remainder"] == TOO_LITTLE
    shown = await merchant.view(session)
    assert (shown.payable, shown.to_pay) == (False, 1)
    assert [(o.type, o.minimum, o.payable) for o in shown.options] == [(OPTION, 300, False)]
    refused = await pay_by_api(merchant, session, 409)
    assert refused["error"]["code"] == "REMAINDER_BELOW_MINIMUM"
    assert refused["error"]["details"] == TOO_LITTLE | {"payment_product_type": OPTION}
    with pytest.raises(RemainderTooSmall):
        await pay(merchant.ctx, session, Press(OPTION, 1, "nb"))
    await untouched(merchant, session, card, 10000)

    # The suggested amount works. It leaves exactly the minimum, and the payment succeeds.
    told = await put_card(merchant, session, {"amount": 9701})
    assert "remainder" not in told
    assert payability(told) == "payable"
    result = await merchant.press_pay(session)
    assert result.url is not None
    await merchant.come_back(card_gateway.pay(result.url).headers["location"])
    paid = await merchant.view(session)
    assert paid.state is PageState.PAID
    transaction = await merchant.get(f"/v1/transactions/{paid.transaction_id}")
    assert transaction["gift_cards"][0]["amount"] == 9701
    await merchant.post(f"/v1/transactions/{paid.transaction_id}/capture", {"amount": 10001})
    assert await merchant.balance(card["card_id"]) == (299, 0, 9701)
    await merchant.audit()


@pytest.mark.parametrize("amount", [10000, 9999, 9702, 20000])
async def test_an_amount_that_leaves_too_little_is_refused(merchant: Merchant, amount: int) -> None:
    card = await merchant.card(10000)
    session = await merchant.ready(10001)
    code = {"token": card["number"], "pin": card["pin"]}
    answer = await put_card(merchant, session, code | {"amount": amount}, 400)
    error = answer["error"]
    left = 10001 - min(amount, 10000)
    assert error["code"] == "REMAINDER_BELOW_MINIMUM"
    assert error["details"] == TOO_LITTLE | {"amount": left}
    assert [(e["field"], e["code"]) for e in error["errors"]] == [("amount", "use_less")]
    assert (await merchant.view(session)).gift_card is None
    # The same holds for a card in use, and the earlier choice stays.
    await put_card(merchant, session, code | {"amount": 5000})
    await put_card(merchant, session, {"amount": amount}, 400)
    shown = await merchant.view(session)
    assert shown.gift_card is not None
    assert (shown.gift_card.amount, shown.payable) == (5000, True)


async def test_less_of_a_card_that_could_pay_all(merchant: Merchant) -> None:
    card = await merchant.card(50000)
    session = await merchant.ready(10000, card)
    assert (await merchant.view(session)).payable
    answer = await put_card(merchant, session, {"amount": 9900}, 400)
    assert answer["error"]["details"] == {
        "reason": "use_less",
        "amount": 100,
        "minimum": 300,
        "gift_card_amount": 9700,
    }
    small = await merchant.ready(200, card)
    answer = await put_card(merchant, small, {"amount": 100}, 400)
    assert answer["error"]["details"] == {
        "reason": "use_all",
        "amount": 100,
        "minimum": 300,
        "gift_card_amount": 200,
    }


async def test_a_preset_card_likewise(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    for more, left in (({}, 1), ({"amount": 9990}, 11)):
        preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"], **more}]}}
        session = await merchant.session(10001, customer=preset)
        told = await merchant.get(f"/v1/sessions/{session}")
        assert told["remainder"] == TOO_LITTLE | {"amount": left}
        await payer.set_details(merchant.ctx, session, DETAILS)
        await pay_by_api(merchant, session, 409)
        await untouched(merchant, session, card, 10000)


@pytest.mark.parametrize(
    ("order", "balance", "reason"),
    [
        (200, 100, "order_too_small"),
        (300, 100, "remove_card"),
        (200, None, "order_too_small"),
    ],
)
async def test_an_order_that_cannot_be_shared(
    merchant: Merchant, order: int, balance: int | None, reason: str
) -> None:
    card = await merchant.card(balance) if balance else None
    session = await merchant.ready(order, card)
    told = await merchant.get(f"/v1/sessions/{session}")
    left = order - (balance or 0)
    expected = {"reason": reason, "amount": left, "minimum": 300, "gift_card_amount": None}
    assert told["remainder"] == expected
    assert (await merchant.view(session)).payable is False
    refused = await pay_by_api(merchant, session, 409)
    assert refused["error"]["details"] == expected | {"payment_product_type": OPTION}
    if card is not None and balance is not None:
        await untouched(merchant, session, card, balance)
        answer = await put_card(merchant, session, {"amount": 50}, 400)
        assert answer["error"]["details"]["gift_card_amount"] is None
    await payer.remove_gift_card(merchant.ctx, session)
    assert (await merchant.view(session)).payable is (reason == "remove_card")


async def test_the_order_grows_and_shrinks_under_the_card(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session = await merchant.ready(40000, card)
    assert (await merchant.view(session)).payable
    for amount, payable in ((10001, False), (10300, True), (10000, True), (10299, False)):
        item = {"id": "1", "line_id": "1", "amount": amount, "quantity": 1, "description": "x"}
        body = {"order": {"amount": amount, "items": [item]}}
        path = f"/v1/sessions/{session}?update_without_lock=true"
        answer = await merchant.api.put(path, json=body)
        assert answer.status_code == 200, answer.text
        assert (await merchant.view(session)).payable is payable, amount


async def connect_two(merchant: Merchant) -> None:
    """Connect the card gateway, whose minimum is 3.00, and Klarna, which publishes none."""
    async with merchant.ctx.db.reading() as db:
        known = connections_of(merchant.ctx, await profile_of(db, ACCOUNT, "default"))
    klarna = {"base_url": "http://127.0.0.1:1", "username": "u", "password": "p"}
    connections = {**known, "klarna.klarna": klarna}
    await save_profile(merchant.ctx, profile("", "", connections=connections))


async def test_one_option_takes_it_and_another_does_not(merchant: Merchant) -> None:
    await connect_two(merchant)
    card = await merchant.card(10000)
    session = await merchant.ready(10001, card)
    shown = await merchant.view(session)
    assert [(o.type, o.payable) for o in shown.options] == [
        (OPTION, False),
        ("klarna.klarna", True),
    ]
    assert (shown.payable, shown.remainder.verdict.value) == (True, "payable")
    told = await merchant.get(f"/v1/sessions/{session}")
    assert "remainder" not in told
    assert payability(told) == "disabled_by_order_amount"
    assert told["configuration"]["klarna"]["klarna"]["payability"] == "payable"
    refused = await pay_by_api(merchant, session, 409)
    assert refused["error"]["details"]["minimum"] == 300
    await untouched(merchant, session, card, 10000)
    # A chosen amount is also accepted, because one option can take the rest.
    await put_card(merchant, session, {"amount": 9990})


async def test_a_profile_says_otherwise(merchant: Merchant) -> None:
    body = {"minimum_amounts": {OPTION: {"NOK": 5000, "SEK": 1}}}
    answer = await merchant.api.put(f"{PROFILES}/default", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["minimum_amounts"] == body["minimum_amounts"]
    card = await merchant.card(10000)
    session = await merchant.ready(14999, card)
    assert (await merchant.get(f"/v1/sessions/{session}"))["remainder"] == {
        "reason": "use_less",
        "amount": 4999,
        "minimum": 5000,
        "gift_card_amount": 9999,
    }
    other = await merchant.session(4999, configuration=WITHOUT_GIFT_CARDS)
    told = await merchant.get(f"/v1/sessions/{other}")
    assert told["remainder"]["reason"] == "order_too_small"
    # Fields that it does not name stay, and an empty object removes all of them.
    await merchant.api.put(f"{PROFILES}/default", json={"description": "x"})
    assert (await merchant.get(f"{PROFILES}/default"))["minimum_amounts"] == body["minimum_amounts"]
    await merchant.api.put(f"{PROFILES}/default", json={"minimum_amounts": {}})
    again = await merchant.session(4999)
    assert "remainder" not in await merchant.get(f"/v1/sessions/{again}")


@pytest.mark.parametrize("minimums", [
    {"no.such": {"NOK": 1}}, {OPTION: {"NOK": 0}}, {OPTION: {"NOK": -5}}, {OPTION: {"QQQ": 1}},
    {OPTION: {"XXX1": 1}}, {OPTION: 5}, {OPTION: {"NOK": 10**13}}, [1],
])  # fmt: skip
async def test_minimums_that_are_none(merchant: Merchant, minimums: Any) -> None:
    answer = await merchant.api.put(f"{PROFILES}/default", json={"minimum_amounts": minimums})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["errors"][0]["field"].startswith("minimum_amounts")


@pytest.fixture
def agreed(card_gateway: CardGatewaySandbox) -> Iterator[CardGatewaySandbox]:
    """Connect a provider whose agreement with the merchant allows 50.00 to 900.00."""
    card_gateway.admin("settings", minimum=5000, maximum=90000)
    yield card_gateway
    card_gateway.admin("settings", minimum=0, maximum=0)


@pytest.mark.parametrize("order", [14000, 110000])
async def test_the_providers_refusal_is_told_as_that(
    merchant: Merchant, agreed: CardGatewaySandbox, order: int
) -> None:
    card = await merchant.card(10000)
    session = await merchant.ready(order, card)
    answer = await pay_by_api(merchant, session)
    assert answer == {
        "success": False,
        "actions": [],
        "error": "Rejected",
        "reason": "amount_refused",
    }
    shown = await merchant.view(session)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.AMOUNT_REFUSED)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    async with merchant.ctx.db.reading() as db:
        (tried,) = list(await db.exec(select(Transaction)))
        (operation,) = list(await db.exec(select(Operation)))
    assert tried.status == "FAILED"
    assert operation.error is not None
    assert operation.error["code"] == "amount"
    # The payer chooses another share of the card and pays.
    wanted = 9000 if order < 20000 else None
    if wanted is not None:
        await payer.set_gift_card_amount(merchant.ctx, session, wanted)
        result = await merchant.press_pay(session)
        assert result.state == "redirect"
    await merchant.audit()


async def test_a_request_cannot_say_what_is_left(merchant: Merchant) -> None:
    """Only we write `remainder`, both in a session and in what an older profile may have stored."""
    extra: dict[str, Any] = {"minimum_amounts": {OPTION: {"NOK": "much"}, "x": 1}}
    async with merchant.ctx.db.reading() as db:
        known = connections_of(merchant.ctx, await profile_of(db, ACCOUNT, "default"))
    await save_profile(merchant.ctx, profile("", "", connections=known, extra=extra))
    session = await merchant.session(40000, remainder={"reason": "order_too_small"})
    for path in (f"/v1/sessions/{session}", f"/v1/view/{session}/session"):
        assert "remainder" not in await merchant.get(path)
    await payer.set_details(merchant.ctx, session, DETAILS)
    shown = await merchant.view(session)
    assert [(option.minimum, option.payable) for option in shown.options] == [(300, True)]
