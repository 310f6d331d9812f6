"""A preset card that cannot be used, or not yet, stops no order. The merchant gets a warning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from backend.core.errors import GiftCardRefused
from backend.payments.attempts import reclaim_card
from backend.payments.review.reconcile import reconcile_due
from backend.sessions import payer
from backend.sessions.view import Notice, PageState
from tests.api.paying import ahead, at_provider
from tests.support.card_gateway import AUTHORIZATION_TIMES_OUT, CardGatewaySandbox
from tests.support.checkout import DETAILS, Merchant, session_body, sign_in
from tests.support.wallets import CARDS, batch

FIELD = "customer.gift_cards.dintero.wallets.0.card_id"
STRICT = {"Dintero-Feature-Toggles": "other-toggle, strict-gift-cards"}
SOURCE = "1.2.3.4"
Make = Callable[[Merchant], Awaitable[str]]


def preset(card_id: str, **more: Any) -> dict[str, Any]:
    return {"gift_cards": {"dintero.wallets": [{"card_id": card_id, **more}]}}


async def _empty(merchant: Merchant) -> str:
    return str((await merchant.card(0))["card_id"])


async def _expired(merchant: Merchant) -> str:
    return str((await merchant.card(expires_at="2020-01-01T00:00:00Z"))["card_id"])


async def _not_yet(merchant: Merchant) -> str:
    return str((await merchant.card(active_from="2100-01-01T00:00:00Z"))["card_id"])


async def _swedish(merchant: Merchant) -> str:
    return str((await merchant.card(currency="SEK"))["card_id"])


async def _never_sold(merchant: Merchant) -> str:
    await batch(merchant, "never-sold")
    return "never-sold"


async def _deleted(merchant: Merchant) -> str:
    card_id = (await merchant.card())["card_id"]
    assert (await merchant.api.delete(f"{CARDS}/{card_id}")).status_code == 200
    return str(card_id)


async def _unknown(_merchant: Merchant) -> str:
    return "nobody's card"


async def _spent(merchant: Merchant) -> str:
    """An order that was placed holds the whole card, and nobody can reclaim that."""
    card = await merchant.card(10000)
    await merchant.press_pay(await merchant.ready(10000, card))
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    return str(card["card_id"])


UNUSABLE: dict[str, tuple[str, Make]] = {
    "empty": ("empty", _empty),
    "spent on an order": ("empty", _spent),
    "expired": ("expired", _expired),
    "not active yet": ("not_active_yet", _not_yet),
    "never sold": ("inactive", _never_sold),
    "another currency": ("other_currency", _swedish),
    "deleted": ("not_found", _deleted),
    "unknown": ("not_found", _unknown),
}


@pytest.mark.parametrize("name", list(UNUSABLE))
async def test_the_session_is_made_without_the_card_and_the_merchant_is_warned(
    merchant: Merchant, name: str
) -> None:
    expected, make = UNUSABLE[name]
    card_id = await make(merchant)
    body = session_body(customer=preset(card_id))
    made = await merchant.post("/v1/sessions-profile?include_session=true", body)
    (warning,) = made["warnings"]
    assert (warning["code"], warning["field"]) == (expected, FIELD)
    assert warning["message"]
    whole = await merchant.get(f"/v1/sessions/{made['id']}")
    public = await merchant.get(f"/v1/view/{made['id']}/session")
    for shown in (made["session"], whole, public):
        assert shown["warnings"] == [warning]
        assert shown["order"]["gift_cards"] == []
        assert "gift_cards" not in shown.get("customer", {})
    said = [event for event in whole["events"] if event["name"] == "SET_GIFT_CARD"]
    assert [event["details"] for event in said] == [{"error": expected, "warnings": [warning]}]
    view = await merchant.view(made["id"])
    assert (view.gift_card, view.gift_card_offered, view.to_pay) == (None, True, 40000)
    # The same request works again, and the payer can add another card.
    assert (await merchant.post("/v1/sessions-profile", body))["warnings"] == [warning]
    good = await merchant.card(10000)
    await payer.set_details(merchant.ctx, made["id"], DETAILS)
    await payer.add_gift_card(merchant.ctx, made["id"], good["number"], good["pin"], SOURCE)
    assert "warnings" not in await merchant.get(f"/v1/sessions/{made['id']}")
    assert (await merchant.view(made["id"])).to_pay == 30000
    await merchant.audit()


@pytest.mark.parametrize("name", list(UNUSABLE))
async def test_the_strict_mode_refuses_it(merchant: Merchant, name: str) -> None:
    expected, make = UNUSABLE[name]
    card_id = await make(merchant)
    before = len(await merchant.get("/v1/sessions?limit=100"))
    for path in ("/v1/sessions-profile", "/v1/sessions"):
        answer = await merchant.api.post(
            path, json=session_body(customer=preset(card_id)), headers=STRICT
        )
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["code"] == "GIFT_CARD_REFUSED"
        assert [(e["code"], e["field"]) for e in error["errors"]] == [(expected, FIELD)]
    assert len(await merchant.get("/v1/sessions?limit=100")) == before


async def test_a_good_card_causes_no_warning(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    body = session_body(customer=preset(card["card_id"]))
    answer = await merchant.api.post("/v1/sessions-profile", json=body, headers=STRICT)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id", "url"}
    whole = await merchant.get(f"/v1/sessions/{answer.json()['id']}")
    assert "warnings" not in whole
    assert [c["amount"] for c in whole["order"]["gift_cards"]] == [10000]
    # We do not return a request's value under a name that only we write.
    named = await merchant.post("/v1/sessions-profile", body | {"warnings": [{"code": "mine"}]})
    assert "warnings" not in named
    assert "warnings" not in await merchant.get(f"/v1/sessions/{named['id']}")


class Left:
    """A card, some of it held by a payment whose page was left open."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.card: dict[str, Any] = {}
        self.session = ""
        self.url = ""

    async def begin(self, amount: int = 10000, order: int = 40000, **more: Any) -> Left:
        self.card = await self.merchant.card(amount)
        self.session = await self.merchant.session(order, customer=preset(self.card["card_id"]))
        await payer.set_details(self.merchant.ctx, self.session, DETAILS)
        result = await self.merchant.press_pay(self.session)
        assert result.url is not None
        self.url = result.url
        return self

    async def again(self, amount: int = 25000, **more: Any) -> dict[str, Any]:
        body = session_body(amount, customer=preset(self.card["card_id"], **more))
        made: dict[str, Any] = await self.merchant.post("/v1/sessions-profile", body)
        await payer.set_details(self.merchant.ctx, made["id"], DETAILS)
        return made


