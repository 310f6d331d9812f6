"""Turn a transaction into Dintero's JSON. Source:
`docs/reference/dintero-api.md#transaction-object`, `#transaction-events`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.core.clock import iso
from backend.payments.tables import Transaction, TransactionEvent
from backend.sessions import exact
from backend.sessions.own_names import OwnMetadata

_SNAPSHOT = (
    "merchant_reference_2", "channel", "customer", "customer_ip", "user_agent",
    "shipping_address", "billing_address", "shipping_option", "store", "items", "url",
    "metadata", "checkboxes", "payout_destination_id",
)  # fmt: skip


INCLUDES = (
    "session", "session.events.latest", "events.success.true", "events.request_headers",
    "initiating_system_request_headers", "card.payment_token", "card.recurrence_token",
)  # fmt: skip
"""What a caller may ask for in addition. We make no tokens, so those two add nothing. The caller of
this module adds what begins with `session`."""


def serialize_transaction(
    transaction: Transaction,
    events: Sequence[TransactionEvent],
    includes: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return the transaction as `GET /v1/transactions/{id}` answers it. Unknown fields are left
    out."""
    t = transaction
    shape: dict[str, Any] = {
        "id": t.id,
        "session_id": t.session_id,
        "status": t.status,
        "amount": t.amount,
        "currency": t.currency,
        "payment_product": t.payment_product_type.split(".")[0],
        "payment_product_type": t.payment_product_type,
        "payment_operation": t.payment_operation,
        "merchant_reference": t.merchant_reference,
        # Only the provider knows what was paid out.
        "settlement_status": "NOT_SETTLED",
        "created_at": iso(t.created_at),
        "updated_at": iso(t.updated_at),
    }
    shape |= exact.exact({key: t.snapshot.get(key) for key in _SNAPSHOT})
    if "items" in shape:
        shape["items"] = exact.items(shape["items"])
    if t.psp_reference is not None:
        own: OwnMetadata = {"gateway:id": t.psp_reference}
        shape["metadata"] = {**(shape.get("metadata") or {}), **own}
    if t.merchant_reference_2 is not None:
        shape["merchant_reference_2"] = t.merchant_reference_2
    if t.payment_card is not None:
        shape["card"] = exact.card(t.payment_card)
    shape["gift_cards"] = _gift_cards(t, t.card_authorized)
    if "events.success.true" in includes:
        events = [event for event in events if event.success]
    headers = "events.request_headers" in includes
    shape["events"] = [_event(t, event, headers) for event in events]
    if "initiating_system_request_headers" in includes:
        name = "initiating_system_request_headers"
        shape[name] = t.snapshot.get(name) or {}
    return shape


def _gift_cards(transaction: Transaction, amount: int) -> list[dict[str, Any]]:
    if transaction.gift_card_shown is None or amount == 0:
        return []
    return [{"type": "dintero.wallets", **transaction.gift_card_shown, "amount": amount}]


def _event(transaction: Transaction, event: TransactionEvent, with_headers: bool) -> dict[str, Any]:
    cards = _gift_cards(transaction, event.card_amount)
    for card in cards:
        card |= event.gift_card_shown or {}
        if event.wallet_transaction_id is not None:
            card["transaction_id"] = event.wallet_transaction_id
    shape: dict[str, Any] = {
        "id": event.id,
        "event": event.event,
        "transaction_status": event.transaction_status,
        "success": event.success,
        "amount": event.amount,
        "items": exact.exact(event.items),
        "gift_cards": cards,
        "created_at": iso(event.created_at),
        "created_by": event.created_by,
        "request_id": event.request_id,
        "metadata": exact.exact(event.metadata_),
    }
    optional = {
        "event_reference": event.event_reference,
        "correlation_request_id": event.correlation_request_id,
        "calculated_vat_amount": event.calculated_vat_amount,
        "error": exact.exact(event.error),
        "correction": event.correction,
        "request_headers": event.request_headers if with_headers else None,
    }
    return shape | {key: value for key, value in optional.items() if value is not None}
