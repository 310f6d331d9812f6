"""The API covers a card's whole life: `docs/reference/dintero-api.md#wallets-api`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from backend.core.errors import GavekortError
from backend.payments.attempts.start import Press, pay
from backend.sessions import payer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant, sign_in
from tests.support.wallets import CARDS, INFO, MOVES, batch, code, later, move


async def test_a_batch_is_inactive_until_each_card_is_activated(merchant: Merchant) -> None:
    one, two = await batch(merchant, "b1", "b2")
    assert (one["status"], one["amount"], one["amount_available"]) == ("inactive", 0, 0)
    assert "currency" not in one
    number, pin = one["card_token"]["token"]["value"], one["pin"]["pin"]["value"]
    assert (len(number), len(pin)) == (16, 4)
    assert number != two["card_token"]["token"]["value"]

    for body in ({"card_id": "b1"}, {"token": number, "pin": pin}):
        refused = await move(merchant, 400, ref_id=str(body), **body)
        assert (code(refused), refused["error"]["message"]) == (
            "CARD_REFUSED",
            "the card is not active",
        )
    fund = await move(merchant, 400, card_id="b1", type="fund")
    assert code(fund) == "CARD_REFUSED"

    body = {"amount": 25000, "currency": "SEK", "customer_id": "kari", "metadata": {"till": 3}}
    active = await merchant.post(f"{CARDS}/b1/activate", body)
    assert (active["status"], active["amount"], active["currency"]) == ("unused", 25000, "SEK")
    assert (active["amount_available"], active["amount_funds"]) == (25000, 25000)
    assert (active["customer_id"], active["metadata"]) == ("kari", {"till": 3})
    first = (await merchant.get(f"{CARDS}/b1/transactions"))["transactions"][0]
    assert active["active_from"] == first["created_at"]
    shown = await merchant.post(INFO, {"token": number, "pin": pin})
    assert (shown["card_id"], shown["amount_available"]) == ("b1", 25000)
    assert (await merchant.get(f"{CARDS}/b2"))["status"] == "inactive"
    tomorrow = later(merchant, days=1)
    waiting = await merchant.post(f"{CARDS}/b2/activate", body | {"active_from": tomorrow})
    assert waiting["active_from"] == tomorrow
    await merchant.audit()


async def test_a_card_is_sold_once(merchant: Merchant) -> None:
    await batch(merchant, "till")
    path, body = f"{CARDS}/till/activate", {"amount": 5000, "currency": "NOK", "ref_id": "sale-1"}
    answers = await asyncio.gather(*(merchant.api.post(path, json=body) for _ in range(8)))
    assert [a.status_code for a in answers] == [200] * 8
    other = await merchant.post(path, body | {"ref_id": "sale-2"}, expect=409)
    assert code(other) == "ALREADY_ACTIVATED"
    without = {"amount": 5000, "currency": "NOK"}
    assert code(await merchant.post(path, without, expect=409)) == "ALREADY_ACTIVATED"
    assert code(await merchant.post(path, body | {"amount": 1}, expect=409)) == "CONFLICT"
    assert await merchant.balance("till") == (5000, 0, 0)
    await merchant.audit()


async def test_two_tills_at_once_sell_a_card_once(merchant: Merchant) -> None:
    await batch(merchant, "race")
    body = {"amount": 5000, "currency": "NOK"}
    path = f"{CARDS}/race/activate"
    answers = await asyncio.gather(*(merchant.api.post(path, json=body) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [200] + [409] * 5
    assert await merchant.balance("race") == (5000, 0, 0)
    await merchant.audit()


async def test_a_batch_is_all_or_nothing(merchant: Merchant) -> None:
    await merchant.card(card_id="taken")
    cards = [{"card_id": "new"}, {"card_id": "taken"}]
    answer = await merchant.post(f"{CARDS}/batch", {"cards": cards}, expect=409)
    assert "'taken'" in answer["error"]["message"]
    await merchant.get(f"{CARDS}/new", expect=404)
    twice = [{"card_id": "x"}, {"card_id": "x"}]
    await merchant.post(f"{CARDS}/batch", {"cards": twice}, expect=400)
    await merchant.post(f"{CARDS}/batch", {"cards": []}, expect=400)
    many = [{"card_id": str(n)} for n in range(101)]
    await merchant.post(f"{CARDS}/batch", {"cards": many}, expect=400)


async def test_a_card_made_for_one_currency_is_activated_in_no_other(merchant: Merchant) -> None:
    (made,) = await batch(merchant, "nok", currency="NOK")
    assert made["currency"] == "NOK"
    path = f"{CARDS}/nok/activate"
    await merchant.post(path, {"amount": 1, "currency": "SEK"}, expect=400)
    assert (await merchant.post(path, {"amount": 1, "currency": "NOK"}))["status"] == "unused"


async def test_the_list_pages_and_filters(merchant: Merchant) -> None:
    for n in range(5):
        await merchant.card(1000 * n, card_id=f"c{n}")
    seen, cursor = [], ""
    for _ in range(3):
        page = await merchant.get(f"{CARDS}?limit=2{cursor}")
        seen += [card["card_id"] for card in page["cards"]]
        cursor = f"&starting_after={page.get('starting_after')}"
    assert seen == ["c4", "c3", "c2", "c1", "c0"]
    assert "starting_after" not in page
    for query, found in (
        ("amount_available=2000", ["c2"]),
        ("amount_available.gte=3000", ["c4", "c3"]),
        ("amount_available.gte=1000&amount_available.lte=2000", ["c2", "c1"]),
    ):
        page = await merchant.get(f"{CARDS}?{query}")
        assert [card["card_id"] for card in page["cards"]] == found, query
    await merchant.api.delete(f"{CARDS}/c1")
    listed = await merchant.get(f"{CARDS}?limit=100")
    assert "c1" not in [card["card_id"] for card in listed["cards"]]
    listed = await merchant.get(f"{CARDS}?limit=100&include_deleted=true")
    assert {c["card_id"]: c["status"] for c in listed["cards"]}["c1"] == "deleted"
    for wrong in ("limit=0", "limit=101", "starting_after=nobody", "amount_available=x"):
        await merchant.get(f"{CARDS}?{wrong}", expect=400)


async def test_every_status(merchant: Merchant) -> None:
    card = await merchant.card(300, card_id="s", expires_at=later(merchant, days=30))
    path = f"{CARDS}/s"

    async def status() -> str:
        return str((await merchant.get(path))["status"])

    assert await status() == "unused"
    await move(merchant, card_id="s", ref_id="a")
    assert await status() == "partially_used"
    held = await move(merchant, card_id="s", ref_id="b", amount=200, pending=True)
    assert await status() == "partially_used"
    await merchant.post(f"{MOVES}/{held['id']}/capture", {"ref_id": "c"})
    assert await status() == "used"
    merchant.clock.ahead = timedelta(days=31)
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    assert await status() == "expired"
    assert code(await move(merchant, 400, card_id="s", ref_id="d")) == "CARD_REFUSED"
    assert (await merchant.api.delete(path)).json()["status"] == "deleted"
    await merchant.get(path, expect=404)
    await merchant.post(INFO, {"token": card["number"], "pin": card["pin"]}, expect=404)
    await merchant.audit()


async def test_before_active_from_it_is_funded_and_not_drawn(merchant: Merchant) -> None:
    await merchant.card(100, card_id="later", active_from=later(merchant, days=1))
    assert code(await move(merchant, 400, card_id="later")) == "CARD_REFUSED"
    await move(merchant, card_id="later", ref_id="f", type="fund")
    assert await merchant.balance("later") == (200, 0, 0)


async def test_a_card_with_money_held_is_not_deleted(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    refused = await merchant.api.delete(path)
    assert (refused.status_code, code(refused.json())) == (409, "CARD_IN_USE")
    await merchant.post(f"/v1/transactions/{transaction_id}/void")
    assert (await merchant.api.delete(path)).status_code == 200
    again = await merchant.api.delete(path)
    assert (again.status_code, again.json()["status"]) == (200, "deleted")
    listed = await merchant.get(f"{CARDS}?include_deleted=true")
    assert [c["amount_available"] for c in listed["cards"]] == [10000]
    await merchant.audit()
    # Its `card_id` is never used again.
    body = {"card_id": card["card_id"], "amount": 1, "currency": "NOK"}
    await merchant.post(CARDS, body, expect=409)


async def test_a_deleted_card_pays_nothing_in_an_open_checkout(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.api.delete(f"{CARDS}/{card['card_id']}")
    with pytest.raises(GavekortError) as refused:
        await pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb"))
    assert refused.value.code == "SPLIT_CHANGED"
    assert (await merchant.view(session_id)).to_pay == 40000


async def test_delete_and_pay_at_once(merchant: Merchant) -> None:
    """Whichever comes first, a deleted card never has money held."""
    for _ in range(4):
        card = await merchant.card(10000)
        session_id = await merchant.ready(40000, card)
        gone, paid = await asyncio.gather(
            merchant.api.delete(f"{CARDS}/{card['card_id']}"),
            pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb")),
            return_exceptions=True,
        )
        assert not isinstance(gone, BaseException)
        if gone.status_code == 200:
            assert isinstance(paid, GavekortError) and paid.code == "SPLIT_CHANGED"
        else:
            assert (gone.status_code, getattr(paid, "state", paid)) == (409, "redirect")
    await merchant.audit()


async def test_a_new_pin_ends_the_old_one_and_its_tries(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    wrong = {"token": card["number"], "pin": "wrong"}
    for _ in range(30):
        await merchant.post(INFO, wrong, expect=404)
    right = {"token": card["number"], "pin": card["pin"]}
    await merchant.post(INFO, right, expect=429)  # no PIN attempt is left
    made = await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", None)
    pin = made["pin"]["pin"]["value"]
    assert (made["card_id"], len(pin), pin.isdigit()) == (card["card_id"], 4, True)
    if pin != card["pin"]:
        await merchant.post(INFO, right, expect=404)
    assert (await merchant.post(INFO, right | {"pin": pin}))["amount_available"] == 10000
    longer = {"pin": {"format": {"length": 8, "characters": True}}}
    made = await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", longer)
    assert (len(made["pin"]["pin"]["value"]), made["pin"]["format"]["length"]) == (8, 8)
    short = {"pin": {"format": {"length": 3}}}
    await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", short, expect=400)


async def test_whoever_knew_the_old_pin_is_out_of_an_open_checkout(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    made = await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", {})
    shown = await merchant.view(session_id)
    assert (shown.gift_card, shown.to_pay) == (None, 40000)
    with pytest.raises(GavekortError) as refused:
        await pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb"))
    assert refused.value.code == "SPLIT_CHANGED"
    pin = made["pin"]["pin"]["value"]
    await payer.add_gift_card(merchant.ctx, session_id, card["number"], pin, "1.2.3.4")
    assert (await merchant.view(session_id)).to_pay == 30000


async def test_a_preset_card_needs_no_pin_old_or_new(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    session_id = await merchant.session(40000, customer=preset)
    await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", {})
    assert (await merchant.view(session_id)).to_pay == 30000