@pytest.fixture
async def left(merchant: Merchant) -> Left:
    return await Left(merchant).begin()


async def test_a_card_held_by_a_payment_left_open(merchant: Merchant, left: Left) -> None:
    made = await left.again()
    (warning,) = made["warnings"]
    assert (warning["code"], warning["field"]) == ("held_elsewhere", FIELD)
    whole = await merchant.get(f"/v1/sessions/{made['id']}")
    public = await merchant.get(f"/v1/view/{made['id']}/session")
    for shown in (whole, public):
        assert shown["warnings"] == [warning]
        assert shown["order"]["gift_cards"] == []
        (card,) = shown["customer"]["gift_cards"]["dintero.wallets"]
        assert card["card_id"] == left.card["card_id"]
    (said,) = [e["details"] for e in whole["events"] if e["name"] == "SET_GIFT_CARD"]
    assert (said["error"], said["warnings"]) == ("held_elsewhere", [warning])
    assert said["gift_card"]["card_amount"] == 0
    view = await merchant.view(made["id"])
    assert view.gift_card is not None and view.gift_card.preset
    held = (view.gift_card.amount, view.gift_card.held, view.gift_card.reclaimable)
    assert held == (0, 10000, True)
    assert view.to_pay == 25000 and view.payable
    strict = await merchant.api.post(
        "/v1/sessions-profile",
        json=session_body(customer=preset(left.card["card_id"])),
        headers=STRICT,
    )
    assert strict.status_code == 400
    assert strict.json()["error"]["errors"][0]["code"] == "held_elsewhere"
    await merchant.audit()


