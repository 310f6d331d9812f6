"""A provider gets the order's lines in its own form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.payments.provider_lines import operation_lines, order_lines, payers_country
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OrderLine

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def lines_of(
    items: list[dict[str, Any]],
    amount: int,
    card: int = 0,
    language: str = "nb",
    said: list[dict[str, Any]] | None = None,
) -> tuple[OrderLine, ...]:
    """Return the lines of the order, or of a capture with these items."""
    transaction = Transaction(
        id="t",
        account_id="a",
        profile_id="p",
        session_id="s",
        status="INITIATED",
        currency="NOK",
        amount=amount,
        payment_product_type="klarna.klarna",
        merchant_reference="r",
        snapshot={"items": items, "language": language},
        return_ref="x",
        created_at=_NOW,
        updated_at=_NOW,
    )
    operation = Operation(
        id="o",
        transaction_id="t",
        kind="authorize",
        key="o",
        state="pending",
        card_amount=card,
        psp_amount=amount - card,
        request={"items": said},
        due_at=_NOW,
        created_by="checkout",
        created_at=_NOW,
        updated_at=_NOW,
    )
    of = order_lines if said is None else operation_lines
    return of(transaction, operation)


def test_each_kind_of_line_and_the_gift_card_last() -> None:
    items = [
        {
            "id": "10",
            "line_id": "1",
            "description": "Skjerf",
            "quantity": 2,
            "amount": 40000,
            "vat": 25,
        },
        {"line_id": "2", "description": "Stoff", "quantity": 1.5, "amount": 9000, "vat": 12.5},
        {
            "line_id": "3",
            "description": "Frakt",
            "quantity": 1,
            "amount": 9900,
            "vat": 25,
            "type": "shipping",
        },
        {"line_id": "4", "description": "Rabatt", "amount": -5000},
        {"line_id": "5", "description": "Butikkens gavekort", "amount": -3900, "type": "gift_card"},
    ]
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


def test_an_order_without_lines_has_none() -> None:
    assert lines_of([], 500, card=100) == ()


@pytest.mark.parametrize(
    ("amount", "adjusted", "tax"), [(499, 1, 2500), (520, -20, 2500), (0, 500, 0), (None, 500, 0)]
)
def test_what_does_not_sum_is_one_line_more(amount: int | None, adjusted: int, tax: int) -> None:
    item = {"line_id": "1", "description": "Skjerf", "amount": amount, "vat": 25}
    assert lines_of([item], 500, card=100) == (
        OrderLine("Skjerf", amount or 0, 1, 2500, "goods", "1"),
        OrderLine("Justering", adjusted, 1, tax, "adjustment"),
        OrderLine("Gavekort", -100, kind="tender"),
    )


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ({"vat": 25}, 2500),
        ({"vat": "15"}, 1500),
        ({"vat_amount": 2000}, 2500),
        ({"vat": 12, "vat_amount": 2000}, 1200),
        ({"vat": 250, "vat_amount": 1304}, 1500),
        ({"vat": -1}, 0),
        ({"vat": "none"}, 0),
        ({"vat_amount": -2000}, 0),
        ({"vat_amount": 10000}, 0),
        ({}, 0),
    ],
)
def test_the_rate_is_said_or_follows_from_the_vat(said: dict[str, Any], rate: int) -> None:
    (line,) = lines_of([{"line_id": "1", "amount": 10000} | said], 10000)
    assert line.vat_rate == rate


def test_the_lines_of_a_capture() -> None:
    """Each line has what the shop says, or else what the order has. A part of a line is not a
    number of units."""
    order = [
        {
            "id": "10",
            "line_id": "1",
            "description": "Skjerf",
            "quantity": 2,
            "amount": 40000,
            "vat": 25,
        },
        {
            "id": "ship",
            "line_id": "2",
            "description": "Frakt",
            "quantity": 1,
            "amount": 9900,
            "vat": 25,
            "type": "shipping",
        },
    ]
    said: list[dict[str, Any]] = [
        {"line_id": "1", "amount": 20000},
        {"line_id": "other", "id": "ship", "amount": 9900},
        {"line_id": "fee", "description": "Gebyr", "amount": 100, "vat": 0},
        {"line_id": "nothing"},
    ]
    lines = lines_of(order, 30003, card=10000, said=said)
    assert lines == (
        OrderLine("Skjerf", 20000, 1, 2500, "goods", "10"),
        OrderLine("Frakt", 9900, 1, 2500, "shipping", "ship"),
        OrderLine("Gebyr", 100, 1, 0, "goods", "fee"),
        OrderLine("Justering", 3, 1, 2490, "adjustment"),
        OrderLine("Gavekort", -10000, kind="tender"),
    )
    assert lines_of(order, 49900, said=[]) == ()


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
    transaction = Transaction(snapshot=snapshot)  # type: ignore[call-arg]  # only this is looked at
    assert payers_country(transaction) == country
