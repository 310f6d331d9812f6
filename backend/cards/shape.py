"""Cards and wallet transactions in Dintero's shape.

Source: `reference/dintero-api.md#43-card-object`, `#45-info-and-transactions`. Where it says NC:
`amount_pending` is what payments and pending drawdowns hold, `amount_reserved` is 0;
`status` is `inactive`, `unused`, `partially_used`, `used`, `expired` or `deleted`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from backend.cards.tables import Card, WalletTransaction
from backend.clock import iso


def card_status(card: Card, now: datetime) -> str:
    if card.deleted_at is not None:
        return "deleted"
    if not card.active:
        return "inactive"
    if card.expires_at is not None and card.expires_at <= now:
        return "expired"
    if card.drawn == 0 and card.held == 0:
        return "unused"
    return "used" if card.available + card.held == 0 else "partially_used"


def card_shape(card: Card, now: datetime) -> dict[str, Any]:
    """Without number and PIN, which are given once, when the card is made."""
    shape: dict[str, Any] = dict(card.extra)
    shape |= {
        "id": card.id,
        "card_id": card.card_id,
        "type": card.type,
        "status": card_status(card, now),
        "amount": card.initial_amount,
        "currency": card.currency,
        "amount_balance": card.available + card.held,
        "amount_available": card.available,
        "amount_funds": card.funds,
        "amount_drawdown": card.drawn,
        "amount_pending": card.held,
        "amount_reserved": 0,
        "tokens": [{"masked_code": card.number_mask, "format": card.number_format}],
        "metadata": card.metadata_,
        "created_at": iso(card.created_at),
        "created_by": card.created_by,
    }
    optional = {
        "customer_id": card.customer_id,
        "name": card.name,
        "originated_by": card.originated_by,
        "active_from": iso(card.active_from) if card.active_from else None,
        "expires_at": iso(card.expires_at) if card.expires_at else None,
        "pin": {"format": card.pin_format} if card.pin_format else None,
    }
    return shape | {key: value for key, value in optional.items() if value is not None}


def wallet_transaction_shape(made: WalletTransaction, card: Card) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": made.id,
        "ref_id": made.ref_id,
        "card_id": card.card_id,
        "type": made.type,
        "pending": made.pending,
        "amount": made.amount,
        "currency": made.currency,
        "metadata": made.metadata_,
        "created_at": iso(made.created_at),
        "created_by": made.created_by,
    }
    if made.parent_id is not None:
        shape["parent_id"] = made.parent_id
    if made.originated_by is not None:
        shape["originated_by"] = made.originated_by
    return shape
