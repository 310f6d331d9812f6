"""Balance look-ups and wallet transactions by API.

Source: `docs/reference/dintero-api.md#card-look-up-and-wallet-transactions`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.card_requests import RefId
from backend.api.deps import READ_WALLETS, WRITE_WALLETS, Caller, Context
from backend.cards import pin_attempts, wallets
from backend.cards.ledger import EntryContext
from backend.cards.lookup import Match, find_number, get_card
from backend.cards.pin_check import match_number_and_pin
from backend.cards.serializer import (
    serialize_card,
    serialize_customer_card,
    serialize_wallet_transaction,
)
from backend.cards.tables import Card, WalletTransaction
from backend.cards.tokens import tokens_of
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest, NotFound
from backend.sessions.request import Amount, Flag, Loose, Text

router = strict_router()
NO_MATCH = "no gift card matches"


class InfoRequest(Loose):
    token: Annotated[str, Field(min_length=1, max_length=255)]
    pin: Annotated[str, Field(max_length=64)] | None = None


class MoveRequest(Loose):
    ref_id: RefId
    amount: Amount
    currency: Text
    token: Annotated[str, Field(max_length=255)] | None = None
    card_id: Text | None = None
    pin: Annotated[str, Field(max_length=64)] | None = None
    type: Literal["drawdown", "fund"] = "drawdown"
    pending: Flag = False
    metadata: dict[str, Any] | None = None
    originated_by: Text | None = None


class CaptureRequest(Loose):
    ref_id: RefId
    amount: Amount | None = None
    metadata: dict[str, Any] | None = None


class VoidRequest(Loose):
    ref_id: RefId
    metadata: dict[str, Any] | None = None


@router.post("/accounts/{account_id}/wallets/info")
async def info(account_id: str, body: InfoRequest, ctx: Context, caller: Caller) -> dict[str, Any]:
    """Return the card of a number, with its PIN if it has one. An unknown number and a wrong PIN
    get the same answer, and both count against the budgets."""
    caller.require_account(account_id)
    caller.require(*READ_WALLETS, "write:wallets", "user:wallets")
    match = await _by_token(ctx, caller, body.token, body.pin)
    now = ctx.clock.now()
    shown = serialize_customer_card if caller.customer_id is not None else serialize_card
    async with ctx.db.reading() as db:
        tokens = await tokens_of(db, [match.card], now)
    return shown(match.card, now, tokens[match.card.id])


async def _by_token(
    ctx: Backend, caller: Principal, token: str, pin: str | None, *, expired_too: bool = False
) -> Match:
    """Return the card of a number or token. If it has a PIN, the PIN is required. A customer always
    needs a PIN, and has budgets of attempts."""
    if pin is None:
        if caller.customer_id is not None:
            raise NotFound(NO_MATCH)
        async with ctx.db.reading() as db:
            match = await find_number(ctx, db, caller.account_id, token, expired_too=expired_too)
        if match is None or match.card.pin_hash is not None:
            raise NotFound(NO_MATCH)
        return match
    asker = pin_attempts.merchant(ctx, caller.account_id)
    if caller.customer_id is not None:
        asker = pin_attempts.customer(ctx, caller.account_id, caller.customer_id)
    match = await match_number_and_pin(
        ctx, caller.account_id, token, pin, asker=asker, expired_too=expired_too
    )
    if match is None:
        raise NotFound(NO_MATCH)
    return match


@router.post("/accounts/{account_id}/wallets/transactions")
async def move(account_id: str, body: MoveRequest, ctx: Context, caller: Caller) -> dict[str, Any]:
    """Draw from a card, or fund it. `amount` is in minor units. `ref_id` makes a repeat safe."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    if body.pending and body.type == "fund":
        raise InvalidRequest("only a drawdown can be pending", (FieldError("pending", "invalid"),))
    card, token_id = await _card_of(ctx, caller, body)
    movement = wallets.Movement(
        account_id=account_id,
        card_pk=card.id,
        type=body.type,
        amount=body.amount,
        currency=body.currency,
        pending=body.pending,
        cause=_cause(ctx, caller, body.ref_id, body.metadata, body.originated_by),
        token_id=token_id,
    )
    return serialize_wallet_transaction(await wallets.move(ctx, movement), card.card_id)


async def _card_of(ctx: Backend, caller: Principal, body: MoveRequest) -> tuple[Card, str | None]:
    """Return the card by `card_id`, or by `token`. If both are given, they must belong to one card.
    A token that has expired is found, so that a repeat of its payment gets an answer, but it pays
    nothing more."""
    if body.card_id is None and body.token is None:
        text = "one of card_id and token is needed"
        raise InvalidRequest(text, (FieldError("card_id", text),))
    if body.card_id is None:
        match = await _by_token(ctx, caller, body.token or "", body.pin, expired_too=True)
        return match.card, match.token.id
    async with ctx.db.reading() as db:
        card = await get_card(db, caller.account_id, body.card_id)
        if body.token is None:
            return card, None
        other = await find_number(ctx, db, caller.account_id, body.token, expired_too=True)
    if other is None:
        raise NotFound(NO_MATCH)
    if other.card.id != card.id:
        raise InvalidRequest("card_id and token must name the same card")
    return card, other.token.id


def _cause(
    ctx: Backend,
    caller: Principal,
    ref_id: str,
    metadata: dict[str, Any] | None,
    originated_by: str | None = None,
) -> EntryContext:
    return EntryContext(ref_id, ctx.clock.now(), caller.client_id, metadata, originated_by)


@router.post("/accounts/{account_id}/wallets/transactions/{transaction_id}/capture")
async def capture(
    account_id: str, transaction_id: str, body: CaptureRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Capture a pending drawdown, all of it or `amount`. The rest is available again."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    cause = _cause(ctx, caller, body.ref_id, body.metadata)
    made = await wallets.capture(ctx, account_id, transaction_id, body.amount, cause)
    return await _serialize(ctx, made)


@router.post("/accounts/{account_id}/wallets/transactions/{transaction_id}/void")
async def void(
    account_id: str, transaction_id: str, body: VoidRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Release a pending drawdown: its value goes back to the card."""
    caller.require_account(account_id)
    caller.require(*WRITE_WALLETS)
    cause = _cause(ctx, caller, body.ref_id, body.metadata)
    return await _serialize(ctx, await wallets.void(ctx, account_id, transaction_id, cause))


async def _serialize(ctx: Backend, made: WalletTransaction) -> dict[str, Any]:
    async with ctx.db.reading() as db:
        card = await db.get(Card, made.card)
    assert card is not None  # a foreign key holds it
    return serialize_wallet_transaction(made, card.card_id)
