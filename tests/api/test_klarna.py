"""A payer uses a gift card and Klarna over the API: payments, declines, later decisions and
captures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.sessions.view import Notice, PageState
from tests.support.checkout import Merchant
from tests.support.klarna import DENIED, OPTION, PENDING, KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer as Payer
from tests.support.sandbox import Listener


@pytest.fixture
def payer(merchant: Merchant, klarna: KlarnaSandbox) -> Payer:
    return Payer(merchant, klarna)


async def test_the_rest_is_asked_for_and_the_goods_keep_their_price(payer: Payer) -> None:
    merchant, klarna = payer.merchant, payer.klarna
    await merchant.come_back(klarna.pay(await payer.begin()))
    shown = await merchant.view(payer.session_id)
    assert shown.state is PageState.PAID
    transaction = await payer.transaction()
    assert (transaction.status, transaction.card_authorized) == ("AUTHORIZED", 10000)
    order = klarna.order(str(transaction.psp_reference))
    lines = [(line["type"], line["name"], line["total_amount"]) for line in order["order_lines"]]
    assert lines == [
        ("physical", "Forsvinnignspølse", 40000),
        ("gift_card", "Gavekort", -10000),
    ]
    assert (order["order_amount"], order["order_tax_amount"]) == (30000, 8000)
    assert order["order_lines"][0]["tax_rate"] == 2500
    assert order["locale"] == "nb-NO"
    assert (order["merchant_reference1"], order["merchant_reference2"]) == (
        "order-1",
        transaction.id,
    )
    assert order["billing_address"] == {"email": "kari@example.com"}
    for secret in (payer.card["number"], payer.card["pin"]):
        assert secret not in json.dumps(order)
    await merchant.audit()


async def test_captured_and_refunded_in_parts(payer: Payer) -> None:
    """The gift card goes first. Of 400.00, 250.00 is captured and 120.00 refunded."""
    merchant, klarna = payer.merchant, payer.klarna
    await merchant.come_back(klarna.pay(await payer.begin()))
    transaction = await payer.transaction()
    path = f"/v1/transactions/{transaction.id}"
    await merchant.post(f"{path}/capture", {"amount": 25000})
    order = klarna.order(str(transaction.psp_reference))
    assert (order["captured_amount"], order["remaining_authorized_amount"]) == (15000, 15000)
    assert await merchant.balance(payer.card["card_id"]) == (0, 0, 10000)
    await merchant.post(f"{path}/refund", {"amount": 12000})
    order = klarna.order(str(transaction.psp_reference))
    assert (order["refunded_amount"], order["status"]) == (2000, "PART_CAPTURED")
    assert (await merchant.balance(payer.card["card_id"]))[0] == 10000
    await merchant.post(f"{path}/void")
    order = klarna.order(str(transaction.psp_reference))
    assert (order["captured_amount"], order["remaining_authorized_amount"]) == (15000, 0)
    await merchant.audit()


async def test_declined_then_the_payer_chooses_again(payer: Payer) -> None:
    merchant, klarna = payer.merchant, payer.klarna
    url = await payer.begin()
    await merchant.come_back(klarna.pay(url, DENIED))
    shown = await merchant.view(payer.session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.DECLINED)
    assert await merchant.balance(payer.card["card_id"]) == (10000, 0, 0)
    # Klarna closes the page in the other tab.
    assert "utløpt" in klarna.http.get(url, headers={"accept-language": "nb"}).text
    again = await pay(merchant.ctx, payer.session_id, Press(OPTION, 30000, "nb"))
    await merchant.come_back(klarna.pay(str(again.url)))
    assert (await merchant.view(payer.session_id)).state is PageState.PAID
    await merchant.audit()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as listener:
        yield listener


async def test_told_by_klarna_alone(
    payer: Payer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payer never comes back. The status update at our address causes a read."""
    merchant, klarna = payer.merchant, payer.klarna
    base = listener.url.removesuffix("/notifications")
    monkeypatch.setattr(merchant.ctx.settings, "base_url", base)
    url = await payer.begin()
    klarna.pay(url)
    told = listener.wait_for(1, b'"COMPLETED"')[0]
    path = told.headers[":path"]
    without = path.partition("&token=")[0]
    refused = await merchant.api.post(without, content=told.body)
    assert refused.status_code == 401, refused.text
    assert (await merchant.view(payer.session_id)).state is PageState.PAYING
    for _ in range(2):
        answer = await merchant.api.post(path, content=told.body)
        assert answer.status_code == 200, answer.text
    assert (await merchant.view(payer.session_id)).state is PageState.PAID
    await merchant.audit()


