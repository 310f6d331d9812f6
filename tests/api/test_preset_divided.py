"""A session has a preset gift card, and its order is later split among several receivers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backend.accounts.profiles import get_profile, save_profile
from backend.sessions import payer
from tests.support.callback_server import CallbackServer
from tests.support.checkout import ACCOUNT, DETAILS, ON, Merchant, profile, session_body

STRICT = {"Dintero-Feature-Toggles": "other-toggle, strict-gift-cards"}


def preset(card_id: str, **more: Any) -> dict[str, Any]:
    return {"gift_cards": {"dintero.wallets": [{"card_id": card_id, **more}]}}


def split_order(amount: int = 40000) -> dict[str, Any]:
    order: dict[str, Any] = copy.deepcopy(session_body(amount)["order"])
    order["items"][0]["splits"] = [{"payout_destination_id": "a", "amount": amount}]
    return order


@pytest.fixture
async def by_profile(merchant: Merchant) -> None:
    """Return a merchant whose gift cards only the profile switches on."""
    async with merchant.ctx.db.reading() as db:
        kept = await get_profile(db, ACCOUNT, "default")
    setup = profile(
        "",
        "",
        configuration={
            "active_payment_types": {"enabled": True},
            "dintero": {"wallets": ON},
        },
        express=kept.express,
        connections={},
    )
    await save_profile(merchant.ctx, setup)


@pytest.mark.usefixtures("by_profile")
async def test_an_update_that_divides_the_order(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await merchant.post(
        "/v1/sessions-profile",
        session_body(configuration={}, customer=preset(card["card_id"])),
    )
    assert (await merchant.view(made["id"])).to_pay == 30000
    path = f"/v1/sessions/{made['id']}?update_without_lock=true"
    update = {"order": {"items": split_order()["items"]}}
    strict = await merchant.api.put(path, json=update, headers=STRICT)
    assert strict.status_code == 400
    assert strict.json()["error"]["errors"][0]["code"] == "not_offered"
    assert (await merchant.view(made["id"])).to_pay == 30000
    answer = await merchant.api.put(path, json=update)
    assert answer.status_code == 200, answer.text
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["not_offered"]
    last = answer.json()["events"][-1]
    assert last["name"] == "UPDATE_SESSION"
    assert [warning["code"] for warning in last["details"]["warnings"]] == ["not_offered"]
    assert (await merchant.view(made["id"])).to_pay == 40000
    # An order without splits gets its card back.
    answer = await merchant.api.put(
        path, json={"order": {"items": session_body()["order"]["items"]}}
    )
    assert answer.status_code == 200, answer.text
    assert "warnings" not in answer.json()
    assert (await merchant.view(made["id"])).to_pay == 30000


@pytest.mark.usefixtures("by_profile")
async def test_a_callback_that_divides_the_order(merchant: Merchant) -> None:
    """The shop answers an address with a delivery that has splits."""
    merchant.ctx.settings.allow_insecure_callbacks = True
    card = await merchant.card(10000)
    option = {
        "id": "home",
        "line_id": "s1",
        "amount": 0,
        "operator": "Posten",
        "title": "Home",
        "splits": [{"payout_destination_id": "a", "amount": 0}],
    }
    with CallbackServer().running() as shop:
        shop.answers({"shipping_options": [option]})
        express = {"shipping_options": [], "shipping_address_callback_url": shop.url}
        body = session_body(configuration={}, customer=preset(card["card_id"]), express=express)
        made = await merchant.post("/v1/sessions-profile", body)
        assert "warnings" not in made
        await payer.set_details(merchant.ctx, made["id"], DETAILS)
    whole = await merchant.get(f"/v1/sessions/{made['id']}")
    assert [warning["code"] for warning in whole["warnings"]] == ["not_offered"]
    last = whole["events"][-1]
    assert last["name"] == "SET_SHIPPING_OPTION"
    assert last["details"]["warnings"] == whole["warnings"]
    assert (await merchant.view(made["id"])).to_pay == 40000
