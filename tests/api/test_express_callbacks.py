"""The shop calculates shipping and discounts: `docs/reference/dintero-api.md#express-callbacks`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from backend.core.errors import DiscountRefused, ShippingUnavailable
from backend.sessions import payer
from backend.sessions.express_callbacks import set_discount_codes
from tests.support.callback_server import CallbackServer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import DETAILS, ON, Merchant, profile

HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Home"}
PICK_UP = {"id": "shop", "line_id": "s2", "amount": 0, "operator": "Posten", "title": "Pick up"}


@pytest.fixture
def shop() -> Iterator[CallbackServer]:
    with CallbackServer().running() as server:
        yield server


@pytest.fixture
async def local(merchant: Merchant) -> Merchant:
    """Return a merchant whose callbacks may go to this machine."""
    merchant.ctx.settings.allow_insecure_addresses = True
    return merchant


async def express_session(merchant: Merchant, shop: CallbackServer) -> str:
    express = {
        "shipping_options": [],
        "shipping_address_callback_url": shop.url,
        "discount_codes": {"max_count": 1, "callback_url": shop.url},
    }
    return await merchant.session(40000, express=express)


async def test_options_come_from_the_shop(local: Merchant, shop: CallbackServer) -> None:
    shop.answers({"shipping_options": [HOME, PICK_UP]})
    session_id = await express_session(local, shop)
    await payer.set_details(local.ctx, session_id, DETAILS)
    asked = shop.asked[0]
    assert asked["id"] == session_id
    assert asked["order"]["shipping_address"]["postal_code"] == "0155"
    shown = await local.view(session_id)
    assert [(o.title, o.selected) for o in shown.shipping_options] == [
        ("Home", True),
        ("Pick up", False),
    ]
    assert (shown.order_amount, shown.details_done, shown.payable) == (49900, True, True)
    await payer.set_details(local.ctx, session_id, DETAILS)
    assert len(shop.asked) == 1


async def test_the_shops_order_is_taken_with_a_correction(
    local: Merchant, shop: CallbackServer
) -> None:
    shop.answers({"shipping_options": [PICK_UP], "order": {"amount": 41000, "vat_amount": 8200}})
    session_id = await express_session(local, shop)
    await payer.set_details(local.ctx, session_id, DETAILS)
    order = (await local.get(f"/v1/sessions/{session_id}"))["order"]
    assert (order["amount"], order["vat_amount"]) == (41000, 8200)
    assert [(i["line_id"], i["amount"]) for i in order["items"]] == [
        ("1", 40000),
        ("correction", 1000),
    ]
    shop.answers({"shipping_options": [PICK_UP], "order": {"amount": 40500}})
    from dataclasses import replace

    other = replace(DETAILS, shipping=replace(DETAILS.shipping, postal_code="0150"))
    await payer.set_details(local.ctx, session_id, other)
    order = (await local.get(f"/v1/sessions/{session_id}"))["order"]
    assert [i["amount"] for i in order["items"]] == [40000, 500]


async def test_what_the_answer_leaves_empty_stays(local: Merchant, shop: CallbackServer) -> None:
    empty = {"currency": None, "vat_amount": None, "items": None, "merchant_reference": "other"}
    shop.answers({"shipping_options": [PICK_UP], "order": {"amount": 40000, **empty}})
    session_id = await express_session(local, shop)
    before = (await local.get(f"/v1/sessions/{session_id}"))["order"]
    await payer.set_details(local.ctx, session_id, DETAILS)
    order = (await local.get(f"/v1/sessions/{session_id}"))["order"]
    kept = ("currency", "vat_amount", "items", "merchant_reference")
    assert {name: order[name] for name in kept} == {name: before[name] for name in kept}


NONSENSE: list[tuple[int, bytes]] = [
    (500, b"{}"),
    (201, b'{"shipping_options": []}'),
    (302, b"{}"),
    (200, b"not json"),
    (200, b"[]"),
    (200, b"{}"),
    (200, b'{"shipping_options": [{"id": "x"}]}'),
    (200, b'{"shipping_options": [], "order": {"amount": 1.5}}'),
    (200, b'{"shipping_options": [], "order": {"amount": NaN}}'),
    (200, b'{"shipping_options": [], "order": {"amount": 1, "currency": "SEK"}}'),
    (200, b'{"shipping_options": [], "order": {"amount": 1, "store": "x"}}'),
    (200, b'{"shipping_options": ["' + b"x" * 600_000 + b'"]}'),
]


def _nonsense(answer: tuple[int, bytes], _body: object) -> tuple[int, bytes]:
    return answer


async def test_nonsense_leaves_the_session_usable(local: Merchant, shop: CallbackServer) -> None:
    session_id = await express_session(local, shop)
    before = (await local.view(session_id)).order_amount
    for status, content in NONSENSE:
        shop.answer = partial(_nonsense, (status, content))
        with pytest.raises(ShippingUnavailable) as refused:
            await payer.set_details(local.ctx, session_id, DETAILS)
        assert refused.value.reason == "callback_failed", (status, content[:60])
        shown = await local.view(session_id)
        assert (shown.order_amount, shown.details_done) == (before, False)
    shop.answers({"shipping_options": [PICK_UP]})
    await payer.set_details(local.ctx, session_id, DETAILS)
    assert (await local.view(session_id)).payable


async def test_too_slow_or_not_there(local: Merchant, shop: CallbackServer) -> None:
    session_id = await express_session(local, shop)
    shop.answers({"shipping_options": [PICK_UP]})
    shop.delay = 1.5
    local.ctx.settings.express_callback_timeout = 0.5
    with pytest.raises(ShippingUnavailable):
        await payer.set_details(local.ctx, session_id, DETAILS)
    shop.delay = 0
    local.ctx.settings.allow_insecure_addresses = False
    with pytest.raises(ShippingUnavailable):
        await payer.set_details(local.ctx, session_id, DETAILS)
    assert len(shop.asked) == 1


async def test_nowhere_to_ship_to(local: Merchant, shop: CallbackServer) -> None:
    session_id = await express_session(local, shop)
    shop.answers({"shipping_options": []})
    with pytest.raises(ShippingUnavailable) as refused:
        await payer.set_details(local.ctx, session_id, DETAILS)
    assert refused.value.reason == "cannot_ship"
    assert not (await local.view(session_id)).details_done


async def test_a_discount_code_changes_the_order(local: Merchant, shop: CallbackServer) -> None:
    session_id = await express_session(local, shop)

    def discount(body: dict[str, Any]) -> tuple[int, bytes]:
        import json

        codes = [c for c in body["order"]["discount_codes"] if c == "TEN"]
        amount = 36000 if codes else 40000
        items = [{"line_id": "1", "id": "10", "amount": amount, "quantity": 2}]
        answer = {"order": {"amount": amount, "items": items, "discount_codes": codes}}
        return 200, json.dumps(answer).encode()

    shop.answer = discount
    assert (await set_discount_codes(local.ctx, session_id, ["TEN"])).taken
    shown = await local.view(session_id)
    assert (shown.order_amount, shown.discount_codes) == (36000, ("TEN",))
    assert not (await set_discount_codes(local.ctx, session_id, ["NO"])).taken
    shown = await local.view(session_id)
    assert (shown.order_amount, shown.discount_codes) == (40000, ())
    with pytest.raises(DiscountRefused) as refused:
        await set_discount_codes(local.ctx, session_id, ["A", "B"])
    assert refused.value.reason == "too_many"
    shop.answers({}, status=500)
    with pytest.raises(DiscountRefused) as refused:
        await set_discount_codes(local.ctx, session_id, ["TEN"])
    assert refused.value.reason == "callback_failed"
    plain = await local.session()
    with pytest.raises(DiscountRefused) as refused:
        await set_discount_codes(local.ctx, plain, ["TEN"])
    assert refused.value.reason == "not_offered"


async def test_an_update_without_options_asks_the_shop(
    local: Merchant, shop: CallbackServer
) -> None:
    shop.answers({"shipping_options": [HOME]})
    session_id = await express_session(local, shop)
    await payer.set_details(local.ctx, session_id, DETAILS)
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answer = await local.api.put(path, json={"order": {"merchant_reference_2": "x"}})
    assert answer.status_code == 200, answer.text
    assert len(shop.asked) == 2
    options = {"order": {}, "express": {"shipping_options": [PICK_UP]}}
    assert (await local.api.put(path, json=options)).status_code == 200
    assert len(shop.asked) == 2
    forced = f"{path}&force_shipping_address_callback=true"
    assert (await local.api.put(forced, json=options)).status_code == 200
    assert len(shop.asked) == 3


DIVIDED = {**HOME, "splits": [{"payout_destination_id": "p", "amount": 9900}]}


async def test_what_the_shop_divides_is_not_paid_by_gift_card(
    local: Merchant, shop: CallbackServer, card_gateway: CardGatewaySandbox
) -> None:
    """Gift cards do not work with splits, wherever the splits come from."""
    setup = profile(card_gateway.base_url, "sk_test_x", configuration={"dintero": {"wallets": ON}})
    await save_profile(local.ctx, setup)
    card = await local.card(10000)
    express = {"shipping_options": [], "shipping_address_callback_url": shop.url}
    shop.answers({"shipping_options": [DIVIDED]})
    silent = {"configuration": {"active_payment_types": {"enabled": True}}, "express": express}
    session_id = await local.session(40000, **silent)
    await payer.add_gift_card(local.ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    await payer.set_details(local.ctx, session_id, DETAILS)
    shown = await local.view(session_id)
    assert (shown.gift_card_offered, shown.gift_card, shown.to_pay) == (False, None, 49900)
    # If the request itself asks for gift cards, we refuse the shop's answer.
    session_id = await local.session(40000, express=express)
    with pytest.raises(ShippingUnavailable):
        await payer.set_details(local.ctx, session_id, DETAILS)
    shown = await local.view(session_id)
    assert (shown.gift_card_offered, shown.details_done, shown.order_amount) == (True, False, 40000)
