"""A session's shipping options, and the amount that follows from the chosen one.

`order.amount` includes the option that the order has. Without an option it is the amount of the
items. Source: `docs/reference/dintero-api.md#amounts-and-validation`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def is_required(body: Mapping[str, Any]) -> bool:
    """Return whether the payer of a session with this body is asked where the goods go."""
    express = body.get("express") or {}
    return bool(express.get("shipping_mode") != "shipping_not_required")


def is_fixed(body: Mapping[str, Any], chosen: str | None) -> bool:
    """Return whether the shop has chosen an option for the payer: the order has one that is none of
    those that the session offers. It stays until the shop changes it."""
    return chosen is None and bool(body["order"].get("shipping_option"))


def is_missing(body: Mapping[str, Any], chosen: str | None) -> bool:
    """Return whether an option has to be chosen before the session can be paid."""
    offered = (body.get("express") or {}).get("shipping_options") or []
    return bool(offered) and chosen is None and not is_fixed(body, chosen)


def key_of(index: int, option: Mapping[str, Any]) -> str:
    """Return a name for one of a session's shipping options, whose ids need not be unique."""
    return f"{index}:{option['id']}"


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two descriptions are of the same option, even if the price differs."""
    names = ("id", "line_id", "operator", "operator_product_id")
    return all(one.get(name) == other.get(name) for name in names)


def find_key(options: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]) -> str | None:
    """Return the key of the option that `wanted` describes; None if it is not offered."""
    for index, option in enumerate(options):
        if same(option, wanted):
            return key_of(index, option)
    for index, option in enumerate(options):
        if option.get("id") == wanted.get("id"):
            return key_of(index, option)
    return None


def by_key(options: Sequence[Mapping[str, Any]], key: str | None) -> Mapping[str, Any] | None:
    return {key_of(i, option): option for i, option in enumerate(options)}.get(key or "")


def pick_key(
    options: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None, *, first: bool
) -> str | None:
    """Return the key of the choice among new options: the option that was chosen before if it is
    still offered, or else, with `first`, the first one. So no total is shown without shipping."""
    key = find_key(options, chosen) if chosen else None
    if key is None and first and options:
        key = key_of(0, options[0])
    return key


def put_option(order: dict[str, Any], option: Mapping[str, Any] | None) -> None:
    """Set, change or remove an order's shipping option; `amount` and `vat_amount` follow."""
    before = order.get("shipping_option") or {}
    after = option or {}
    order["amount"] += int(after.get("amount") or 0) - int(before.get("amount") or 0)
    if order.get("vat_amount") is not None:
        order["vat_amount"] += int(after.get("vat_amount") or 0)
        order["vat_amount"] -= int(before.get("vat_amount") or 0)
    if option is None:
        order.pop("shipping_option", None)
    else:
        order["shipping_option"] = dict(option)
