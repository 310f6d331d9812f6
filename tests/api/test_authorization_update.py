"""`POST /transactions/{id}/authorization`: it changes the amount at Klarna, and the gift card's
part stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backend.payments.review.reconcile import reconcile_due
from backend.psp.klarna.connector import Klarna
from tests.support.checkout import Merchant
from tests.support.klarna import OPTION, KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer
from tests.support.patience import impatient

ITEM = {"line_id": "1", "amount": 40000}


class Paid:
    """A payment of 400.00: 100.00 of the gift card's, 300.00 of Klarna's."""

    def __init__(self, payer: KlarnaPayer) -> None:
        self.payer, self.merchant, self.klarna = payer, payer.merchant, payer.klarna
        self.id = self.reference = ""

    async def begin(self) -> None:
        await self.merchant.come_back(self.klarna.pay(await self.payer.begin()))
        transaction = await self.payer.transaction()
        self.id, self.reference = transaction.id, str(transaction.psp_reference)

    async def post(self, verb: str, body: Any, expect: int = 200) -> Any:
        return await self.merchant.post(f"/v1/transactions/{self.id}/{verb}", body, expect)

    async def update(self, amount: int, expect: int = 200, **more: Any) -> Any:
        items = [ITEM | {"amount": amount}]
        return await self.post("authorization", {"amount": amount, "items": items} | more, expect)

    async def shown(self) -> Any:
        return await self.merchant.transaction(self.id)

    def order(self) -> tuple[int, int]:
        """Return the order's amount at Klarna and what is left to capture of it."""
        order = self.klarna.order(self.reference)
        return order["order_amount"], order["remaining_authorized_amount"]

    async def card(self) -> tuple[int, int, int]:
        """Return the card's available, held and drawn amounts."""
        return await self.merchant.balance(self.payer.card["card_id"])


@pytest.fixture
async def paid(merchant: Merchant, klarna: KlarnaSandbox) -> Paid:
    paid = Paid(KlarnaPayer(merchant, klarna))
    await paid.begin()
    return paid


@pytest.mark.parametrize("amount", [25000, 55000])
async def test_klarna_is_asked_for_the_new_amount_less_the_cards_part(
    paid: Paid, amount: int
) -> None:
    answer = await paid.update(
        amount, reason="one less", reference="change-1", description="Endret", extra="kept"
    )
    assert (answer["amount"], answer["status"]) == (amount, "AUTHORIZED")
    assert paid.order() == (amount - 10000, amount - 10000)
    assert await paid.card() == (0, 10000, 0)
    order = paid.klarna.order(paid.reference)
    lines = [(line["type"], line["total_amount"]) for line in order["order_lines"]]
    assert lines == [("physical", amount), ("gift_card", -10000)]
    event = answer["events"][-1]
    assert (event["event"], event["success"], event["amount"]) == ("AUTHORIZE", True, amount)
    assert (event["event_reference"], event["metadata"]) == ("change-1", {"reason": "one less"})
    assert event["gift_cards"][0]["amount"] == 10000
    assert [(i["line_id"], i["amount"], i["description"], i["vat"]) for i in answer["items"]] == [
        ("1", amount, "Forsvinnignspølse", 25)
    ]
    await paid.merchant.audit()
    captured = await paid.post("capture", {"amount": amount})
    assert captured["status"] == "CAPTURED"
    refunded = await paid.post("refund", {"amount": amount})
    assert refunded["status"] == "REFUNDED"
    assert await paid.card() == (10000, 0, 0)
    await paid.merchant.audit()


async def test_other_lines_of_the_same_amount(paid: Paid) -> None:
    items = [ITEM | {"amount": 30000}, {"line_id": "2", "amount": 10000, "description": "Sennep"}]
    answer = await paid.post("authorization", {"items": items})
    assert (answer["amount"], paid.order()) == (40000, (30000, 30000))
    names = [line["name"] for line in paid.klarna.order(paid.reference)["order_lines"]]
    assert names == ["Forsvinnignspølse", "Sennep", "Gavekort"]
    await paid.post("capture", {"amount": 10000, "items": [items[1]]})
    await paid.merchant.audit()


async def test_what_is_said_with_it(paid: Paid) -> None:
    answer = await paid.update(30000, final_authorization=True, reason="last")
    event = answer["events"][-1]
    assert event["metadata"] == {"final_authorization": True, "reason": "last"}


async def test_what_does_not_do(paid: Paid) -> None:
    async def refused(body: Any, field: str) -> None:
        answer = await paid.post("authorization", body, 400)
        assert answer["error"]["errors"][0]["field"] == field, answer

    paid.merchant.api.headers["Dintero-Feature-Toggles"] = "strict-items"
    await refused({"amount": 30000}, "items")
    await refused({"amount": 30000, "items": [ITEM]}, "items")
    await refused({"amount": 80000, "items": [ITEM, ITEM]}, "items.1.line_id")
    await refused({"amount": 40000, "items": [{"amount": 40000}]}, "items.0.line_id")
    await refused({"amount": 40000, "items": [ITEM | {"quantity": "x"}]}, "items.0.quantity")
    del paid.merchant.api.headers["Dintero-Feature-Toggles"]
    await refused({"amount": 300.5, "items": [ITEM]}, "amount")
    for too_little in (0, 9999, 10000):
        await refused({"amount": too_little, "items": [ITEM | {"amount": too_little}]}, "amount")
    path = "/v1/transactions/T12345678.none/authorization"
    await paid.merchant.post(path, {"amount": 1}, 404)
    assert (await paid.shown())["events"][-1]["event"] == "AUTHORIZE"
    assert len((await paid.shown())["events"]) == 2
    assert paid.order() == (30000, 30000)


