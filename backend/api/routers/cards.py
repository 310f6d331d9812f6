"""Gift cards by API. Source: `docs/reference/dintero-api.md#wallets-api`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from backend.api.body import strict_router
from backend.api.card_requests import (
    ActivateRequest,
    BatchRequest,
    CardRequest,
    ExtendRequest,
    Reason,
    ReissueRequest,
    RestoreRequest,
    RotateRequest,
    TokenRequest,
    UnlockRequest,
)
from backend.api.deps import READ_WALLETS, WRITE_WALLETS, Caller, Context
from backend.cards import formats, lifecycle, renew
from backend.cards.history import list_card_events, serialize_card_event
from backend.cards.issue import IssuedCard, issue_batch, issue_card
from backend.cards.lifecycle import Activation, Deletion
from backend.cards.listing import CardFilter, customer_card, list_cards
from backend.cards.lookup import get_card
from backend.cards.pin_lock import attempts_of
from backend.cards.pin_lock import unlock as unlock_card
from backend.cards.renew import Change
from backend.cards.serializer import (
    serialize_card,
    serialize_customer_card,
    serialize_secret,
    serialize_token,
    serialize_wallet_transaction,
)
from backend.cards.tables import Card
from backend.cards.tokens import TokenOrder, create_token, tokens_of
from backend.cards.wallets import list_transactions
from backend.core.clock import utc
from backend.core.context import Backend
from backend.payments.card_uses import delete_card

router = strict_router()
CARDS = "/accounts/{account_id}/wallets/cards"
CUSTOMER = "/accounts/{account_id}/wallets/customers/{customer_id}/cards"
Limit = Annotated[int, Query(ge=1, le=100)]
Includes = Annotated[list[str] | None, Query()]


AmountFilter = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""The values that a column of amounts can hold."""


class CardQuery(BaseModel):
    """`amount_available` is an exact amount, or a range with `.gte` and `.lte`, in minor units."""

    model_config = ConfigDict(populate_by_name=True)

    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: str | None = None
    amount_available: AmountFilter | None = None
    amount_available_gte: AmountFilter | None = Field(default=None, alias="amount_available.gte")
    amount_available_lte: AmountFilter | None = Field(default=None, alias="amount_available.lte")
    include_deleted: bool = False


@router.post(CARDS)
async def create(
    account_id: str, body: CardRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Issue a card. The answer is the only place where its number and PIN are shown."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    return serialize_issued_card(
        ctx, await issue_card(ctx, body.order(account_id, caller.client_id))
    )


