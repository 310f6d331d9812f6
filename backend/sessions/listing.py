"""A merchant's sessions, newest first. Source:
`docs/reference/dintero-api.md#session-endpoints`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast
from sqlmodel import col, or_, select

from backend.core.context import Backend
from backend.core.paging import after, newest_first
from backend.sessions.create import refuse
from backend.sessions.serializer import read_session
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
    query = select(CheckoutSession.id).where(CheckoutSession.account_id == account_id)
    if wanted.transaction_id:
        query = query.where(col(CheckoutSession.transaction_id).in_(wanted.transaction_id))
    if wanted.created_from is not None:
        query = query.where(created >= wanted.created_from)
    if wanted.created_to is not None:
        query = query.where(created <= wanted.created_to)
    if wanted.search:
        customer = col(CheckoutSession.body)["customer"]
        query = query.where(
            or_(
                col(CheckoutSession.id) == wanted.search,
                col(CheckoutSession.transaction_id) == wanted.search,
                col(CheckoutSession.merchant_reference) == wanted.search,
                customer["email"].as_string() == wanted.search,
                cast(customer["phone_number"].as_string(), String) == wanted.search,
            )
        )
    async with ctx.db.reading() as db:
        if wanted.starting_after is not None:
            last = await db.get(CheckoutSession, wanted.starting_after)
            if last is None or last.account_id != account_id:
                raise refuse("starting_after", "there is no such session")
            query = query.where(after(CheckoutSession, last))
        order = newest_first(CheckoutSession)
        found = list(await db.exec(query.order_by(*order).limit(wanted.limit)))
    return [await read_session(ctx, account_id, session_id) for session_id in found]
