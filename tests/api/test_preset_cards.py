"""The shop presets a card, or the payer adds one. The tests check what each needs and why it is
refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.core.errors import GiftCardRefused
from backend.sessions import payer
from tests.api.refusals import ALL_ON, refused
from tests.support.checkout import DETAILS, Merchant, session_body


def preset(*card_ids: str) -> dict[str, Any]:
    return {"gift_cards": {"dintero.wallets": [{"card_id": card_id} for card_id in card_ids]}}


async def test_what_the_contract_refuses_of_a_preset_card(merchant: Merchant) -> None:
    one, two = await merchant.card(), await merchant.card()
    await refused(
        merchant,
        "customer.gift_cards.dintero.wallets",
        customer=preset(one["card_id"], two["card_id"]),
    )
    await refused(
        merchant,
        "customer.gift_cards.dintero.wallets",
        customer=preset(one["card_id"]),
        configuration={"active_payment_types": ALL_ON},
    )
    split = {
        "amount": 40000,
        "currency": "NOK",
        "merchant_reference": "x",
        "items": [
            {
                "line_id": "1",
                "amount": 40000,
                "splits": [{"payout_destination_id": "a", "amount": 40000}],
            }
        ],
    }
    await refused(
        merchant, "configuration.dintero.wallets", customer=preset(one["card_id"]), order=split
    )
    # Without an id there is no preset card. A number counts as the text of an id.
    for card_id, warned in (("", None), (None, None), (1, "not_found")):
        made = await merchant.post(
            "/v1/sessions-profile",
            session_body(customer=preset(card_id)),  # type: ignore[arg-type]  # also what is no id
        )
        codes = [warning["code"] for warning in made.get("warnings", [])]
        assert codes == ([warned] if warned else [])


async def test_a_removed_preset_card_needs_number_and_pin(merchant: Merchant) -> None:
    card, other = await merchant.card(), await merchant.card()
    session_id = await merchant.session(customer=preset(card["card_id"]))
    ctx = merchant.ctx
    view = await merchant.view(session_id)
    assert view.gift_card is not None and view.gift_card.preset is True
    assert (view.gift_card.amount, view.gift_card.left, view.to_pay) == (10000, 0, 30000)
    await payer.set_details(ctx, session_id, DETAILS)
    # A session has one card. Another one is refused while this one is in use.
    with pytest.raises(GiftCardRefused) as error:
        await payer.add_gift_card(ctx, session_id, other["number"], other["pin"], "1.2.3.4")
    assert error.value.reason == "already_added"
    await payer.remove_gift_card(ctx, session_id)
    assert (await merchant.view(session_id)).to_pay == 40000
    wrong = "0000" if card["pin"] != "0000" else "1111"
    for number, pin in (
        (card["number"], ""),
        (card["number"], wrong),
        (card["card_id"], card["pin"]),
    ):
        with pytest.raises(GiftCardRefused) as error:
            await payer.add_gift_card(ctx, session_id, number, pin, "1.2.3.4")
        assert error.value.reason == "not_matched"
    assert (await merchant.view(session_id)).gift_card is None
    await payer.add_gift_card(ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    view = await merchant.view(session_id)
    assert view.gift_card is not None and view.gift_card.preset is False
    # Presetting the same card twice equals once.
    await payer.add_gift_card(ctx, session_id, card["number"], card["pin"], "1.2.3.4")
    names = [e["name"] for e in (await merchant.get(f"/v1/sessions/{session_id}"))["events"]]
    assert names.count("SET_GIFT_CARD") == 3
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)


async def test_each_reason_a_payers_card_is_refused_for(merchant: Merchant) -> None:
    past, future = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
    session_id = await merchant.ready()
    for reason, card in (
        ("empty", await merchant.card(0)),
        ("expired", await merchant.card(expires_at=past)),
        ("not_active_yet", await merchant.card(active_from=future)),
        ("other_currency", await merchant.card(currency="SEK")),
    ):
        with pytest.raises(GiftCardRefused) as error:
            await payer.add_gift_card(
                merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4"
            )
        assert error.value.reason == reason
        assert card["number"] not in str(error.value) and card["pin"] not in str(error.value)
    assert (await merchant.view(session_id)).gift_card is None
