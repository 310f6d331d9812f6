"""A merchant's sessions, newest first. Source:
`docs/reference/dintero-api.md#session-endpoints`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select
from sqlalchemy import select as select_rows
from sqlmodel import col

from backend.core.context import Backend
from backend.core.paging import after, newest_first, newest_ids
from backend.sessions.create import refuse
from backend.sessions.serializer import serialize_many
from backend.sessions.tables import CheckoutSession


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to list. `search` looks at ids, the merchant's reference, e-mail and phone
    number."""

    search: str | None = None
    transaction_id: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    limit: int = 10
    starting_after: str | None = None


async def list_sessions(
    ctx: Backend, account_id: str, wanted: SessionFilter
) -> list[dict[str, Any]]:
    """List whole sessions, as `read_session` shows one. InvalidRequest for an unknown
    `starting_after`."""
    created = col(CheckoutSession.created_at)
    conditions = [col(CheckoutSession.account_id) == account_id]
    if wanted.transaction_id:
        conditions.append(col(CheckoutSession.transaction_id).in_(wanted.transaction_id))
    if wanted.created_from is not None:
        conditions.append(created >= wanted.created_from)
    if wanted.created_to is not None:
        conditions.append(created <= wanted.created_to)
    async with ctx.db.reading() as db:
        if wanted.starting_after is not None:
            last = await db.get(CheckoutSession, wanted.starting_after)
            if last is None or last.account_id != account_id:
                raise refuse("starting_after", "there is no such session")
            conditions.append(after(CheckoutSession, last))
        query: Any = _newest(conditions, wanted)
        found = [row[0] for row in await db.exec(query)]
        return await serialize_many(db, account_id, found, ctx.clock.now())


def _newest(conditions: list[ColumnElement[bool]], wanted: SessionFilter) -> Select[Any]:
    if not wanted.search:
        query = select_rows(col(CheckoutSession.id)).where(*conditions)
        return query.order_by(*newest_first(CheckoutSession)).limit(wanted.limit)
    searched = (
        CheckoutSession.id,
        CheckoutSession.transaction_id,
        CheckoutSession.merchant_reference,
        CheckoutSession.customer_email,
        CheckoutSession.customer_phone,
    )
    alternatives = [col(column) == wanted.search for column in searched]
    return newest_ids(CheckoutSession, conditions, alternatives, wanted.limit)
