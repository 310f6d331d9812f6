"""What anybody with a session's id may read: the payer's view, without the merchant's secrets.

Source: `docs/reference/dintero-api.md#session-endpoints` ("Public and full view").
"""

from __future__ import annotations

from typing import Any

from backend.core.context import Backend
from backend.sessions.load import get_whole, is_locked
from backend.sessions.own_names import OwnToPayers
from backend.sessions.serializer import serialize_loaded

_SHOWN = (
    "id", "created_at", "updated_at", "expires_at", "order", "customer", "configuration",
    "checkboxes", "merchant", "transaction_id", "cancelled_at", "payment_operation", "warnings",
    "remainder",
)  # fmt: skip
_CUSTOMER = ("email", "phone_number", "gift_cards")
_EXPRESS = ("shipping_options", "shipping_mode", "customer_types")
_URLS = ("return_url", "merchant_terms_url")
_OPERATIONS = (
    ("PUT", "order/addresses", "update-addresses"),
    ("PUT", "order/shipping_address", "update-shipping-address"),
    ("PUT", "order/shipping_option", "update-shipping-option"),
    ("PUT", "order/discount_codes", "update-discount-codes"),
    ("PUT", "order/gift_card", "update-gift-card"),
    ("DELETE", "order/gift_card", "remove-gift-card"),
    ("POST", "lock", "lock-session"),
    ("POST", "abandon", "abandon-session"),
)


async def read_public_session(ctx: Backend, session_id: str) -> dict[str, Any]:
    """Return the session, its lock and the payer's operations. Callback addresses, metadata,
    events, what identifies a visitor, and fields that the schema does not know are left out."""
    async with ctx.db.reading() as db:
        read = await get_whole(db, session_id)
        whole = await serialize_loaded(db, read, ctx.clock.now(), events=None)
    found = read.session
    shape: dict[str, Any] = {key: whole[key] for key in _SHOWN if key in whole}
    if "customer" in shape:
        shape["customer"] = {k: v for k, v in shape["customer"].items() if k in _CUSTOMER}
    shape["url"] = {key: whole["url"][key] for key in _URLS if key in whole["url"]}
    if "express" in whole:
        express = whole["express"] or {}
        shape["express"] = {key: express[key] for key in _EXPRESS if key in express}
        discounts = express.get("discount_codes") or {}
        if discounts:
            shape["express"]["discount_codes"] = {"max_count": discounts.get("max_count") or 1}
    own: OwnToPayers = {"operations": _operations(ctx, session_id)}
    if is_locked(ctx, found, ctx.clock.now()):
        own["pay_lock"] = {"pay_lock_id": str(found.pay_lock_id)}
    return shape | own


def _operations(ctx: Backend, session_id: str) -> list[dict[str, str]]:
    base = ctx.settings.base_url
    view = f"{base}/v1/view/{session_id}/session"
    kind = "application/json"
    listed = [
        {"method": method, "href": f"{view}/{path}", "rel": rel, "content_type": kind}
        for method, path, rel in _OPERATIONS
    ]
    pay = f"{base}/v1/sessions/{session_id}/pay"
    return [*listed, {"method": "POST", "href": pay, "rel": "pay-session", "content_type": kind}]
