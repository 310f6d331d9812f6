"""The gift card ledger: every movement debits one account of the card and credits another.

| movement | debit     | credit    | when |
| fund     | funds     | available | money is put on the card |
| hold     | available | held      | the payer presses Pay |
| post     | held      | drawn     | a capture |
| void     | held      | available | a payment that came to nothing, a void |
| draw     | available | drawn     | a drawdown without a hold |
| refund   | drawn     | available | money goes back to the card |
| move_out | available | funds     | money goes to another card |
| move_in  | funds     | available | the same money arrives there |

The running sums on the card's row change in the same unit of work, by one conditional UPDATE.
Callers hold a unit of work open; a repeated `ref_id` returns what the first call did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.serializer import serialize_wallet_transaction
from backend.cards.tables import Card, Hold, LedgerEntry, WalletTransaction, changed_card
from backend.cards.tokens import release_token
from backend.core.db import insert_rows
from backend.core.errors import Conflict, GavekortError, NotFound
from backend.core.ids import new_uuid
from backend.core.written import OPTION
from backend.outbox.enqueue import WALLET_TRANSACTION, Event, announce, subscribed

_ACCOUNTS = {
    "fund": ("funds", "available"),
    "hold": ("available", "held"),
    "post": ("held", "drawn"),
    "void": ("held", "available"),
    "draw": ("available", "drawn"),
    "refund": ("drawn", "available"),
    "move_out": ("available", "funds"),
    "move_in": ("funds", "available"),
}

_TYPES = {
    "fund": "fund",
    "hold": "drawdown",
    "post": "pending_capture",
    "void": "voided",
    "draw": "drawdown",
    "refund": "fund",
    "move_out": "transfer",
    "move_in": "fund",
}
"""The type of the wallet transaction that each movement makes."""


class InsufficientFunds(GavekortError):
    code = "INSUFFICIENT_FUNDS"


class HoldResolved(Conflict):
    code = "ALREADY_RESOLVED"


@dataclass(frozen=True, slots=True)
class EntryContext:
    """Who moves money and under which reference. `ref_id` is unique on the card. `fresh`: the
    caller has just made it up, so nothing can have been done under it before."""

    ref_id: str
    now: datetime
    created_by: str
    metadata: dict[str, Any] | None = None
    originated_by: str | None = None
    fresh: bool = False


async def lock_card(db: AsyncSession, card_pk: str) -> Card:
    """Return the card's row, locked until the unit of work ends."""
    query = select(Card).where(Card.id == card_pk).with_for_update(key_share=True)
    query = query.execution_options(populate_existing=True)
    card = (await db.exec(query)).one_or_none()
    if card is None:
        raise NotFound("no such card")
    return card


async def fund(db: AsyncSession, card: Card, amount: int, cause: EntryContext) -> WalletTransaction:
    return await _once(db, card, "fund", amount, cause)


def opening_sums(amount: int) -> dict[str, int]:
    """Return the running sums of a new card with this amount (minor units), for its first row. The
    unit of work that writes the row must call `open_cards` too."""
    return {"funds": amount, "available": amount, "held": 0, "drawn": 0}


async def open_cards(db: AsyncSession, cards: Sequence[Mapping[str, Any]]) -> None:
    """Write the first funding of cards that this unit of work has just written with their
    `opening_sums`. It has the effect of `fund` for each card, by one statement for each table.
    `cards` are their rows. An amount of 0 moves nothing, and the API shows it too."""
    made = [_opening(card) for card in cards]
    await insert_rows(db, WalletTransaction, made)
    debit, credit = _ACCOUNTS["fund"]
    entries = [
        {
            "id": new_uuid(),
            "card": row["card"],
            "wallet_transaction_id": row["id"],
            "movement": "fund",
            "debit": debit,
            "credit": credit,
            "amount": row["amount"],
            "currency": row["currency"],
            "created_at": row["created_at"],
        }
        for row in made
        if row["amount"]
    ]
    await insert_rows(db, LedgerEntry, entries)
    if not cards or not await subscribed(db, cards[0]["account_id"], WALLET_TRANSACTION):
        return
    for card, row in zip(cards, made, strict=True):
        said = {**row, "metadata_": row["metadata"]}
        transaction = WalletTransaction(**{k: v for k, v in said.items() if k != "metadata"})
        await announce_movement(db, str(card["card_id"]), transaction, row["created_at"])


