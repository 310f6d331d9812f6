"""Providers that require lines with an exact sum get them, whatever the shop's items say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backend.payments.attempts.start import Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.psp.klarna.connector import Klarna
from tests.api.test_authorization_update import Paid as PaidAtKlarna
from tests.api.test_swedbankpay import CARD, Payer, SwedbankPaySandbox, _provider, provider
from tests.support.checkout import Merchant, session_body
from tests.support.klarna import KlarnaSandbox
from tests.support.klarna_payer import KlarnaPayer
from tests.support.patience import impatient
from tests.support.swedbankpay import MEDIA

__all__ = ["_provider", "provider"]

LAMP = {"line_id": "1", "id": "lamp", "description": "Lampe", "quantity": 3, "amount": 30000,
        "vat": 25}  # fmt: skip
BOOK = {"line_id": "2", "id": "book", "description": "Bok", "amount": 5000, "vat": 0}
SHIPPING = {
    "id": "home", "line_id": "ship", "amount": 4500, "operator": "Posten", "title": "Frakt",
    "vat": 25,
}  # fmt: skip
Line = tuple[str, str, int, int]


def order(**more: Any) -> dict[str, Any]:
    """Return an order of 400.00 whose lines sum to 395.00."""
    usual: dict[str, Any] = session_body(40000)["order"]
    return usual | {"items": [LAMP, BOOK], "shipping_option": SHIPPING} | more


def shown(lines: list[dict[str, Any]]) -> list[Line]:
    for line in lines:
        assert line["unit_price"] * line["quantity"] == line["total_amount"]
    return [
        (line["type"], line["name"], line["total_amount"], line["total_tax_amount"])
        for line in lines
    ]


@pytest.fixture
async def paid(merchant: Merchant, klarna: KlarnaSandbox) -> PaidAtKlarna:
    """Pay 100.00 by gift card and 300.00 by Klarna."""
    payer = KlarnaPayer(merchant, klarna)
    made = PaidAtKlarna(payer)
    await merchant.come_back(klarna.pay(await payer.begin(order=order())))
    transaction = await payer.transaction()
    made.id, made.reference = transaction.id, str(transaction.psp_reference)
    return made


def at_klarna(paid: PaidAtKlarna) -> Any:
    return paid.klarna.order(paid.reference)


async def test_klarnas_order(paid: PaidAtKlarna) -> None:
    found = at_klarna(paid)
    # The whole purchase is taxed at 20.9 %: 69.00 of 395.00.
    assert shown(found["order_lines"]) == [
        ("physical", "Lampe", 30000, 6000),
        ("physical", "Bok", 5000, 0),
        ("shipping_fee", "Frakt", 4500, 900),
        ("surcharge", "Justering", 500, 87),
        ("gift_card", "Gavekort", -10000, 0),
    ]
    assert (found["order_amount"], found["order_tax_amount"]) == (30000, 6987)
    await paid.merchant.audit()


@pytest.mark.parametrize(
    ("items", "lines"),
    [
        (None, []),
        ([], []),
        ("all", []),
        ([{"line_id": "1"}], []),
        # The lines hold a later discount, and the shipping under another name.
        (
            [{"line_id": "1", "amount": 30000}, {"line_id": "x", "id": "home", "amount": 4500},
             {"line_id": "rabatt", "description": "Rabatt", "amount": -500, "vat": 25}],
            [("physical", "Lampe", 30000, 6000), ("shipping_fee", "Frakt", 4500, 900),
             ("discount", "Rabatt", -500, -100), ("surcharge", "Justering", 1000, 200),
             ("gift_card", "Gavekort", -10000, 0)],
        ),
        # The items exceed the amount, so a negative line balances the excess.
        (
            [{"line_id": "1", "amount": 30000}, {"line_id": "2", "amount": 5001}],
            [("physical", "Lampe", 30000, 6000), ("physical", "Bok", 5001, 0),
             ("discount", "Justering", -1, 0), ("gift_card", "Gavekort", -10000, 0)],
        ),
        # The whole amount is in a line that was not ordered.
        (
            [{"line_id": "shipping", "amount": 35000, "vat_amount": 7000}],
            [("physical", "shipping", 35000, 7000), ("gift_card", "Gavekort", -10000, 0)],
        ),
    ],
)  # fmt: skip
async def test_captures_and_refunds_at_klarna(
    paid: PaidAtKlarna, items: Any, lines: list[Line]
) -> None:
    body = {"amount": 35000, "items": items}
    assert (await paid.post("capture", body))["status"] == "PARTIALLY_CAPTURED"
    (capture,) = at_klarna(paid)["captures"]
    assert (capture["captured_amount"], shown(capture["order_lines"])) == (25000, lines)
    assert await paid.card() == (0, 0, 10000)
    assert (await paid.post("refund", body))["status"] == "PARTIALLY_CAPTURED_REFUNDED"
    (refund,) = at_klarna(paid)["refunds"]
    assert (refund["refunded_amount"], shown(refund["order_lines"])) == (25000, lines)
    assert await paid.card() == (10000, 0, 0)
    # The gift card pays nothing of the rest, and the request has no lines.
    assert (await paid.post("capture", {"amount": 5000}))["status"] == "PARTIALLY_REFUNDED"
    assert at_klarna(paid)["captures"][1]["order_lines"] == []
    assert at_klarna(paid)["remaining_authorized_amount"] == 0
    await paid.merchant.audit()


async def test_what_the_card_pays_alone_is_not_told(paid: PaidAtKlarna) -> None:
    done = await paid.post("capture", {"amount": 9000, "items": [{"line_id": "?", "amount": 1}]})
    assert [one["code"] for one in done["warnings"]] == ["unknown_line", "items_sum"]
    assert at_klarna(paid)["captures"] == []
    assert await paid.card() == (0, 1000, 9000)
    await paid.merchant.audit()


@pytest.mark.parametrize(
    ("body", "codes", "lines"),
    [
        # The request has only the amount. The lines stay, and one line holds the difference.
        ({"amount": 30000}, [], [("physical", 30000), ("physical", 5000), ("shipping_fee", 4500),
                                 ("discount", -9500), ("gift_card", -10000)]),
        ({"amount": 30000, "items": [{"line_id": "1", "amount": 30001}]}, ["items_sum"],
         [("physical", 30001), ("discount", -1), ("gift_card", -10000)]),
        ({"amount": 41000, "items": [LAMP, LAMP]}, ["line_twice", "items_sum"],
         [("physical", 30000), ("physical", 30000), ("discount", -19000), ("gift_card", -10000)]),
        ({"amount": 40000, "items": [{"amount": 40000, "quantity": "x"}]},
         ["line_id_missing", "unreadable"], [("physical", 40000), ("gift_card", -10000)]),
        ({"amount": 40000, "items": "x"}, ["items_unreadable"],
         [("physical", 30000), ("physical", 5000), ("shipping_fee", 4500), ("surcharge", 500),
          ("gift_card", -10000)]),
    ],
)  # fmt: skip
async def test_an_update_of_the_authorization(
    paid: PaidAtKlarna, body: Any, codes: list[str], lines: list[tuple[str, int]]
) -> None:
    done = await paid.post("authorization", body)
    assert [one["code"] for one in done.get("warnings", [])] == codes
    assert (done["amount"], done["status"]) == (body["amount"], "AUTHORIZED")
    found = at_klarna(paid)
    assert [(line["type"], line["total_amount"]) for line in found["order_lines"]] == lines
    assert found["order_amount"] == body["amount"] - 10000
    assert (await paid.post("capture", {"amount": body["amount"]}))["status"] == "CAPTURED"
    await paid.merchant.audit()


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "late", "reference": "r-1"},
        {},
        {"items": [], "amount": None, "reason": "", "reference": ""},
    ],
)
async def test_an_extension_of_the_authorization(paid: PaidAtKlarna, body: Any) -> None:
    before = at_klarna(paid)
    paid.klarna.admin("clock", advance=7 * 24 * 3600)
    done = await paid.post("authorization", body)
    assert (done["status"], done["amount"], done["items"]) == (
        "AUTHORIZED",
        40000,
        (await paid.shown())["items"],
    )
    event = done["events"][-1]
    assert (event["event"], event["success"], event["amount"]) == ("AUTHORIZE", True, 40000)
    assert event.get("event_reference") == (body.get("reference") or None)
    assert event["metadata"] == ({"reason": body["reason"]} if body.get("reason") else {})
    assert event["gift_cards"][0]["amount"] == 10000
    after = at_klarna(paid)
    assert after["expires_at"] > before["expires_at"]
    assert after["order_lines"] == before["order_lines"]
    assert await paid.card() == (0, 10000, 0)
    # A partly captured order can also be extended. A fully captured one cannot.
    await paid.post("capture", {"amount": 15000})
    assert (await paid.post("authorization", body))["status"] == "PARTIALLY_CAPTURED"
    assert paid.order() == (30000, 25000)
    await paid.post("capture", {"amount": 25000})
    await paid.post("authorization", body, 409)
    await paid.merchant.audit()


@pytest.mark.parametrize("kind", ["late", "drop_after", "drop_before", "error_after"])
async def test_an_extension_whose_answer_is_lost(paid: PaidAtKlarna, kind: str) -> None:
    before = at_klarna(paid)
    paid.klarna.admin("clock", advance=7 * 24 * 3600)
    paid.klarna.fault("extend", kind)
    with impatient(Klarna):
        await paid.post("authorization", {"reason": "late", "reference": "r-1"}, 202)
    await paid.post("capture", {"amount": 1}, 409)
    for _ in range(10):
        paid.merchant.clock.ahead += timedelta(minutes=10)
        await reconcile_due(paid.merchant.ctx)
        told = [e for e in (await paid.shown())["events"] if e["event"] == "AUTHORIZE"]
        if len(told) == 2:
            break
    assert [(one["success"], one["amount"]) for one in told] == [(True, 40000), (True, 40000)]
    assert at_klarna(paid)["expires_at"] > before["expires_at"]
    await paid.post("capture", {"amount": 40000})
    await paid.merchant.audit()


# --- Swedbank Pay ------------------------------------------------------------------------------


def told(provider: SwedbankPaySandbox, reference: str | None) -> list[tuple[str, int, int]]:
    headers = {"Authorization": f"Bearer {provider.token}", "Accept": MEDIA}
    url = f"{provider.base_url}{reference}?$expand=orderItems"
    found = provider.http.get(url, headers=headers).json()["paymentOrder"]
    lines = found["orderItems"]["orderItemList"]
    assert sum(line["vatAmount"] for line in lines) == found["vatAmount"]
    return [(line["type"], line["amount"], line["vatAmount"]) for line in lines]


async def test_swedbank_pays_order(merchant: Merchant, provider: SwedbankPaySandbox) -> None:
    """Without a gift card the provider gets each line. With one it gets one line with the rest."""
    session_id = await merchant.ready(currency="SEK", order=order(currency="SEK"))
    result = await pay(merchant.ctx, session_id, Press(CARD, 40000, "nb"))
    assert result.url is not None
    await merchant.come_back(provider.by_card(result.url))
    view = await merchant.view(session_id)
    payer = Payer(merchant, provider)
    payer.session_id = session_id
    reference = (await payer.transaction()).psp_reference
    assert told(provider, reference) == [
        ("PRODUCT", 30000, 6000),
        ("PRODUCT", 5000, 0),
        ("SHIPPING_FEE", 4500, 900),
        ("OTHER", 500, 87),
    ]
    path = f"/v1/transactions/{view.transaction_id}"
    for verb in ("capture", "refund"):
        for body in (
            {"amount": 30000, "items": [{"line_id": "1", "amount": 30001}]},
            {"amount": 10000},
        ):
            await merchant.post(f"{path}/{verb}", body)
    assert (await merchant.get(path))["status"] == "REFUNDED"
    assert provider.moved(reference) == [
        ("Authorization", 40000),
        ("Capture", 30000),
        ("Capture", 10000),
        ("Reversal", 30000),
        ("Reversal", 10000),
    ]
    await payer.begin(order=order(currency="SEK"))
    assert told(provider, (await payer.transaction()).psp_reference) == [("PRODUCT", 30000, 0)]
    await merchant.audit()
