"""Temporary tokens and bar codes:
`docs/reference/dintero-api.md#card-look-up-and-wallet-transactions`."""

from __future__ import annotations

import asyncio
import base64
import io
from datetime import timedelta
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from backend.core.errors import GiftCardRefused
from backend.payments.attempts.resolve import reopen
from backend.sessions import payer
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import DETAILS, Merchant
from tests.support.wallets import CARDS, DIGITS, INFO, MOVES, code, move, token


async def test_a_token_stands_for_the_number_until_it_expires(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, metadata={"till": "1"})
    value = made["token"]["value"]
    assert value.startswith("DINCARD:")
    assert (made["ref_id"], made["expires_in"], made["metadata"]) == ("t1", 600, {"till": "1"})
    assert await token(merchant, card, metadata={"till": "1"}) == made
    assert code(await token(merchant, card, 409, expires_in=60)) == "CONFLICT"

    await merchant.post(INFO, {"token": value}, expect=404)  # it does not replace the PIN
    shown = await merchant.post(INFO, {"token": value, "pin": card["pin"]})
    assert shown["card_id"] == card["card_id"]
    masks = [one["masked_code"] for one in shown["tokens"]]
    assert masks == [
        "*" * 12 + card["number"][-4:],
        "DINCARD:********-****-****-****-********" + value[-4:],
    ]
    assert [one.get("expires_at") for one in shown["tokens"]] == [None, made["expires_at"]]
    await move(merchant, token=value, pin=card["pin"])
    await move(merchant, token=value, pin=card["pin"], ref_id="again")

    merchant.clock.ahead = timedelta(seconds=601)
    await merchant.post(INFO, {"token": value, "pin": card["pin"]}, expect=404)
    # A repeat of its earlier payment gets the same answer. It pays for nothing new.
    assert (await move(merchant, token=value, pin=card["pin"]))["ref_id"] == "r"
    refused = await move(merchant, 400, token=value, pin=card["pin"], ref_id="new")
    assert code(refused) == "TOKEN_REFUSED"
    tokens = (await merchant.get(f"{CARDS}/{card['card_id']}"))["tokens"]
    assert len(tokens) == 1
    assert await merchant.balance(card["card_id"]) == (9800, 0, 200)


async def test_a_single_use_token_pays_once_even_at_once(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, expires_after_transaction=True)
    body = {"amount": 100, "currency": "NOK", "token": made["token"]["value"], "pin": card["pin"]}
    answers = await asyncio.gather(
        *(merchant.api.post(MOVES, json=body | {"ref_id": str(n)}) for n in range(5))
    )
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400, 400]
    assert await merchant.balance(card["card_id"]) == (9900, 0, 100)
    # A look-up still works.
    shown = await merchant.post(INFO, {"token": body["token"], "pin": card["pin"]})
    assert shown["amount_available"] == 9900
    await merchant.audit()


async def test_a_voided_drawdown_gives_the_token_back(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, expires_after_transaction=True)
    by = {"token": made["token"]["value"], "pin": card["pin"]}
    held = await move(merchant, ref_id="1", pending=True, **by)
    assert code(await move(merchant, 400, ref_id="2", **by)) == "TOKEN_REFUSED"
    await merchant.post(f"{MOVES}/{held['id']}/void", {"ref_id": "v"})
    await move(merchant, ref_id="3", **by)
    assert code(await move(merchant, 400, ref_id="4", **by)) == "TOKEN_REFUSED"


