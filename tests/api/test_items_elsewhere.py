"""Providers that take no lines get only the amount, even if the items do not fit it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_swish import Payer as SwishPayer
from tests.api.test_swish import _swish, swish
from tests.api.test_vipps import _vipps, begin, press, transaction_of, vipps
from tests.support.bambora_payer import BamboraPayer
from tests.support.checkout import Merchant
from tests.support.swish import SwishSandbox
from tests.support.vipps import VippsSandbox

__all__ = ["_swish", "_vipps", "swish", "vipps"]

ODD: list[Any] = [
    [{"line_id": "1", "amount": 40001}],
    [{"line_id": "shipping", "amount": 40000}],
    [{"line_id": "1", "amount": 45000}, {"line_id": "rabatt", "amount": -5000}],
    [{"line_id": "1"}, None],
    "all of it",
]


@pytest.mark.parametrize("items", ODD)
async def test_bambora(payer_at_bambora: BamboraPayer, items: Any) -> None:
    payer, merchant = payer_at_bambora, payer_at_bambora.merchant
    path = f"/v1/transactions/{await payer.paid()}"
    for verb, status in (("capture", "CAPTURED"), ("refund", "REFUNDED")):
        done = await merchant.post(f"{path}/{verb}", {"amount": 40000, "items": items})
        assert (done["status"], bool(done["warnings"])) == (status, True)
    total = (await payer.there())["total"]
    assert (total["captured"], total["credited"]) == (30000, 30000)
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)


@pytest.mark.parametrize("items", ODD)
async def test_vipps(merchant: Merchant, vipps: VippsSandbox, items: Any) -> None:
    session_id = await begin(merchant)
    await merchant.come_back(vipps.pay((await press(merchant, session_id))["redirect_url"]))
    transaction = await transaction_of(merchant, session_id)
    path = f"/v1/transactions/{transaction.id}"
    for amount in (12345, 27655):
        for verb in ("capture", "refund"):
            done = await merchant.post(f"{path}/{verb}", {"amount": amount, "items": items})
            assert done["warnings"]
    assert done["status"] == "REFUNDED"
    assert vipps.sums(str(transaction.psp_reference)) == {
        "authorized": 40000,
        "captured": 40000,
        "cancelled": 0,
        "refunded": 40000,
    }


@pytest.mark.parametrize("items", ODD)
async def test_swish(merchant: Merchant, swish: SwishSandbox, items: Any) -> None:
    payer = SwishPayer(merchant, swish)
    await merchant.come_back(swish.answer(await payer.begin()))
    transaction = await payer.transaction()
    path = f"/v1/transactions/{transaction.id}/refund"
    for amount in (12345, 27655):
        done = await merchant.post(path, {"amount": amount, "items": items})
        assert done["warnings"]
    assert done["status"] == "REFUNDED"
    assert swish.refunds(transaction.psp_reference) == [("123.45", "PAID"), ("276.55", "PAID")]
    await merchant.audit()
