"""Move a card's money by one statement, so that a card that many use at once is locked briefly.

Only PostgreSQL has such statements: an UPDATE whose result two INSERTs use. SQLite has one writer
at a time, so the lock of a row does not matter there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    String,
    and_,
    bindparam,
    exists,
    insert,
    literal,
    or_,
    update,
)
from sqlalchemy import select as select_rows
from sqlalchemy.types import TypeEngine
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.ledger import EntryContext, accounts_of, announce_movement, grown
from backend.cards.lookup import valid_rows
from backend.cards.tables import Card, LedgerEntry, WalletTransaction
from backend.core.db import JsonColumn, UtcDateTime
from backend.core.ids import new_uuid
from backend.outbox.tables import HookSubscription

_GIVEN = "given_"
"""The names of values begin so: one that is a column's name too would be written to that column."""
TYPES = {"fund": "fund", "draw": "drawdown"}
"""The type of the wallet transaction, by the movement of the ledger."""


async def move_directly(
    db: AsyncSession, card: str, movement: str, money: tuple[int, str], cause: EntryContext
) -> WalletTransaction | None:
    """Do `fund` or `draw` for a card (its primary key) that nobody has read or locked. Return None,
    without any change, if the card does not allow it, or if the `ref_id` was used before.

    `money` is an amount in minor units, at least 1, and its currency. IntegrityError if another
    request uses the `ref_id` at the same time.
    """
    amount, currency = money
    given: dict[str, Any] = {
        "card": card,
        "amount": amount,
        "currency": currency,
        "made_id": new_uuid(),
        "entry_id": new_uuid(),
        "ref_id": cause.ref_id,
        "metadata": cause.metadata or {},
        "originated_by": cause.originated_by,
        "now": cause.now,
        "created_by": cause.created_by,
    }
    connection = await db.connection()
    values = {f"{_GIVEN}{name}": value for name, value in given.items()}
    moved = (await connection.execute(_statement(movement), values)).one_or_none()
    if moved is None:
        return None
    account_id, card_id, somebody_listens = moved
    made = WalletTransaction(
        id=given["made_id"],
        account_id=account_id,
        card=card,
        ref_id=cause.ref_id,
        type=TYPES[movement],
        amount=amount,
        currency=currency,
        metadata_=given["metadata"],
        originated_by=cause.originated_by,
        created_at=cause.now,
        created_by=cause.created_by,
    )
    if somebody_listens:
        await announce_movement(db, card_id, made, cause.now)
    return made


@cache
def _statement(movement: str) -> Select[Any]:
    """Return the statement for this movement. It is made once, because making it takes longer than
    running it."""
    amount, now = _given("amount", BigInteger()), _given("now", UtcDateTime())
    card, currency, ref_id, made_id = map(_given, ("card", "currency", "ref_id", "made_id"))
    used = exists().where(
        col(WalletTransaction.card) == card, col(WalletTransaction.ref_id) == ref_id
    )
    allowed = and_(col(Card.id) == card, col(Card.currency) == currency, valid_rows(now), ~used)
    if movement == "draw":
        starts = col(Card.active_from)
        begun = or_(starts.is_(None), starts <= now)
        allowed = and_(allowed, begun, col(Card.available) >= amount)
    changed = update(Card).where(allowed).values(**grown(movement, amount))
    moved = changed.returning(col(Card.id), col(Card.account_id), col(Card.card_id)).cte("moved")
    shown: dict[str, Any] = {
        "id": made_id,
        "account_id": moved.c.account_id,
        "card": moved.c.id,
        "ref_id": ref_id,
        "type": literal(TYPES[movement]),
        "pending": literal(False),
        "amount": amount,
        "currency": currency,
        "metadata": _given("metadata", JsonColumn),
        "originated_by": _given("originated_by"),
        "created_at": now,
        "created_by": _given("created_by"),
    }
    debit, credit = accounts_of(movement)
    entry: dict[str, Any] = {
        "id": _given("entry_id"),
        "card": moved.c.id,
        "wallet_transaction_id": made_id,
        "movement": literal(movement),
        "debit": literal(debit),
        "credit": literal(credit),
        "amount": amount,
        "currency": currency,
        "created_at": now,
    }
    made = insert(WalletTransaction).from_select(
        list(shown), select_rows(*shown.values()).select_from(moved), include_defaults=False
    )
    entered = insert(LedgerEntry).from_select(
        list(entry), select_rows(*entry.values()).select_from(moved), include_defaults=False
    )
    listens = exists().where(
        col(HookSubscription.account_id) == moved.c.account_id,
        col(HookSubscription.deleted_at).is_(None),
    )
    return select_rows(moved.c.account_id, moved.c.card_id, listens).add_cte(
        made.cte("made"), entered.cte("entered")
    )


def _given(name: str, type_: TypeEngine[Any] | None = None) -> Any:
    return bindparam(f"{_GIVEN}{name}", type_=type_ or String())