async def test_it_can_be_paid_without_the_card(
    merchant: Merchant, left: Left, card_gateway: CardGatewaySandbox
) -> None:
    made = await left.again()
    result = await merchant.press_pay(made["id"])
    assert result.url is not None
    await merchant.come_back(card_gateway.pay(result.url).headers["location"])
    paid = await merchant.view(made["id"])
    assert paid.state is PageState.PAID and paid.transaction_id is not None
    transaction = await merchant.transaction(paid.transaction_id)
    assert (transaction["amount"], transaction["gift_cards"]) == (25000, [])
    assert await merchant.balance(left.card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_the_pin_takes_it_back(
    merchant: Merchant, left: Left, card_gateway: CardGatewaySandbox
) -> None:
    made = await left.again()
    path = f"/v1/view/{made['id']}/session/order/gift_card"
    pin = left.card["pin"]
    wrong = {"pin": "0000" if pin != "0000" else "1111", "take_back": True}
    answer = await merchant.api.put(path, json=wrong)
    assert answer.status_code == 400 and "not_matched" in answer.text
    assert await merchant.balance(left.card["card_id"]) == (0, 10000, 0)
    # The PIN alone, without the request to reclaim, changes nothing.
    answer = await merchant.api.put(path, json={"pin": pin})
    assert answer.status_code == 400
    answer = await merchant.api.put(path, json={"pin": pin, "take_back": True})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert [c["amount"] for c in shown["order"]["gift_cards"]] == [10000]
    assert "warnings" not in shown
    assert "warnings" not in await merchant.get(f"/v1/sessions/{made['id']}")
    before = await merchant.view(left.session)
    assert (before.state, before.notice) == (PageState.OPEN, Notice.GIFT_CARD_TAKEN_BACK)
    assert [page["status"] for page in await at_provider(merchant, card_gateway)] == ["expired"]
    view = await merchant.view(made["id"])
    assert view.gift_card is not None and view.gift_card.preset
    assert (view.gift_card.amount, view.gift_card.held, view.to_pay) == (10000, 0, 15000)
    await merchant.press_pay(made["id"])
    assert await merchant.balance(left.card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_number_and_pin_take_it_back_too(merchant: Merchant, left: Left) -> None:
    made = await left.again()
    await reclaim_card.reclaim_and_add(
        merchant.ctx, made["id"], left.card["number"], left.card["pin"], SOURCE
    )
    assert (await merchant.view(made["id"])).to_pay == 15000
    await merchant.audit()


async def test_it_pays_by_itself_once_the_other_payment_is_over(
    merchant: Merchant, left: Left, card_gateway: CardGatewaySandbox
) -> None:
    made = await left.again()
    ahead(merchant, card_gateway, merchant.ctx.settings.payment_lifetime + 60)
    for _ in range(5):
        if not await reconcile_due(merchant.ctx):
            break
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    view = await merchant.view(made["id"])
    assert view.gift_card is not None
    assert (view.gift_card.amount, view.gift_card.held, view.to_pay) == (10000, 0, 15000)
    assert "warnings" not in await merchant.get(f"/v1/sessions/{made['id']}")
    assert await merchant.balance(left.card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_the_other_payment_was_paid_meanwhile(
    merchant: Merchant, left: Left, card_gateway: CardGatewaySandbox
) -> None:
    made = await left.again()
    card_gateway.pay(left.url)
    with pytest.raises(GiftCardRefused) as error:
        await reclaim_card.reclaim(merchant.ctx, made["id"], left.card["pin"], SOURCE)
    assert error.value.reason == "empty"
    assert (await merchant.view(left.session)).state is PageState.PAID
    assert await merchant.balance(left.card["card_id"]) == (0, 10000, 0)
    warnings = (await merchant.get(f"/v1/sessions/{made['id']}"))["warnings"]
    assert [warning["code"] for warning in warnings] == ["empty"]
    assert (await merchant.view(made["id"])).to_pay == 25000
    await merchant.audit()


async def test_a_provider_that_has_not_decided_frees_nothing(
    merchant: Merchant, left: Left, card_gateway: CardGatewaySandbox
) -> None:
    made = await left.again()
    card_gateway.pay(left.url, AUTHORIZATION_TIMES_OUT)
    with pytest.raises(GiftCardRefused) as error:
        await reclaim_card.reclaim(merchant.ctx, made["id"], left.card["pin"], SOURCE)
    assert error.value.reason == "still_held"
    assert await merchant.balance(left.card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_a_part_of_it_is_held(merchant: Merchant) -> None:
    """Of 100.00, 60.00 is held. The other 40.00 pays at once, and the payer can reclaim the
    rest."""
    card = await merchant.card(10000)
    first = await merchant.session(40000, customer=preset(card["card_id"], amount=6000))
    await payer.set_details(merchant.ctx, first, DETAILS)
    await merchant.press_pay(first)
    body = session_body(25000, customer=preset(card["card_id"]))
    answer = await merchant.api.post("/v1/sessions-profile", json=body, headers=STRICT)
    made = answer.json()
    assert [warning["code"] for warning in made["warnings"]] == ["partly_held"]
    view = await merchant.view(made["id"])
    assert view.gift_card is not None
    assert (view.gift_card.amount, view.gift_card.held, view.to_pay) == (4000, 6000, 21000)
    # If the free amount is enough, there is no warning.
    small = await merchant.post(
        "/v1/sessions-profile", session_body(4000, customer=preset(card["card_id"]))
    )
    assert "warnings" not in small
    used = (await merchant.view(small["id"])).gift_card
    assert used is not None and used.held == 0
    await reclaim_card.reclaim(merchant.ctx, made["id"], card["pin"], SOURCE)
    assert (await merchant.view(made["id"])).to_pay == 15000
    await merchant.audit()


async def test_a_card_without_a_pin_waits(merchant: Merchant) -> None:
    made = await merchant.post(CARDS, {"card_id": "no-pin", "amount": 10000, "currency": "NOK"})
    assert "pin" not in made
    first = await merchant.session(40000, customer=preset("no-pin"))
    await payer.set_details(merchant.ctx, first, DETAILS)
    await merchant.press_pay(first)
    second = await merchant.session(25000, customer=preset("no-pin"))
    view = await merchant.view(second)
    assert view.gift_card is not None
    assert (view.gift_card.held, view.gift_card.reclaimable) == (10000, False)
    with pytest.raises(GiftCardRefused) as error:
        await reclaim_card.reclaim(merchant.ctx, second, "", SOURCE)
    assert error.value.reason == "not_matched"
    assert await merchant.balance("no-pin") == (0, 10000, 0)


async def test_what_becomes_of_a_preset_card_later(merchant: Merchant) -> None:
    """The card expires or is deleted while the session is open."""
    expires = (merchant.clock.now() + timedelta(minutes=5)).isoformat()
    for name, expected in (("deleted", "not_found"), ("expires", "expired")):
        card = await merchant.card(10000, expires_at=expires)
        made = await merchant.post(
            "/v1/sessions-profile", session_body(customer=preset(card["card_id"]))
        )
        assert "warnings" not in made
        if name == "deleted":
            await merchant.api.delete(f"{CARDS}/{card['card_id']}")
        else:
            merchant.clock.ahead += timedelta(minutes=6)
        for path in (f"/v1/sessions/{made['id']}", f"/v1/view/{made['id']}/session"):
            shown = await merchant.get(path)
            assert [warning["code"] for warning in shown["warnings"]] == [expected]
            assert shown["order"]["gift_cards"] == []
        assert (await merchant.view(made["id"])).to_pay == 40000
