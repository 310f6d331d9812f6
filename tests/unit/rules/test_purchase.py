"""The rows tell what a transaction is for and what an operation was requested for."""

from __future__ import annotations

from typing import Any

import pytest

from backend.rules import json_values as values
from backend.rules.purchase import OperationRequest, Purchase

SNAPSHOT: dict[str, Any] = {
    "items": [{"line_id": "1", "amount": 500}, {"line_id": 2, "amount": 100, "type": "shipping"}],
    "customer": {"customer_id": "c-1", "email": "kari@example.com"},
    "billing_address": {"country": "no"},
    "shipping_address": None,
    "store": {"id": 7, "terminal_id": "t-1"},
    "language": "nb",
    "push_to": "+4799887766",
    "on_phone": True,
    "auto_capture": False,
    "channel": "ecommerce",
}


def test_a_purchase_is_read_whole() -> None:
    bought = Purchase.read(SNAPSHOT)
    assert [(item.line_id, item.amount) for item in bought.items] == [("1", 500), ("2", 100)]
    assert (bought.customer.customer_id, bought.customer.email) == ("c-1", "kari@example.com")
    assert (bought.billing_address.country, bought.shipping_address.country) == ("no", "")
    assert (bought.store_id, bought.terminal_id) == ("7", "t-1")
    assert (bought.language, bought.push_to, bought.channel) == ("nb", "+4799887766", "ecommerce")
    assert (bought.on_phone, bought.auto_capture) == (True, False)
    assert bought.raw is SNAPSHOT


def test_a_purchase_of_an_old_row_says_nothing() -> None:
    bought = Purchase.read({})
    assert (bought.items, bought.language, bought.push_to) == ((), "", None)
    assert (bought.on_phone, bought.auto_capture, bought.event_reference) == (False, False, None)


def test_what_an_operation_was_asked_for() -> None:
    asked = OperationRequest.read(
        {
            "reference": "r-1",
            "items": [{"line_id": "1", "amount": 5}],
            "metadata": {"a": 1},
            "reason": "",
            "request_id": "q-1",
            "refund_to": {"to": "card", "card": "pk"},
            "warnings": [{"code": "items_sum"}],
            "headers": {"user-agent": "shop"},
        }
    )
    assert (asked.reference, asked.reason, asked.request_id) == ("r-1", None, "q-1")
    assert (asked.refund_to, asked.refund_card) == ("card", "pk")
    assert [item.amount for item in asked.items] == [5]
    assert (asked.metadata, asked.headers) == ({"a": 1}, {"user-agent": "shop"})
    assert asked.warnings == ({"code": "items_sum"},)
    assert asked.published is False


def test_an_operation_that_was_asked_for_nothing() -> None:
    asked = OperationRequest.read({"refund_to": None, "metadata": None, "items": None})
    assert (asked.refund_to, asked.metadata, asked.items) == (None, {}, ())
    assert OperationRequest.read({"published": True}).published is True


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5), (-5, -5), (1.5, 1.5), ("25", 25), ("12.5", 12.5), ("1e3", 1000), (0, 0),
        (True, None), (None, None), ("", None), ("x", None), ("NaN", None), ("1e99", None),
        (float("inf"), None), (float("nan"), None), ("9" * 41, None), ("\u00b2", None), ([], None),
    ],
)  # fmt: skip
def test_a_number(value: object, number: float | None) -> None:
    assert values.number(value) == number
    assert type(values.number(value)) is type(number)


@pytest.mark.parametrize(
    ("value", "amount"), [(100, 100), (99.0, 99), ("100", 100), (None, None), ("", None)]
)
def test_an_amount(value: object, amount: int | None) -> None:
    assert values.amount(value) == amount


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), ("", None), (None, None), (5, "5"), (0, "0")]
)
def test_a_text(value: object, text: str | None) -> None:
    assert values.text(value) == text


@pytest.mark.parametrize(("value", "switch"), [(True, True), (False, False), (1, None), ("", None)])
def test_a_switch(value: object, switch: bool | None) -> None:
    assert values.switch(value) is switch
