"""Some writes follow another wait than the shop's callback: a PIN check, a code by SMS or a
provider's answer. Each write checks the session again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profiles import save_profile
from backend.cards import pin_attempts
from backend.cards.pin_check import match_number_and_pin
from backend.core.errors import GiftCardRefused, SessionChanged, SplitChanged
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.operations.execute import asked_for
from backend.payments.tables import Transaction
from backend.sessions import payer
from backend.sessions.load import get_session, lock_as_seen
from backend.sessions.tables import SessionGiftCard
from backend.sessions.view import PageState
from tests.api.paying import at_provider, holds, transactions_of
from tests.api.test_returning import Browser, browser, gateway, shop
from tests.support.callback_server import CallbackServer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, DETAILS, ON, OPTION, Merchant, profile

__all__ = ["browser", "gateway", "shop"]
SPLIT = {"payout_destination_id": "p", "amount": 40000}
ITEM = {"id": "10", "line_id": "1", "amount": 40000, "quantity": 1}
CHEAP = {"id": "post", "line_id": "s1", "amount": 4900, "operator": "Posten", "title": "Post"}
DEAR = {**CHEAP, "id": "van", "line_id": "s2", "amount": 9900, "title": "Van"}


async def put(merchant: Merchant, session_id: str, **body: Any) -> None:
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answer = await merchant.api.put(path, json={"order": {}} | body)
    assert answer.status_code == 200, answer.text


async def test_the_order_is_divided_while_the_pin_is_checked(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """No gift card works with splits, however early its PIN check started."""
    setup = profile(card_gateway.base_url, "sk_test_x", configuration={"dintero": {"wallets": ON}})
    await save_profile(merchant.ctx, setup)
    card = await merchant.card(10000)
    silent = {"active_payment_types": {"enabled": True}}
    session_id = await merchant.ready(configuration=silent)
    match = await match_number_and_pin(
        merchant.ctx,
        ACCOUNT,
        card["number"],
        card["pin"],
        asker=pin_attempts.payer(merchant.ctx, session_id, "203.0.113.7"),
    )
    assert match is not None
    await put(merchant, session_id, order={"amount": 40000, "items": [{**ITEM, "splits": [SPLIT]}]})
    with pytest.raises(GiftCardRefused) as refused:
        await payer._add(merchant.ctx, session_id, match, payer.CardChoice())
    assert refused.value.reason == "not_offered"
    async with merchant.ctx.db.reading() as db:
        assert await db.get(SessionGiftCard, session_id) is None


async def test_a_card_that_was_taken_off_while_its_pin_was_checked_is_added(
    merchant: Merchant,
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    match = await match_number_and_pin(
        merchant.ctx,
        ACCOUNT,
        card["number"],
        card["pin"],
        asker=pin_attempts.payer(merchant.ctx, session_id, "203.0.113.7"),
    )
    assert match is not None
    await payer.remove_gift_card(merchant.ctx, session_id)
    await payer._add(merchant.ctx, session_id, match, payer.CardChoice())
    shown = await merchant.view(session_id)
    assert shown.gift_card is not None
    assert (shown.gift_card.amount, shown.to_pay) == (10000, 30000)


async def test_a_shipping_option_is_looked_for_among_those_offered_now(merchant: Merchant) -> None:
    """The option is found by its description, with its present place and price."""
    session_id = await merchant.ready(40000, express={"shipping_options": [CHEAP, DEAR]})
    await put(merchant, session_id, express={"shipping_options": [DEAR, {**CHEAP, "amount": 5900}]})
    path = f"/v1/view/{session_id}/session/order/shipping_option"
    answer = await merchant.api.put(path, json=CHEAP)
    assert answer.status_code == 200, answer.text
    chosen = answer.json()["order"]["shipping_option"]
    assert (chosen["id"], chosen["amount"]) == ("post", 5900)
    assert answer.json()["order"]["amount"] == 45900
    await put(merchant, session_id, express={"shipping_options": [DEAR]})
    gone = await merchant.api.put(path, json=CHEAP)
    assert gone.status_code == 400, gone.text


async def test_a_code_by_sms_asks_the_shop_about_the_address_that_it_fills_in(
    shop: Merchant, browser: Browser
) -> None:
    """The shipping price for another address does not apply to the remembered one."""
    shop.ctx.settings.allow_insecure_callbacks = True
    await browser.bought()
    with CallbackServer().running() as server:
        express = {"shipping_options": [], "shipping_address_callback_url": server.url}
        session_id = await shop.session(40000, express=express)
        there = replace(DETAILS, shipping=replace(DETAILS.shipping, postal_code="0150"))
        server.answers({"shipping_options": [CHEAP]})
        await payer.set_details(shop.ctx, session_id, there)
        assert (await shop.view(session_id)).order_amount == 44900
        await browser.ask(session_id)
        # The shop fails for the remembered address, so the order must not be paid with the other's
        # price.
        server.answers({}, status=500)
        await browser.use(session_id, await browser.code())
        shown = await shop.view(session_id)
        assert (shown.shipping_address.postal_code, shown.details_done) == ("0155", False)
        await browser.pay(session_id, expect=400)
        server.answers({"shipping_options": [DEAR]})
        await payer.set_details(shop.ctx, session_id, DETAILS)
        assert (await shop.view(session_id)).order_amount == 49900
        assert len(server.asked) == 3


async def test_only_the_payment_that_was_meant_is_ended(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The decision about the first change did not know of the second."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    [first] = await transactions_of(merchant, session_id)
    await reopen(merchant.ctx, session_id)
    second = await merchant.press_pay(session_id)
    await reopen(merchant.ctx, session_id, only=first.id)
    shown = await merchant.view(session_id)
    assert (shown.state, shown.redirect_url) == (PageState.PAYING, second.url)
    assert sorted(await holds(merchant)) == [("pending", 10000), ("voided", 10000)]
    pages = await at_provider(merchant, card_gateway)
    assert sorted(page["status"] for page in pages) == ["expired", "open"]
    [_, live] = await transactions_of(merchant, session_id)
    await reopen(merchant.ctx, session_id, only=live.id)
    assert (await merchant.view(session_id)).state is PageState.OPEN
    await merchant.audit()


async def test_an_order_that_changed_while_the_first_payment_was_ended_is_not_paid(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """Another option ends the payment under way, which takes some time. The order may have changed
    by then."""
    session_id = await merchant.ready()
    async with merchant.ctx.db.reading() as db:
        before = (await get_session(db, session_id)).body["order"]
    await put(merchant, session_id, order={"amount": 50000, "items": [{**ITEM, "amount": 50000}]})
    answer = await merchant.api.post(
        f"/v1/sessions/{session_id}/pay", json={"payment_product_type": OPTION, "amount": 40000}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "SPLIT_CHANGED")
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, Press(OPTION, None, "nb", order=before))
    assert await transactions_of(merchant, session_id) == []
    assert await at_provider(merchant, card_gateway) == []


async def test_every_change_of_a_session_makes_its_version_grow(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """`lock_as_seen` relies on this."""
    card = await merchant.card(10000)
    session_id = await merchant.session(40000, express={"shipping_options": [CHEAP, DEAR]})
    view = f"/v1/view/{session_id}/session"
    typed = {"token": card["number"], "pin": card["pin"]}
    pay = {"payment_product_type": OPTION}
    steps: list[tuple[str, str, Any]] = [
        ("POST", f"{view}/lock", None),
        ("PUT", f"/v1/sessions/{session_id}", {"order": {"merchant_reference_2": "x"}}),
        ("PUT", f"{view}/order/addresses", {"shipping_address": _address()}),
        ("PUT", f"{view}/order/shipping_option", DEAR),
        ("PUT", f"{view}/order/gift_card", typed),
        ("PUT", f"{view}/order/gift_card", {"amount": 100}),
        ("DELETE", f"{view}/order/gift_card", None),
        ("POST", f"/v1/sessions/{session_id}/pay", pay),
        ("POST", f"/v1/sessions/{session_id}/cancel", None),
    ]
    for method, path, body in steps:
        seen = (await merchant.view(session_id)).version
        answer = await merchant.api.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        assert (path, (await merchant.view(session_id)).version > seen) == (path, True)
        if (await merchant.view(session_id)).state is PageState.OPEN:
            with pytest.raises(SessionChanged):
                async with merchant.ctx.db.unit_of_work() as db:
                    await lock_as_seen(merchant.ctx, db, session_id, seen, by_payer=False)
    [transaction] = await transactions_of(merchant, session_id)
    async with merchant.ctx.db.reading() as db:
        found = (await db.exec(select(Transaction).where(Transaction.id == transaction.id))).one()
        assert (await asked_for(db, found)).total == 49900


def _address() -> dict[str, str]:
    return {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Storgata 1",
        "postal_code": "0155",
        "postal_place": "Oslo",
        "country": "NO",
        "email": "kari@example.com",
        "phone_number": "+4799887766",
    }
