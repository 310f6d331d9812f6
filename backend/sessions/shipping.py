"""A session's shipping options, and the amount that follows from the chosen one.

`order.amount` includes the option that the order has. Without an option it is the amount of the
items. Source: `docs/reference/dintero-api.md#amounts-and-validation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.rules.order import ShippingOption, option_of


def key_of(index: int, option: ShippingOption) -> str:
    """Return a name for one of a session's shipping options, whose ids need not be unique."""
    return f"{index}:{option.id or ''}"


def find_key(options: Sequence[ShippingOption], wanted: ShippingOption) -> str | None:
    """Return the key of the option that `wanted` describes; None if it is not offered."""
    for index, option in enumerate(options):
        if option.is_same(wanted):
            return key_of(index, option)
    for index, option in enumerate(options):
        if option.id == wanted.id:
            return key_of(index, option)
    return None


def by_key(options: Sequence[ShippingOption], key: str | None) -> ShippingOption | None:
    return {key_of(i, option): option for i, option in enumerate(options)}.get(key or "")


def pick_key(
    options: Sequence[ShippingOption], chosen: ShippingOption | None, *, first: bool
) -> str | None:
    """Return the key of the choice among new options: the option that was chosen before if it is
    still offered, or else, with `first`, the first one. So no total is shown without shipping."""
    key = find_key(options, chosen) if chosen else None
    if key is None and first and options:
        key = key_of(0, options[0])
    return key


def put_option(order: dict[str, Any], option: ShippingOption | None) -> None:
    """Set, change or remove an order's shipping option; `amount` and `vat_amount` follow."""
    before = option_of(order)
    order["amount"] += (option.amount if option else 0) - (before.amount if before else 0)
    if order.get("vat_amount") is not None:
        order["vat_amount"] += _vat_of(option) - _vat_of(before)
    if option is None:
        order.pop("shipping_option", None)
    else:
        order["shipping_option"] = dict(option.raw)


def _vat_of(option: ShippingOption | None) -> int:
    return (option.vat_amount or 0) if option else 0