async def test_a_single_use_token_in_two_checkouts(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, expires_after_transaction=True)
    by_token = card | {"number": made["token"]["value"]}
    first = await merchant.ready(40000, by_token)
    second = await merchant.ready(2000, by_token)
    # The payer presses Pay in the first session and is declined. The token stays unused.
    result = await merchant.press_pay(first)
    assert (await merchant.view(second)).gift_card is None
    card_gateway.pay(str(result.url), DECLINED)
    await reopen(merchant.ctx, first)
    assert (await merchant.view(second)).to_pay == 0
    assert (await merchant.press_pay(second)).state == "paid"
    shown = await merchant.view(first)
    assert (shown.gift_card, shown.to_pay) == (None, 40000)
    with pytest.raises(GiftCardRefused) as refused:
        await payer.add_gift_card(merchant.ctx, first, by_token["number"], card["pin"], "1.2.3.4")
    assert refused.value.reason == "expired"
    # The card itself has money, and its own number works.
    await payer.add_gift_card(merchant.ctx, first, card["number"], card["pin"], "1.2.3.4")
    assert (await merchant.view(first)).to_pay == 32000
    await merchant.audit()


async def test_a_cards_own_number_can_be_for_one_transaction(merchant: Merchant) -> None:
    form = {"format": DIGITS, "expires_in": 600, "expires_after_transaction": True}
    card = await merchant.card(1000, card_token=form)
    by = {"token": card["number"], "pin": card["pin"]}
    await move(merchant, ref_id="1", **by)
    assert code(await move(merchant, 400, ref_id="2", **by)) == "TOKEN_REFUSED"
    await move(merchant, ref_id="2", card_id=card["card_id"])  # the merchant needs no number
    merchant.clock.ahead = timedelta(seconds=601)
    await merchant.post(INFO, by, expect=404)


@pytest.mark.parametrize(
    "body",
    [{"expires_in": 0}, {"expires_in": 10**12}, {"ref_id": ""}, {"format": {"length": 7}},
     {"format": {"length": 16, "prefix": "æ", "barcode": True}}],
)  # fmt: skip
async def test_tokens_that_are_not_made(merchant: Merchant, body: dict[str, Any]) -> None:
    card = await merchant.card(1000)
    await token(merchant, card, 400, **body)


async def test_tokens_of_a_card_share_its_budget(merchant: Merchant) -> None:
    card = await merchant.card(1000)
    values = [(await token(merchant, card, ref_id=str(n)))["token"]["value"] for n in range(6)]
    # A merchant's own calls may make thirty wrong attempts a day at one card.
    for value in values * 5:
        await merchant.post(INFO, {"token": value, "pin": "wrong"}, expect=404)
    for known in (*values, card["number"]):
        await merchant.post(INFO, {"token": known, "pin": card["pin"]}, expect=429)
    # They do not lock out the owner, who uses another address.
    session_id = await merchant.session(40000)
    await payer.set_details(merchant.ctx, session_id, DETAILS)
    await payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "9.9.9.9")
    assert (await merchant.view(session_id)).to_pay == 39000


def read_barcode(uri: str) -> str:
    head = "data:image/png;base64,"
    assert uri.startswith(head)
    image = Image.open(io.BytesIO(base64.b64decode(uri[len(head) :])))
    (found,) = zxingcpp.read_barcodes(image)
    assert found.format == zxingcpp.BarcodeFormat.Code128
    return str(found.text)


async def test_bar_codes_are_read_back_by_a_scanner(merchant: Merchant) -> None:
    body = {
        "card_id": "bars",
        "amount": 1,
        "currency": "NOK",
        "pin": {"format": {"length": 6, "numbers": True, "barcode": True}},
        "card_token": {
            "format": {"length": 20, "characters": True, "prefix": "GK-", "barcode": True}
        },
    }
    made = await merchant.post(CARDS, body)
    for part in (made["card_token"]["token"], made["pin"]["pin"]):
        assert read_barcode(part["barcode_128"]) == part["value"]
    form = {"length": 36, "prefix": "DINCARD:", "numbers": True, "barcode": True}
    tokened = await token(merchant, {"card_id": "bars"}, format=form)
    assert read_barcode(tokened["token"]["barcode_128"]) == tokened["token"]["value"]
    # They are shown when they are created, and never again.
    assert "barcode_128" not in str(await merchant.get(f"{CARDS}/bars?includes=pin&includes=x"))
    plain = await merchant.post(CARDS, {"card_id": "plain", "amount": 1, "currency": "NOK"})
    assert "barcode_128" not in plain["card_token"]["token"]
