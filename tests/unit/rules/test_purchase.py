"""The rows tell what a transaction is for and what an operation was requested for."""

from __future__ import annotations

from typing import Any

import pytest

from backend.rules import json_values as values
from backend.rules.order import Address, Item
from backend.rules.purchase import OperationRequest, Purchase, read_items
from backend.rules.session_body import Customer

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


def test_a_purchase_is_read_in_every_field() -> None:
    item = {"line_id": "1", "amount": 500}
    raw: dict[str, Any] = {
        "items": [item],
        "shipping_address": {"country": "NO"},
        "billing_address": {"country": "SE"},
        "customer": {"customer_id": "c-1"},
        "language": "nb",
        "push_to": "+4799887766",
        "on_phone": True,
        "auto_capture": True,
        "event_reference": "e-1",
        "merchant_reference_2": "m-2",
        "channel": "in_store",
        "store": {"id": "s-1", "terminal_id": "t-1"},
        "payout_destination_id": "p-1",
        "our_own": "hush",
    }
    bought = Purchase.read(raw)
    assert bought == Purchase(
        items=(Item.read(item),),
        shipping_address=Address.read({"country": "NO"}),
        billing_address=Address.read({"country": "SE"}),
        customer=Customer.read({"customer_id": "c-1"}),
        language="nb",
        push_to="+4799887766",
        on_phone=True,
        auto_capture=True,
        event_reference="e-1",
        merchant_reference_2="m-2",
        channel="in_store",
        store_id="s-1",
        terminal_id="t-1",
        payout_destination_id="p-1",
        raw=raw,
    )
    assert "hush" not in repr(bought)


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_what_a_purchase_does_not_say(nothing: object) -> None:
    names = ("items", "shipping_address", "billing_address", "customer", "store")
    raw = dict.fromkeys(names, nothing)
    assert Purchase.read(raw) == Purchase(
        items=(),
        shipping_address=Address(),
        billing_address=Address(),
        customer=Customer("", "", "", None),
        language="",
        push_to=None,
        on_phone=False,
        auto_capture=False,
        event_reference=None,
        merchant_reference_2=None,
        channel=None,
        store_id=None,
        terminal_id=None,
        payout_destination_id=None,
        raw=raw,
    )


def test_an_operation_is_read_in_every_field() -> None:
    item = {"line_id": "1", "amount": 5}
    raw: dict[str, Any] = {
        "items": [item],
        "reference": "r-1",
        "reason": "broken",
        "description": "The lamp was broken",
        "request_id": "q-1",
        "refund_to": {"to": "card", "card": "pk"},
        "published": True,
        "metadata": {"a": 1},
        "headers": {"user-agent": "shop"},
        "warnings": [{"code": "items_sum"}],
        "our_own": "hush",
    }
    asked = OperationRequest.read(raw)
    assert asked == OperationRequest(
        items=(Item.read(item),),
        reference="r-1",
        reason="broken",
        description="The lamp was broken",
        request_id="q-1",
        refund_to="card",
        refund_card="pk",
        published=True,
        metadata={"a": 1},
        headers={"user-agent": "shop"},
        warnings=({"code": "items_sum"},),
        raw=raw,
    )
    assert "hush" not in repr(asked)


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_what_an_operation_does_not_say(nothing: object) -> None:
    names = ("items", "refund_to", "metadata", "headers", "warnings")
    raw = dict.fromkeys(names, nothing)
    assert OperationRequest.read(raw) == OperationRequest(
        (), None, None, None, "", None, None, False, {}, {}, (), raw
    )


@pytest.mark.parametrize("value", [1, "true", "True", [True], None])
def test_only_true_switches_something_on(value: object) -> None:
    bought = Purchase.read({"on_phone": value, "auto_capture": value})
    assert (bought.on_phone, bought.auto_capture) == (False, False)
    assert OperationRequest.read({"published": value}).published is False


def test_items_are_the_objects_of_a_list() -> None:
    assert read_items([{"id": "a"}, None, "x", {"id": "b"}]) == (
        Item.read({"id": "a"}),
        Item.read({"id": "b"}),
    )
    assert read_items({"id": "a"}) == ()
