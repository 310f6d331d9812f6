"""Drawdowns and funding by API. Each is one unit of work, and a repeat with the same `ref_id`
returns what the first call did. Source:
`docs/reference/dintero-api.md#card-look-up-and-wallet-transactions`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import ledger, lookup
from backend.cards.direct import move_directly
from backend.cards.ledger import EntryContext, InsufficientFunds
from backend.cards.tables import Card, Hold, WalletTransaction
from backend.cards.tokens import check_usable, get_token, spend
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest, NotFound
from backend.core.paging import after, newest_first
from backend.rules.gift_card import Refusal, refusal

_REASON = {
    Refusal.INACTIVE: "the card is not active",
    Refusal.EXPIRED: "the card has expired",
    Refusal.NOT_ACTIVE_YET: "the card cannot be used yet",
    Refusal.OTHER_CURRENCY: "the card is in another currency",
}


class CardRefused(InvalidRequest):
    code = "CARD_REFUSED"


@dataclass(frozen=True, slots=True)
class Movement:
    """What to move. `type`: `drawdown` or `fund`. `pending` holds the value until it is captured or
    voided. `token_id` is set if the card was given by a number or temporary token."""

    account_id: str
    card_pk: str
    type: str
    amount: int
    currency: str
    pending: bool
    cause: EntryContext
    token_id: str | None = None


async def move(ctx: Backend, movement: Movement) -> WalletTransaction:
    """Draw from a card, or fund it. InsufficientFunds, CardRefused, TokenRefused, or Conflict for a
    `ref_id` that was used for something else."""
    plain = movement.token_id is None and not movement.pending and movement.amount > 0
    if plain and not ctx.db.is_sqlite:
        made = await _move_directly(ctx, movement)
        if made is not None:
            return made
    async with ctx.db.unit_of_work() as db:
        card = await ledger.lock_card(db, movement.card_pk)
        again = await _by_ref(db, card.id, movement.cause.ref_id)
        if again is not None:
            if again.currency != movement.currency:
                raise Conflict("this ref_id was used for something else on this card")
            return await _move(db, card, movement)
        _check(ctx, card, movement)
        token = await get_token(db, movement.token_id) if movement.token_id else None
        if token is not None:
            check_usable(token, ctx.clock.now())
        # Nobody has used the `ref_id`, and the card is locked.
        made = await _move(db, card, replace(movement, cause=replace(movement.cause, fresh=True)))
        if token is not None:
            spend(token, made.id)
        return made


async def _move_directly(ctx: Backend, movement: Movement) -> WalletTransaction | None:
    """Move the money without locking the card first, so that a card that many use at once is
    locked briefly. Return None if that did not work: then the way with a lock finds out why, or
    returns what the `ref_id` did before."""
    kind = "fund" if movement.type == "fund" else "draw"
    money = movement.amount, movement.currency
    try:
        async with ctx.db.unit_of_work() as db:
            return await move_directly(db, movement.card_pk, kind, money, movement.cause)
    except IntegrityError:
        return None


async def _move(db: AsyncSession, card: Card, movement: Movement) -> WalletTransaction:
    if movement.type == "fund":
        return await ledger.fund(db, card, movement.amount, movement.cause)
    if not movement.pending:
        return await ledger.draw(db, card, movement.amount, movement.cause)
    if movement.amount == 0:
        raise _wrong("amount", "a pending drawdown needs an amount")
    made, _ = await ledger.hold(db, card, movement.amount, movement.cause, "wallets")
    return made


def _check(ctx: Backend, card: Card, movement: Movement) -> None:
    reason = refusal(lookup.facts(card), movement.currency, ctx.clock.now())
    # A card may be funded before `active_from`, and when it is empty.
    allowed = (Refusal.EMPTY, Refusal.NOT_ACTIVE_YET) if movement.type == "fund" else ()
    if reason is Refusal.EMPTY and movement.type != "fund":
        raise InsufficientFunds("nothing is left on this card")
    if reason is not None and reason not in allowed:
        raise CardRefused(_REASON[reason])


def _wrong(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, (FieldError(field, text),))


async def _by_ref(db: AsyncSession, card_pk: str, ref_id: str) -> WalletTransaction | None:
    query = select(WalletTransaction).where(
        WalletTransaction.card == card_pk, WalletTransaction.ref_id == ref_id
    )
    return (await db.exec(query)).one_or_none()


async def _pending(
    db: AsyncSession, account_id: str, transaction_id: str
) -> tuple[WalletTransaction, Hold]:
    """Return a pending drawdown that was made by API. Its card is locked before its hold. A
    drawdown of a checkout payment can only be resolved by the checkout."""
    made = await db.get(WalletTransaction, transaction_id)
    if made is None or made.account_id != account_id:
        raise NotFound("there is no such wallet transaction")
    if not made.pending:
        raise InvalidRequest("this wallet transaction is not pending")
    # The hold that the drawdown made has its id.
    held = await ledger.lock_hold(db, made.id)
    if held.purpose != "wallets":
        raise Conflict("this wallet transaction belongs to a checkout payment")
    return made, held


async def capture(
    ctx: Backend, account_id: str, transaction_id: str, amount: int | None, cause: EntryContext
) -> WalletTransaction:
    """Post a pending drawdown, all of it or `amount`. The rest is available again."""
    async with ctx.db.unit_of_work() as db:
        made, held = await _pending(db, account_id, transaction_id)
        wanted = made.amount if amount is None else amount
        again = await _by_ref(db, held.card, cause.ref_id)
        if again is not None:
            return _same(again, made, "pending_capture", wanted)
        if not 0 < wanted <= made.amount:
            raise _wrong("amount", f"between 1 and {made.amount} can be captured")
        posted, _ = await ledger.post(db, held, wanted, cause, keep_rest=False)
        return posted


async def void(
    ctx: Backend, account_id: str, transaction_id: str, cause: EntryContext
) -> WalletTransaction:
    """Make a pending drawdown's value available again."""
    async with ctx.db.unit_of_work() as db:
        made, held = await _pending(db, account_id, transaction_id)
        again = await _by_ref(db, held.card, cause.ref_id)
        if again is not None:
            return _same(again, made, "voided", made.amount)
        return await ledger.void(db, held, cause)


def _same(
    again: WalletTransaction, parent: WalletTransaction, type_: str, amount: int
) -> WalletTransaction:
    if (again.type, again.amount, again.parent_id) != (type_, amount, parent.id):
        raise Conflict("this ref_id was used for something else on this card")
    return again


async def list_transactions(
    db: AsyncSession, card: Card, limit: int, starting_after: str | None
) -> list[WalletTransaction]:
    """Return a card's movements, newest first."""
    query = select(WalletTransaction).where(WalletTransaction.card == card.id)
    if starting_after is not None:
        last = await db.get(WalletTransaction, starting_after)
        if last is None or last.card != card.id:
            raise _wrong("starting_after", "there is no such wallet transaction")
        query = query.where(after(WalletTransaction, last))
    order = newest_first(WalletTransaction)
    return list(await db.exec(query.order_by(*order).limit(limit)))
