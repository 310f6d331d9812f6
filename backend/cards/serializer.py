"""Turn cards and wallet transactions into Dintero's JSON.

Source: `docs/reference/dintero-api.md#card-object`, `#card-look-up-and-wallet-transactions`. The
documentation leaves three things open: here `amount_pending` is what payments and pending drawdowns
hold, `amount_reserved` is 0, and `status` is `inactive`, `unused`, `partially_used`, `used`,
`expired` or `deleted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.cards import lookup
from backend.cards.barcodes import barcode_128
from backend.cards.tables import NO_CURRENCY, Card, CardToken, WalletTransaction
from backend.core.clock import iso
from backend.rules import gift_card


def card_status(card: Card, now: datetime) -> str:
    return gift_card.status(lookup.facts(card), now).value


_ONCE = ("card_token",)
"""Only the answer to a new card has these."""


def serialize_card(
    card: Card,
    now: datetime,
    tokens: Sequence[CardToken],
    pin_attempts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the card without number and PIN, which are shown only once, when the card is made.
    `tokens` are its number and the temporary ones, see `cards.tokens.tokens_of`. `pin_attempts` is
    for the merchant alone, see `cards.pin_lock.attempts_of`.

    The answer also has the request's unknown fields, except those with names of ours.
    """
    own = _own(card, now, tokens) | {"pin_attempts": pin_attempts}
    extra = {k: v for k, v in card.extra.items() if k not in own and k not in _ONCE}
    return extra | _said(own)


def serialize_customer_card(
    card: Card, now: datetime, tokens: Sequence[CardToken]
) -> dict[str, Any]:
    """Return the card as its owner sees it, without the merchant's own notes."""
    hidden = ("metadata", "originated_by", "created_by")
    shape = _said(_own(card, now, tokens))
    return {key: value for key, value in shape.items() if key not in hidden}


def _said(own: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in own.items() if value is not None}


def _own(card: Card, now: datetime, tokens: Sequence[CardToken]) -> dict[str, Any]:
    """Return our own fields of a card. A field is None if we have nothing to say."""
    return {
        "id": card.id,
        "card_id": card.card_id,
        "type": card.type,
        "status": card_status(card, now),
        "amount": card.initial_amount,
        "amount_balance": card.available + card.held,
        "amount_available": card.available,
        "amount_funds": card.funds,
        "amount_drawdown": card.drawn,
        "amount_pending": card.held,
        "amount_reserved": 0,
        "tokens": [_token(token) for token in tokens],
        "metadata": card.metadata_,
        "created_at": iso(card.created_at),
        "created_by": card.created_by,
        "currency": None if card.currency == NO_CURRENCY else card.currency,
        "customer_id": card.customer_id,
        "name": card.name,
        "originated_by": card.originated_by,
        "active_from": iso(card.active_from) if card.active_from else None,
        "expires_at": iso(card.expires_at) if card.expires_at else None,
        "pin": {"format": card.pin_format} if card.pin_format else None,
        "pin_attempts": None,
        "replaces": card.replaces,
        "replaced_by": card.replaced_by,
    }


def _token(token: CardToken) -> dict[str, Any]:
    shape: dict[str, Any] = {"masked_code": token.mask, "format": token.format}
    if token.expires_at is not None:
        shape["expires_at"] = iso(token.expires_at)
    if token.single_use:
        shape["expires_after_transaction"] = True
    return shape


def serialize_token(token: CardToken, value: str) -> dict[str, Any]:
    """Return a temporary token as it is given to the merchant."""
    own = {
        "id": token.id,
        "ref_id": token.ref_id,
        "expires_in": token.expires_in,
        "expires_at": iso(token.expires_at) if token.expires_at else None,
        "expires_after_transaction": token.single_use,
        "format": token.format,
        "metadata": token.metadata_,
        "created_at": iso(token.created_at),
        "created_by": token.created_by,
        "token": serialize_secret(value, token.format),
    }
    return _said(own)


def serialize_secret(value: str, form: dict[str, Any]) -> dict[str, str]:
    """Return a number, token or PIN, with its bar code if the format asks for one."""
    shape = {"value": value}
    if form.get("barcode"):
        shape["barcode_128"] = barcode_128(value)
    return shape


def serialize_wallet_transaction(made: WalletTransaction, card_id: str) -> dict[str, Any]:
    """Return a movement as the API shows it. `card_id` is the merchant's own id of the card."""
    shape: dict[str, Any] = {
        "id": made.id,
        "ref_id": made.ref_id,
        "card_id": card_id,
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