async def test_another_amount_parks_the_payment(payer: Payer) -> None:
    merchant, klarna = payer.merchant, payer.klarna
    back = klarna.pay(await payer.begin())
    klarna.fault("read", "wrong_amount")
    await merchant.come_back(back)
    transaction = await payer.transaction()
    assert transaction.status == "ON_HOLD"
    assert await merchant.balance(payer.card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


# --- authorized too late -------------------------------------------------------------------------


class Late(Payer):
    """A payer whose approval arrives at Klarna after the payment was given up."""

    back = ""

    async def given_up_then_approved(self) -> Transaction:
        url = await self.begin()
        transaction = await self.transaction()
        self.klarna.admin("settings", late_approvals=True)
        await reopen(self.merchant.ctx, self.session_id)
        assert (await self.merchant.view(self.session_id)).state is PageState.OPEN
        assert await self.merchant.balance(self.card["card_id"]) == (10000, 0, 0)
        self.back = self.klarna.pay(url)
        order = self.klarna.order(str(transaction.psp_reference))
        assert (order["status"], order["remaining_authorized_amount"]) == ("AUTHORIZED", 30000)
        return transaction

    def held_at_klarna(self, transaction: Transaction) -> int:
        order = self.klarna.order(str(transaction.psp_reference))
        return int(order["remaining_authorized_amount"])

    async def events(self, transaction: Transaction) -> list[tuple[str, bool, int]]:
        shown = await self.merchant.transaction(transaction.id)
        assert shown["status"] == "DECLINED"
        return [(one["event"], one["success"], one["amount"]) for one in shown["events"]]


@pytest.fixture
def late(merchant: Merchant, klarna: KlarnaSandbox) -> Late:
    return Late(merchant, klarna)


VOIDED = [("INITIALIZE", True, 40000), ("AUTHORIZE", False, 40000), ("VOID", True, 30000)]


async def test_a_late_approval_is_cancelled_when_the_payer_comes_back(late: Late) -> None:
    transaction = await late.given_up_then_approved()
    for _ in range(2):
        back = await late.merchant.come_back(late.back)
        assert back.endswith(f"/{late.session_id}")
    assert late.held_at_klarna(transaction) == 0
    assert await late.events(transaction) == VOIDED
    assert (await late.merchant.view(late.session_id)).state is PageState.OPEN
    assert await late.merchant.balance(late.card["card_id"]) == (10000, 0, 0)
    await late.merchant.audit()


async def test_a_late_approval_is_cancelled_when_klarna_tells_and_the_order_is_paid_otherwise(
    late: Late, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = listener.url.removesuffix("/notifications")
    monkeypatch.setattr(late.merchant.ctx.settings, "base_url", base)
    transaction = await late.given_up_then_approved()
    again = await pay(late.merchant.ctx, late.session_id, Press(OPTION, 30000, "nb"))
    await late.merchant.come_back(late.klarna.pay(str(again.url)))
    assert (await late.merchant.view(late.session_id)).state is PageState.PAID
    told = [
        one
        for one in listener.wait_for(2, b'"COMPLETED"')
        if transaction.id in one.headers[":path"]
    ]
    answer = await late.merchant.api.post(told[0].headers[":path"], content=told[0].body)
    assert answer.status_code == 200, answer.text
    assert late.held_at_klarna(transaction) == 0
    assert await late.events(transaction) == VOIDED
    assert (await late.merchant.view(late.session_id)).state is PageState.PAID
    assert await late.merchant.balance(late.card["card_id"]) == (0, 10000, 0)
    await late.merchant.audit()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "refuse"])
async def test_a_late_approval_is_cancelled_in_the_end(late: Late, kind: str) -> None:
    """The first call to cancel is lost or refused. The reconciler continues until nothing is
    held."""
    transaction = await late.given_up_then_approved()
    late.klarna.fault("cancel", kind)
    await late.merchant.come_back(late.back)
    assert late.held_at_klarna(transaction) == (0 if kind == "drop_after" else 30000)
    await late.merchant.audit()
    late.merchant.clock.ahead += timedelta(seconds=3)
    assert await reconcile_due(late.merchant.ctx) == 1
    assert late.held_at_klarna(transaction) == 0
    late.merchant.clock.ahead += timedelta(hours=1)
    assert await reconcile_due(late.merchant.ctx) == 0
    await late.merchant.audit()


async def test_a_late_approval_whose_risk_is_not_decided_yet(late: Late) -> None:
    url = await late.begin()
    transaction = await late.transaction()
    late.klarna.admin("settings", late_approvals=True)
    await reopen(late.merchant.ctx, late.session_id)
    await late.merchant.come_back(late.klarna.pay(url, PENDING))
    assert late.held_at_klarna(transaction) == 30000
    late.klarna.admin("clock", advance=61)
    late.merchant.clock.ahead += timedelta(seconds=61)
    assert await reconcile_due(late.merchant.ctx) == 1
    assert late.held_at_klarna(transaction) == 0
    await late.merchant.audit()
