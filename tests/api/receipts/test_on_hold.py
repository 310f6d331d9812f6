"""A payment on hold is not paid yet. Its receipt waits until the provider has decided."""

from __future__ import annotations

from datetime import timedelta

from backend.payments.review.reconcile import reconcile_due
from tests.api.receipts.test_receipts import rows, wants
from tests.support.checkout import Merchant
from tests.support.klarna import PENDING, KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer

EMAILS = "SELECT state FROM delivery WHERE kind = 'email'"


async def test_once_it_is_decided(merchant: Merchant, klarna: KlarnaSandbox) -> None:
    payer = KlarnaPayer(merchant, klarna)
    page = await payer.begin(configuration=wants(email=True)["configuration"])
    await merchant.come_back(klarna.pay(page, PENDING))
    assert (await payer.transaction()).status == "ON_HOLD"
    assert await rows(merchant, "SELECT * FROM receipt") == []
    assert await rows(merchant, EMAILS) == []
    klarna.admin("clock", advance=61)
    merchant.clock.ahead += timedelta(seconds=1000)
    assert await reconcile_due(merchant.ctx) == 1
    assert (await payer.transaction()).status == "AUTHORIZED"
    assert len(await rows(merchant, "SELECT * FROM receipt")) == 1
    assert await rows(merchant, EMAILS) == [{"state": "pending"}]
