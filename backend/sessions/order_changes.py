"""Changes of an order that more than one verb makes. The caller has locked the session's row."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import InvalidRequest
from backend.rules.order import ShippingOption, option_of
from backend.rules.session import with_correction
from backend.sessions import events, shipping
from backend.sessions.tables import CheckoutSession

MAX_BODY = 256 * 1024
"""Characters of JSON that a session may have."""


async def choose_shipping(
    db: AsyncSession, session: CheckoutSession, key: str, now: datetime
) -> None:
    """Choose an offered shipping option. InvalidRequest if it is not offered."""
    chosen = shipping.by_key(session.content.express.shipping_options, key)
    if chosen is None:
        raise InvalidRequest("there is no such shipping option")
    body = copy.deepcopy(session.body)
    shipping.put_option(body["order"], chosen)
    session.body = body
    session.amount = body["order"]["amount"]
    session.chosen_shipping = key
    await events.record(
        db, session, "SET_SHIPPING_OPTION", now, {"shipping_option": dict(chosen.raw)}
    )


def offer_shipping(
    session: CheckoutSession, body: dict[str, Any], options: Sequence[ShippingOption]
) -> None:
    """Replace the offered options in `body`. The payer's choice stays if it is still offered, at
    its new price. Otherwise the first option is chosen."""
    order = body["order"]
    body["express"] = {
        **(body.get("express") or {}),
        "shipping_options": [dict(o.raw) for o in options],
    }
    key = shipping.pick_key(options, option_of(order), first=True)
    shipping.put_option(order, shipping.by_key(options, key))
    session.chosen_shipping = key


def check_size(body: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for a session that has become too large. Every change may add to it."""
    if len(json.dumps(body)) > MAX_BODY:
        raise InvalidRequest(f"the session is too large: at most {MAX_BODY} characters of JSON")


def keep_body(session: CheckoutSession, body: dict[str, Any]) -> None:
    check_size(body)
    session.body = body
    session.amount = body["order"]["amount"]


def same_content(one: object, other: object) -> bool:
    """Return whether two parts of a session say the same. A null counts as an absent field."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(same_content(one.get(name), other.get(name)) for name in {*one, *other})
    if isinstance(one, list) and isinstance(other, list):
        alike = len(one) == len(other)
        return alike and all(same_content(a, b) for a, b in zip(one, other, strict=True))
    # True is 1 in Python, but not in an order.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def put_order(order: dict[str, Any], answer: Mapping[str, Any]) -> None:
    """Take the shop's new order, but not its shipping option. If `amount` does not fit the items, a
    correction item makes up the difference.

    Source: `docs/reference/dintero-api.md#amounts-and-validation`.
    """
    option = option_of(order)
    order.pop("shipping_option", None)
    order.update({key: value for key, value in answer.items() if key != "shipping_option"})
    items = with_correction(order.get("items") or [], int(order["amount"]))
    if items:
        order["items"] = items
    shipping.put_option(order, option)