def _opening(card: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": new_uuid(),
        "account_id": card["account_id"],
        "card": card["id"],
        "ref_id": f"issue:{card['id']}",
        "type": "fund",
        "pending": False,
        "amount": card["funds"],
        "currency": card["currency"],
        "parent_id": None,
        "metadata": {},
        "originated_by": None,
        "created_at": card["created_at"],
        "created_by": card["created_by"],
    }


async def draw(db: AsyncSession, card: Card, amount: int, cause: EntryContext) -> WalletTransaction:
    """Draw `amount` at once. InsufficientFunds if `available` is smaller."""
    return await _once(db, card, "draw", amount, cause)


async def refund(
    db: AsyncSession, card: Card, amount: int, cause: EntryContext, parent_id: str | None
) -> WalletTransaction:
    """Put money back on the card. Answers show it as `fund`, with the drawdown as parent."""
    return await _once(db, card, "refund", amount, cause, parent_id)


async def transfer(
    db: AsyncSession, source: Card, target: Card, amount: int, cause: EntryContext
) -> tuple[WalletTransaction, WalletTransaction]:
    """Move money from one card to another. The caller has locked both. It is a `transfer` on the
    one, and a `fund` with that as its parent on the other. InsufficientFunds if less is available
    on `source`; Conflict for two currencies, or for one card."""
    if source.id == target.id or source.currency != target.currency:
        raise Conflict("money can only move between two cards with the same currency")
    said = cause.metadata or {}
    gone = replace(cause, metadata={**said, "transferred_to": target.card_id})
    out = await _once(db, source, "move_out", amount, gone)
    come = replace(cause, metadata={**said, "transferred_from": source.card_id})
    into = await _once(db, target, "move_in", amount, come, out.id)
    return out, into


async def hold(
    db: AsyncSession, card: Card, amount: int, cause: EntryContext, purpose: str
) -> tuple[WalletTransaction, Hold]:
    """Hold `amount`. InsufficientFunds if `available` is smaller."""
    made = await _once(db, card, "hold", amount, cause)
    first: Hold | None = None
    if not cause.fresh:
        # What a capture leaves of it is another hold of the same wallet transaction.
        first = (await db.exec(select(Hold).where(Hold.id == made.id))).one_or_none()
    if first is None:
        first = Hold(
            id=made.id,
            card=card.id,
            wallet_transaction_id=made.id,
            amount=amount,
            purpose=purpose,
            created_at=cause.now,
        )
        db.add(first)
        await db.flush()
    return made, first


async def lock_hold(db: AsyncSession, hold_id: str) -> Hold:
    query = select(Hold).where(Hold.id == hold_id).with_for_update()
    found = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("no such pending transaction")
    return found


async def post(
    db: AsyncSession, held: Hold, amount: int, cause: EntryContext, *, keep_rest: bool
) -> tuple[WalletTransaction, Hold | None]:
    """Resolve a hold by taking `amount` of it. With `keep_rest` the rest becomes a new hold, else
    it is available again. HoldResolved if the hold was resolved before."""
    card = await lock_card(db, held.card)
    if not 0 < amount <= held.amount:
        raise InsufficientFunds(f"{held.amount} is held, not {amount}")
    _resolve(held, "posted", cause.now)
    held.posted = amount
    parent = held.wallet_transaction_id
    made = await _once(db, card, "post", amount, cause, parent)
    rest = held.amount - amount
    if rest == 0:
        return made, None
    if not keep_rest:
        await _move(db, card, "void", rest, made.id, cause.now)
        return made, None
    carried = Hold(
        id=new_uuid(),
        card=held.card,
        wallet_transaction_id=parent,
        amount=rest,
        purpose=held.purpose,
        created_at=cause.now,
    )
    db.add(carried)
    await db.flush()
    held.carried_to = carried.id
    return made, carried


