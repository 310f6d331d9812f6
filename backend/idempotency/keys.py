"""Idempotency keys: the same key and body get the same answer, and have one effect.

The record is written in the effect's own unit of work, before the effect. If the record exists
already, the unit of work is undone. If an outside call stands between two units of work, the record
names the operation instead, and a repeat continues it. See `docs/idempotency.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.context import Backend
from backend.core.due_work import purge
from backend.core.errors import Conflict
from backend.idempotency.tables import IdempotencyRecord

KEPT = timedelta(days=30)


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class Repeated(Exception):
    """Another request with this key came first, so nothing of this one took effect."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that wants to be the first under its key."""

    account_id: str
    client_id: str
    method: str
    path: str
    key: str
    fingerprint: str

    @property
    def id(self) -> str:
        scope = (self.account_id, self.client_id, self.method, self.path, self.key)
        return hashlib.sha256("\n".join(scope).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is kept. `body` is as it was sent."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier request under the key left: its answer, or at least its operation."""

    operation_id: str | None
    answer: Answer | None


def fingerprint(ctx: Backend, query: str, body: bytes) -> str:
    """Return the fingerprint of a request. Blanks and the order of a JSON object's keys make no
    difference."""
    try:
        text = json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        text = body.decode("latin-1")
    return ctx.vault.secret_hash(f"idempotency\n{query}\n{text}")


async def find(ctx: Backend, claim: Claim) -> Earlier | None:
    """Return what an earlier request under this key left. KeyReused if it was another request."""
    async with ctx.db.reading() as db:
        return await _find(ctx, db, claim)


async def _find(ctx: Backend, db: AsyncSession, claim: Claim) -> Earlier | None:
    query = select(IdempotencyRecord).where(IdempotencyRecord.id == claim.id)
    record = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if record is None or record.forget_at <= ctx.clock.now():
        return None
    if record.fingerprint != claim.fingerprint:
        raise KeyReused("this Idempotency-Key was used for another request")
    if record.answer is None or record.status is None:
        return Earlier(record.operation_id, None)
    return Earlier(
        record.operation_id, Answer(record.status, ctx.vault.unseal(record.answer)["body"])
    )


def be_first(ctx: Backend, claim: Claim) -> Callable[[AsyncSession], Awaitable[None]]:
    """Return a function that writes the record at the beginning of a unit of work, or raises
    Repeated. On PostgreSQL it waits for a unit of work that has written the same record and has not
    ended."""

    async def write(db: AsyncSession) -> None:
        now = ctx.clock.now()
        table = col(IdempotencyRecord.id)
        expired = delete(IdempotencyRecord).where(
            table == claim.id, col(IdempotencyRecord.forget_at) <= now
        )
        await db.exec(expired)
        dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
        insert = dialect.insert(IdempotencyRecord).values(
            id=claim.id,
            account_id=claim.account_id,
            client_id=claim.client_id,
            method=claim.method,
            path=claim.path,
            fingerprint=claim.fingerprint,
            created_at=now,
            forget_at=now + KEPT,
        )
        insert = insert.on_conflict_do_nothing(index_elements=["id"])
        if (await db.exec(insert.returning(table))).first() is None:
            raise Repeated

    return write


async def keep_answer(ctx: Backend, db: AsyncSession, claim: Claim, answer: Answer) -> Answer:
    """Keep an answer, and return the one that is kept. If a repeat of the request kept its own in
    the meantime, that one stays, unless only this answer is complete (`note_only_answer`)."""
    record = col(IdempotencyRecord.id)
    sealed = ctx.vault.seal({"body": answer.body})
    current = _under_way.get()
    replaceable: ColumnElement[bool] = col(IdempotencyRecord.answer).is_(None)
    if current is not None and current.only_answer:
        replaceable = true()
    change = (
        update(IdempotencyRecord)
        .where(record == claim.id, replaceable)
        .values(status=answer.status, answer=sealed)
        .execution_options(synchronize_session=False)
    )
    if (await db.exec(change)).rowcount == 1:
        return answer
    earlier = await _find(ctx, db, claim)
    return earlier.answer if earlier is not None and earlier.answer is not None else answer


async def purge_due(ctx: Backend) -> int:
    """Delete one batch of what was kept long enough. Return the number of rows."""
    over = col(IdempotencyRecord.forget_at) <= ctx.clock.now()
    return await purge(ctx.db, IdempotencyRecord, over)


# --- what a service asks -----------------------------------------------------------------------


@dataclass(slots=True)
class _UnderWay:
    claim: Claim
    operation_id: str | None
    only_answer: bool = False


_under_way: ContextVar[_UnderWay | None] = ContextVar("idempotency_key", default=None)


@contextmanager
def under_way(claim: Claim, operation_id: str | None) -> Iterator[None]:
    """Mark the request under a key as being worked on. `operation_id` is the operation that an
    earlier one began."""
    token = _under_way.set(_UnderWay(claim, operation_id))
    try:
        yield
    finally:
        _under_way.reset(token)


def begun_operation() -> str | None:
    """Return the operation that an earlier request under the same key began."""
    current = _under_way.get()
    return current.operation_id if current is not None else None


def note_only_answer() -> None:
    """Say that the answer of this request has something that no repeat can know, such as the PIN of
    a new card. It is kept even if a repeat at the same time was answered first."""
    current = _under_way.get()
    if current is not None:
        current.only_answer = True


async def note_operation(db: AsyncSession, operation_id: str) -> None:
    """Note the operation in its own unit of work, so that a repeat continues it and begins no
    second one."""
    current = _under_way.get()
    if current is None:
        return
    change = update(IdempotencyRecord).where(col(IdempotencyRecord.id) == current.claim.id)
    change = change.values(operation_id=operation_id)
    await db.exec(change.execution_options(synchronize_session=False))
