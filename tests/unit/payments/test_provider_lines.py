"""The order's lines as a provider gets them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.payments.provider_lines import order_lines, payers_country
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OrderLine

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def lines_of(
    items: list[dict[str, Any]], amount: int, card: int = 0, language: str = "nb"
) -> tuple[OrderLine, ...]:
    transaction = Transaction(
        id="t", account_id="a", profile_id="p", session_id="s", status="INITIATED",
        currency="NOK", amount=amount, payment_product_type="klarna.klarna",
        merchant_reference="r", snapshot={"items": items, "language": language},
        return_ref="x", created_at=_NOW, updated_at=_NOW,
    )  # fmt: skip
    operation = Operation(
        id="o", transaction_id="t", kind="authorize", key="o", state="pending", card_amount=card,
        psp_amount=amount - card, request={}, due_at=_NOW, created_by="checkout",
        created_at=_NOW, updated_at=_NOW,
    )  # fmt: skip
    return order_lines(transaction, operation)


def test_each_kind_of_line_and_the_gift_card_last() -> None:
    items = [
        {"id": "10", "line_id": "1", "description": "Skjerf", "quantity": 2, "amount": 40000,
         "vat": 25},
        {"line_id": "2", "description": "Stoff", "quantity": 1.5, "amount": 9000, "vat": 12.5},
        {"line_id": "3", "description": "Frakt", "quantity": 1, "amount": 9900, "vat": 25,
         "type": "shipping"},
        {"line_id": "4", "description": "Rabatt", "amount": -5000},
        {"line_id": "5", "description": "Butikkens gavekort", "amount": -3900,
         "type": "gift_card"},
    ]  # fmt: skip
    assert lines_of(items, 50000, card=10000) == (
        OrderLine("Skjerf", 40000, 2, 2500, "goods", "10"),
        OrderLine("1.5 × Stoff", 9000, 1, 1250, "goods", "2"),
        OrderLine("Frakt", 9900, 1, 2500, "shipping", "3"),
        OrderLine("Rabatt", -5000, 1, 0, "discount", "4"),
        OrderLine("Butikkens gavekort", -3900, 1, 0, "tender", "5"),
        OrderLine("Gavekort", -10000, 1, 0, "tender"),
    )


def test_the_gift_card_in_english() -> None:
    lines = lines_of([{"line_id": "1", "description": "Scarf", "amount": 500}], 500, 100, "en")
    assert [(line.name, line.amount) for line in lines] == [("Scarf", 500), ("Gift card", -100)]


@pytest.mark.parametrize("items", [[], [{"line_id": "1", "amount": 499}]])
def test_none_where_they_do_not_sum(items: list[dict[str, Any]]) -> None:
    assert lines_of(items, 500, card=100) == ()


@pytest.mark.parametrize(
    ("snapshot", "country"),
    [
        ({"billing_address": {"country": "se"}, "shipping_address": {"country": "NO"}}, "SE"),
        ({"billing_address": None, "shipping_address": {"country": "NO"}}, "NO"),
        ({"shipping_address": {"country": "Norway"}}, None),
        ({}, None),
    ],
)
def test_the_payers_country(snapshot: dict[str, Any], country: str | None) -> None:
    assert payers_country(Transaction(snapshot=snapshot)) == country