async def void(db: AsyncSession, held: Hold, cause: EntryContext) -> WalletTransaction:
    """Resolve a hold by making all of it available again. If nothing of it was ever taken, a
    single-use token that made it can be used again."""
    card = await lock_card(db, held.card)
    _resolve(held, "voided", cause.now)
    parent = held.wallet_transaction_id
    if held.id == parent:
        await release_token(db, parent)
    return await _once(db, card, "void", held.amount, cause, parent)


def _resolve(held: Hold, state: str, now: datetime) -> None:
    if held.state != "pending":
        raise HoldResolved(f"this pending transaction is already {held.state}")
    held.state = state
    held.resolved_at = now


async def _once(
    db: AsyncSession,
    card: Card,
    movement: str,
    amount: int,
    cause: EntryContext,
    parent_id: str | None = None,
) -> WalletTransaction:
    """Return the wallet transaction of `cause.ref_id`, which is made now unless it exists."""
    type_, pending = _TYPES[movement], movement == "hold"
    before = None if cause.fresh else await _made_before(db, card, cause)
    if before is not None:
        if (before.type, before.amount, before.pending) != (type_, amount, pending):
            raise Conflict("this ref_id was used for something else on this card")
        return before
    made = WalletTransaction(
        id=new_uuid(),
        account_id=card.account_id,
        card=card.id,
        ref_id=cause.ref_id,
        type=type_,
        pending=pending,
        amount=amount,
        currency=card.currency,
        parent_id=parent_id,
        metadata_=cause.metadata or {},
        originated_by=cause.originated_by,
        created_at=cause.now,
        created_by=cause.created_by,
    )
    db.add(made)
    await db.flush()
    if amount:
        await _move(db, card, movement, amount, made.id, cause.now)
    await announce_movement(db, card.card_id, made, cause.now)
    return made


async def _made_before(
    db: AsyncSession, card: Card, cause: EntryContext
) -> WalletTransaction | None:
    query = select(WalletTransaction).where(
        WalletTransaction.card == card.id, WalletTransaction.ref_id == cause.ref_id
    )
    return (await db.exec(query)).one_or_none()


async def announce_movement(
    db: AsyncSession, card_id: str, made: WalletTransaction, now: datetime
) -> None:
    """Tell the merchant's subscriptions of a movement, once it is committed."""
    hooks = await subscribed(db, made.account_id, WALLET_TRANSACTION)
    body = {"transaction": serialize_wallet_transaction(made, card_id)}
    announce(db, hooks, Event(made.account_id, WALLET_TRANSACTION, made.id, body), now)


def accounts_of(movement: str) -> tuple[str, str]:
    """Return the account that is debited and the account that is credited."""
    return _ACCOUNTS[movement]


def grown(movement: str, amount: int | BindParameter[int]) -> dict[str, ColumnElement[int]]:
    """Return the new running sums of a card after a movement of `amount` (minor units)."""
    debit, credit = _ACCOUNTS[movement]
    # `funds` is the contra account: it grows with a debit, and the others with a credit.
    source, target = col(getattr(Card, debit)), col(getattr(Card, credit))
    return {
        debit: source + (amount if debit == "funds" else -amount),
        credit: target + (-amount if credit == "funds" else amount),
    }


async def _move(
    db: AsyncSession, card: Card, movement: str, amount: int, made_id: str, now: datetime
) -> None:
    """Write one ledger entry and the sums that follow from it. It is refused if an account would
    become negative."""
    debit, credit = accounts_of(movement)
    change = update(Card).where(col(Card.id) == card.id)
    if debit != "funds":
        change = change.where(col(getattr(Card, debit)) >= amount)
    # The row comes back with its new sums, in the `card` that the caller holds.
    changed = change.values(**grown(movement, amount)).returning(Card)
    options: dict[str, Any] = {"synchronize_session": False, "populate_existing": True}
    options[OPTION] = (changed_card(card.id),)
    if (await db.exec(changed.execution_options(**options))).one_or_none() is None:
        raise InsufficientFunds(f"less than {amount} is {debit} on this card")
    entry = LedgerEntry(
        id=new_uuid(),
        card=card.id,
        wallet_transaction_id=made_id,
        movement=movement,
        debit=debit,
        credit=credit,
        amount=amount,
        currency=card.currency,
        created_at=now,
    )
    db.add(entry)
    await db.flush()