async def test_after_a_part_was_captured(paid: Paid) -> None:
    await paid.post("capture", {"amount": 15000, "items": [ITEM | {"amount": 15000}]})
    answer = await paid.update(14999, 400)
    assert answer["error"]["errors"][0]["field"] == "amount"
    paid.merchant.api.headers["Dintero-Feature-Toggles"] = "strict-items"
    items = [{"line_id": "2", "amount": 20000}]
    answer = await paid.post("authorization", {"amount": 20000, "items": items}, 400)
    assert answer["error"]["errors"][0]["field"] == "items"
    items = [ITEM | {"amount": 14000}, {"line_id": "2", "amount": 6000}]
    answer = await paid.post("authorization", {"amount": 20000, "items": items}, 400)
    assert answer["error"]["errors"][0]["field"] == "items.0.amount"
    assert (await paid.update(20000))["status"] == "PARTIALLY_CAPTURED"
    assert paid.order() == (10000, 5000)
    assert (await paid.update(15000))["status"] == "CAPTURED"
    assert paid.order() == (5000, 0)
    assert await paid.card() == (0, 0, 10000)
    await paid.update(20000, 409)
    await paid.merchant.audit()


async def test_what_is_not_authorized_any_more(paid: Paid) -> None:
    await paid.post("void", None)
    answer = await paid.update(30000, 409)
    assert answer["error"]["code"] == "CONFLICT"
    await paid.merchant.audit()


async def test_klarna_refuses(paid: Paid) -> None:
    paid.klarna.admin("settings", max_authorized=35000)
    answer = await paid.update(50000, 400)
    assert answer["error"]["code"] == "OPERATION_REFUSED"
    shown = await paid.shown()
    assert (shown["amount"], shown["status"]) == (40000, "AUTHORIZED")
    event = shown["events"][-1]
    assert (event["event"], event["success"], event["amount"]) == ("AUTHORIZE", False, 50000)
    assert shown["items"][0]["amount"] == 40000
    assert paid.order() == (30000, 30000)
    assert await paid.card() == (0, 10000, 0)
    await paid.merchant.audit()


@pytest.mark.parametrize(
    ("kind", "took_effect"),
    [("late", True), ("drop_after", True), ("error_after", True), ("drop_before", False)],
)
async def test_an_answer_that_is_lost(paid: Paid, kind: str, took_effect: bool) -> None:
    paid.klarna.fault("update", kind)
    with impatient(Klarna):
        answer = await paid.update(25000, 202)
    assert (answer["amount"], answer["status"]) == (40000, "AUTHORIZED")
    assert paid.order()[0] == (15000 if took_effect else 30000)
    for verb, body in (("capture", {"amount": 1}), ("void", None)):
        await paid.post(verb, body, 409)
    await paid.update(25000, 409)
    await paid.merchant.audit()
    for _ in range(10):
        # A busy machine may keep Klarna from answering in time more than once.
        paid.merchant.clock.ahead += timedelta(minutes=10)
        await reconcile_due(paid.merchant.ctx)
        shown = await paid.shown()
        if shown["amount"] == 25000:
            break
    assert (shown["amount"], paid.order()) == (25000, (15000, 15000))
    authorized = [e for e in shown["events"] if e["event"] == "AUTHORIZE"]
    assert [(e["success"], e["amount"]) for e in authorized] == [(True, 40000), (True, 25000)]
    assert authorized[-1]["correlation_request_id"] == authorized[-1]["request_id"]
    assert await paid.card() == (0, 10000, 0)
    await paid.post("capture", {"amount": 25000})
    await paid.merchant.audit()


async def test_klarna_changed_it_to_another_amount(paid: Paid) -> None:
    """Klarna reports neither the old amount nor the requested one, so we decide nothing."""
    paid.klarna.fault("update", "wrong_amount")
    await paid.update(25000, 202)
    for _ in range(3):
        paid.merchant.clock.ahead += timedelta(minutes=10)
        await reconcile_due(paid.merchant.ctx)
    assert (await paid.shown())["amount"] == 40000
    assert paid.order() == (14900, 14900)
    await paid.post("capture", {"amount": 1}, 409)
    await paid.merchant.audit()


async def test_the_same_key_again(paid: Paid) -> None:
    path = f"/v1/transactions/{paid.id}/authorization"
    body = {"amount": 25000, "items": [ITEM | {"amount": 25000}]}
    headers = {"Idempotency-Key": "update-1"}
    paid.klarna.fault("update", "drop_after")
    first = await paid.merchant.api.post(path, json=body, headers=headers)
    assert first.status_code == 202
    paid.merchant.clock.ahead += timedelta(minutes=10)
    await reconcile_due(paid.merchant.ctx)
    again = [await paid.merchant.api.post(path, json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in again] == [200, 200]
    assert again[1].headers["Idempotent-Replayed"] == "true"
    assert again[1].json() == again[0].json()
    assert len((await paid.shown())["events"]) == 3
    other = await paid.merchant.api.post(path, json={"amount": 1}, headers=headers)
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await paid.shown())["payment_product_type"] == OPTION
