"""Gift cards by API. Source: `reference/dintero-api.md#4-wallets-gift-card-api`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, Field

from backend.api.body import strict_router
from backend.api.deps import READ_WALLETS, WRITE_WALLETS, Caller, Context
from backend.cards import formats
from backend.cards.formats import Format
from backend.cards.issue import CardOrder, issue_card
from backend.cards.lookup import get_card
from backend.cards.shape import card_shape, wallet_transaction_shape
from backend.cards.wallets import list_transactions
from backend.errors import FieldError, InvalidRequest
from backend.sessions.request import Amount, Loose, Moment, Text

router = strict_router()


def _no_blanks_around(value: str) -> str:
    if value != value.strip():
        raise ValueError("must not begin or end with blanks")
    return value


CardId = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_no_blanks_around)]
CardCurrency = Literal["NOK", "SEK", "DKK", "EUR", "USD"]


class FormatRequest(Loose):
    length: Annotated[int, Field(ge=formats.MIN_PIN_LENGTH, le=formats.MAX_LENGTH)] | None = None
    prefix: Annotated[str, Field(max_length=32)] = ""
    numbers: bool = False
    characters: bool = False
    symbols: bool = False

    def as_format(self, default_length: int) -> Format:
        any_ = self.numbers or self.characters or self.symbols
        return Format(
            self.length or default_length, self.prefix, self.numbers or not any_,
            self.characters, self.symbols,
        )  # fmt: skip


class PinRequest(Loose):
    format: FormatRequest = FormatRequest()


class TokenFormatRequest(Loose):
    format: FormatRequest | None = None


class CardRequest(Loose):
    """`amount` in minor units."""

    card_id: CardId
    amount: Amount
    currency: CardCurrency
    customer_id: Text | None = None
    name: Text | None = None
    type: Literal["gift_card", "credit_note"] = "gift_card"
    pin: PinRequest | None = None
    card_token: TokenFormatRequest | None = None
    active_from: Moment | None = None
    expires_at: Moment | None = None
    originated_by: Text | None = None
    metadata: dict[str, Any] | None = None


@router.post("/accounts/{account_id}/wallets/cards")
async def create(
    account_id: str, body: CardRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Issue a card. The answer is the only place where its number and PIN are shown."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    order = _order(account_id, body, caller.client_id)
    issued = await issue_card(ctx, order)
    shape = card_shape(issued.card, ctx.clock.now())
    shape["card_token"] = {
        "format": issued.card.number_format, "token": {"value": issued.number},
    }  # fmt: skip
    if issued.pin is not None:
        shape["pin"] = {"format": issued.card.pin_format, "pin": {"value": issued.pin}}
    return shape


def _order(account_id: str, body: CardRequest, client_id: str) -> CardOrder:
    number_format = None
    if body.card_token is not None and body.card_token.format is not None:
        number_format = body.card_token.format.as_format(16)
        if number_format.length < formats.MIN_NUMBER_LENGTH:
            text = f"a card number has at least {formats.MIN_NUMBER_LENGTH} characters"
            raise InvalidRequest(text, (FieldError("card_token.format.length", text),))
    metadata = body.metadata or {}
    return CardOrder(
        account_id=account_id, card_id=body.card_id, amount=body.amount,
        currency=body.currency, created_by=client_id,
        pin_format=body.pin.format.as_format(formats.MIN_PIN_LENGTH) if body.pin else None,
        number_format=number_format, customer_id=body.customer_id, name=body.name,
        type=body.type, active_from=_utc(body.active_from), expires_at=_utc(body.expires_at),
        originated_by=body.originated_by, metadata=metadata,
        extra=dict(body.model_extra or {}),
    )  # fmt: skip


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


@router.get("/accounts/{account_id}/wallets/cards/{card_id}")
async def get(account_id: str, card_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    caller.require_account(account_id)
    caller.require(*READ_WALLETS)
    async with ctx.db.reading() as db:
        return card_shape(await get_card(db, account_id, card_id), ctx.clock.now())


@router.get("/accounts/{account_id}/wallets/cards/{card_id}/transactions")
async def transactions(
    account_id: str, card_id: str, ctx: Context, caller: Caller,
    limit: Annotated[int, Query(ge=1, le=100)] = 10, starting_after: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A card's movements, newest first; `starting_after` pages on."""
    caller.require_account(account_id)
    caller.require(*READ_WALLETS)
    async with ctx.db.reading() as db:
        card = await get_card(db, account_id, card_id)
        found = await list_transactions(db, card, limit, starting_after)
    shape: dict[str, Any] = {"transactions": [wallet_transaction_shape(t, card) for t in found]}
    if len(found) == limit:
        shape["starting_after"] = found[-1].id
    return shape