@router.post(f"{CARDS}/batch")
async def create_batch(
    account_id: str, body: BatchRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Make up to 100 inactive cards, all or none, to be activated one by one when they are sold."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    issued = await issue_batch(ctx, body.orders(account_id, caller.client_id))
    return {"cards": [serialize_issued_card(ctx, one) for one in issued]}


def serialize_issued_card(ctx: Backend, issued: IssuedCard) -> dict[str, Any]:
    """Return a card with its number and PIN, which are shown this once."""
    shape = serialize_card(issued.card, ctx.clock.now(), [issued.token])
    form = issued.token.format
    shape["card_token"] = {"format": form, "token": serialize_secret(issued.number, form)}
    if issued.pin is not None:
        shape["pin"] = _pin(issued.card, issued.pin)
    return shape


def _pin(card: Card, pin: str) -> dict[str, Any]:
    form = card.pin_format or {}
    return {"format": form, "pin": serialize_secret(pin, form)}


@router.get(CARDS)
async def list_(
    account_id: str, wanted: Annotated[CardQuery, Query()], ctx: Context, caller: Caller
) -> dict[str, Any]:
    """List cards, newest first. The answer's `starting_after` gives the next page, and is missing
    on the last page."""
    caller.require_account(account_id)
    caller.require(*READ_WALLETS)
    query = CardFilter(
        account_id=account_id,
        limit=wanted.limit + 1,
        starting_after=wanted.starting_after,
        available=wanted.amount_available,
        available_gte=wanted.amount_available_gte,
        available_lte=wanted.amount_available_lte,
        include_deleted=wanted.include_deleted,
    )
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        found = await list_cards(db, query)
        cards = found[: wanted.limit]
        tokens = await tokens_of(db, cards, now)
        attempts = await attempts_of(ctx, db, cards)
    answer: dict[str, Any] = {
        "cards": [serialize_card(card, now, tokens[card.id], attempts[card.id]) for card in cards]
    }
    if len(found) > wanted.limit:
        answer["starting_after"] = cards[-1].id
    return answer


@router.get(f"{CARDS}/{{card_id}}")
async def get(
    account_id: str, card_id: str, ctx: Context, caller: Caller, includes: Includes = None
) -> dict[str, Any]:
    """Return a card. `includes` is accepted, but what it asks for (the formats of PIN and tokens)
    is always present."""
    caller.require_account(account_id)
    caller.require(*READ_WALLETS)
    async with ctx.db.reading() as db:
        card = await get_card(db, account_id, card_id)
    return await _serialize(ctx, card)


async def _serialize(ctx: Backend, card: Card) -> dict[str, Any]:
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        tokens = await tokens_of(db, [card], now)
        attempts = await attempts_of(ctx, db, [card])
    return serialize_card(card, now, tokens[card.id], attempts[card.id])


@router.delete(f"{CARDS}/{{card_id}}")
async def delete(
    account_id: str,
    card_id: str,
    ctx: Context,
    caller: Caller,
    force: bool = False,
    reason: Reason | None = None,
) -> dict[str, Any]:
    """Delete a card. Nothing can be paid with it from now on. 409 while a payment or drawdown holds
    money of it, or while money may be refunded to it; `force` deletes it nevertheless."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    deletion = Deletion(account_id, card_id, caller.client_id, force, reason)
    return await _serialize(ctx, await delete_card(ctx, deletion))


@router.post(f"{CARDS}/{{card_id}}/activate")
async def activate(
    account_id: str, card_id: str, body: ActivateRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Make an `inactive` card `unused`, with its first money."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    number = body.card_token
    activation = Activation(
        account_id=account_id,
        card_id=card_id,
        amount=body.amount,
        currency=body.currency,
        created_by=caller.client_id,
        ref_id=body.ref_id,
        customer_id=body.customer_id,
        name=body.name,
        active_from=utc(body.active_from),
        expires_at=utc(body.expires_at),
        originated_by=body.originated_by,
        metadata=body.metadata,
        number_expires_in=number.expires_in if number else None,
        number_single_use=number.expires_after_transaction if number else False,
    )
    return await _serialize(ctx, await lifecycle.activate(ctx, activation))


@router.post(f"{CARDS}/{{card_id}}/rotate-pin")
async def rotate_pin(
    account_id: str, card_id: str, ctx: Context, caller: Caller, body: RotateRequest | None = None
) -> dict[str, Any]:
    """Give the card a new PIN, which is shown only in this answer. The old one ends at once."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    form = body.pin.format.as_format(4) if body is not None and body.pin is not None else None
    card, pin = await lifecycle.rotate_pin(ctx, account_id, card_id, form, caller.client_id)
    return await _serialize(ctx, card) | {"pin": _pin(card, pin)}


@router.post(f"{CARDS}/{{card_id}}/unlock")
async def unlock(
    account_id: str, card_id: str, ctx: Context, caller: Caller, body: UnlockRequest | None = None
) -> dict[str, Any]:
    """Forget the wrong attempts at a card's PIN, so that its owner can use it again. It may be
    repeated. The card's history keeps who did it, and `reason`."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    reason = body.reason if body is not None else None
    return await _serialize(
        ctx, await unlock_card(ctx, account_id, card_id, caller.client_id, reason)
    )


@router.post(f"{CARDS}/{{card_id}}/tokens")
async def make_token(
    account_id: str, card_id: str, body: TokenRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Make a temporary token that can be used in place of the number. The same `ref_id` gives the
    same token."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    order = TokenOrder(
        account_id=account_id,
        card_id=card_id,
        ref_id=body.ref_id,
        expires_in=body.expires_in,
        created_by=caller.client_id,
        single_use=body.expires_after_transaction,
        format=body.format.as_number() if body.format else None,
        metadata=body.metadata or {},
    )
    return serialize_token(*await create_token(ctx, order))


@router.post(f"{CARDS}/{{card_id}}/extend")
async def extend(
    account_id: str, card_id: str, body: ExtendRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Give a card a later last day, even if it has expired. The same day again changes nothing."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    change = Change(account_id, card_id, caller.client_id, body.reason)
    return await _serialize(ctx, await renew.extend(ctx, change, utc(body.expires_at)))


@router.post(f"{CARDS}/{{card_id}}/restore")
async def restore(
    account_id: str, card_id: str, ctx: Context, caller: Caller, body: RestoreRequest | None = None
) -> dict[str, Any]:
    """Undo a deletion. A card that is not deleted does not change."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    change = Change(account_id, card_id, caller.client_id, body.reason if body else None)
    return await _serialize(ctx, await renew.restore(ctx, change))


@router.post(f"{CARDS}/{{card_id}}/reissue")
async def reissue(
    account_id: str, card_id: str, ctx: Context, caller: Caller, body: ReissueRequest | None = None
) -> dict[str, Any]:
    """Give a card another number and PIN, which are shown only in this answer. The old ones end at
    once, and the balance stays."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    body = body or ReissueRequest()
    number = (
        body.card_token.format.as_number() if body.card_token and body.card_token.format else (None)
    )
    pin = body.pin.format.as_format(formats.MIN_PIN_LENGTH) if body.pin else None
    change = Change(account_id, card_id, caller.client_id, body.reason)
    return serialize_issued_card(ctx, await renew.reissue(ctx, change, number, pin))


@router.get(f"{CARDS}/{{card_id}}/events")
async def events(
    account_id: str,
    card_id: str,
    ctx: Context,
    caller: Caller,
    limit: Limit = 10,
    starting_after: str | None = None,
) -> dict[str, Any]:
    """List what was done to a card, by whom and why, newest first. It works for a deleted card
    too."""
    caller.require_account(account_id)
    caller.require(*READ_WALLETS)
    async with ctx.db.reading() as db:
        found = await list_card_events(db, account_id, card_id, limit, starting_after)
    shape: dict[str, Any] = {"events": [serialize_card_event(event) for event in found]}
    if len(found) == limit:
        shape["starting_after"] = found[-1].id
    return shape


@router.get(f"{CARDS}/{{card_id}}/transactions")
async def transactions(
    account_id: str,
    card_id: str,
    ctx: Context,
    caller: Caller,
    limit: Limit = 10,
    starting_after: str | None = None,
) -> dict[str, Any]:
    """List a card's movements, newest first. `starting_after` gives the next page."""
    caller.require_account(account_id)
    caller.require(*READ_WALLETS)
    async with ctx.db.reading() as db:
        card = await get_card(db, account_id, card_id)
        found = await list_transactions(db, card, limit, starting_after)
    shape: dict[str, Any] = {
        "transactions": [serialize_wallet_transaction(t, card.card_id) for t in found]
    }
    if len(found) == limit:
        shape["starting_after"] = found[-1].id
    return shape


@router.get(CUSTOMER)
async def customers_cards(
    account_id: str,
    customer_id: str,
    ctx: Context,
    caller: Caller,
    limit: Limit = 10,
    starting_after: str | None = None,
) -> list[dict[str, Any]]:
    """List a customer's active cards, newest first. That customer's own token may call this too."""
    caller.require_account(account_id)
    caller.require_customer(customer_id, *READ_WALLETS)
    now = ctx.clock.now()
    query = CardFilter(
        account_id=account_id,
        limit=limit,
        starting_after=starting_after,
        customer_id=customer_id,
        usable_at=now,
    )
    async with ctx.db.reading() as db:
        cards = await list_cards(db, query)
        tokens = await tokens_of(db, cards, now)
    shown = serialize_customer_card if caller.customer_id is not None else serialize_card
    return [shown(card, now, tokens[card.id]) for card in cards]


@router.get(f"{CUSTOMER}/{{card_id}}")
async def customers_card(
    account_id: str, customer_id: str, card_id: str, ctx: Context, caller: Caller
) -> dict[str, Any]:
    caller.require_account(account_id)
    caller.require_customer(customer_id, *READ_WALLETS)
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        card = await customer_card(db, account_id, customer_id, card_id, now)
        tokens = await tokens_of(db, [card], now)
    shown = serialize_customer_card if caller.customer_id is not None else serialize_card
    return shown(card, now, tokens[card.id])
