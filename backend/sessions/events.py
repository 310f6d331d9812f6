"""A session's events. Source: `docs/reference/dintero-api.md#session-object`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, literal, union_all
from sqlalchemy import select as select_rows
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import TooManyChanges
from backend.core.ids import new_uuid
from backend.core.logs import request_id as current_request
from backend.sessions.tables import CheckoutSession, SessionEvent

MAX_TIMES: Mapping[str, int] = {
    "SET_SHIPPING_ADDRESS": 100,
    "SET_BILLING_ADDRESS": 100,
    "SET_SHIPPING_OPTION": 200,
    "SET_GIFT_CARD": 100,
    "SET_DISCOUNT_CODES": 100,
    "PAY_LOCK_START": 500,
    "UPDATE_SESSION": 500,
}
"""How often the payer or the merchant may change the same thing in a session. Events are never
deleted, and a merchant who reads the session reads all of them. Events about money have no
limit."""
MAX_DETAILS = 64 * 1024
"""Characters of JSON that the details of one event may have."""

_EVENT: Table = SessionEvent.metadata.tables[str(SessionEvent.__tablename__)]
_COLUMNS = [column.name for column in _EVENT.c]


def request_id() -> str:
    """Return the id of the current request, or a new id if there is no request."""
    return current_request() or new_uuid()


_asked_by: ContextVar[Request | None] = ContextVar("request", default=None)


@contextmanager
def asked_by(request: Request) -> Iterator[None]:
    """Give all events that are recorded within this request's id and headers."""
    token = _asked_by.set(request)
    try:
        yield
    finally:
        _asked_by.reset(token)


@dataclass(frozen=True, slots=True)
class Request:
    """The request behind a change: its id, which its answer carries too, and the headers that
    Dintero keeps with an event."""

    id: str = field(default_factory=request_id)
    headers: dict[str, str] = field(default_factory=dict)


async def record(
    db: AsyncSession,
    session: CheckoutSession,
    name: str,
    now: datetime,
    details: dict[str, Any] | None = None,
    request: Request | None = None,
) -> None:
    """Append an event, and make the change visible to every open page. The caller has locked the
    session's row, so `seq` has no gaps and no duplicates. TooManyChanges if the session has as many
    events of this name as `MAX_TIMES` allows."""
    await record_unseen(db, session, name, now, details, request)
    touch(session, now)


async def record_unseen(
    db: AsyncSession,
    session: CheckoutSession,
    name: str,
    now: datetime,
    details: dict[str, Any] | None = None,
    request: Request | None = None,
) -> None:
    """Append an event, as `record` does. The session's version stays, so no page notices."""
    await _append(db, session, ((name, details or {}),), now, request)


async def record_all(
    db: AsyncSession,
    session: CheckoutSession,
    happened: Sequence[tuple[str, dict[str, Any]]],
    now: datetime,
) -> None:
    """Do the same as `record` for several events with their details, by one statement."""
    await _append(db, session, happened, now, None)
    for _ in happened:
        touch(session, now)


async def _append(
    db: AsyncSession,
    session: CheckoutSession,
    happened: Sequence[tuple[str, dict[str, Any]]],
    now: datetime,
    request: Request | None,
) -> None:
    """Write events. The database numbers them in the same statement, so no read is needed
    before."""
    request = request or _asked_by.get() or Request()
    rows = [
        _numbered(session, name, place, _kept(details), now, request)
        for place, (name, details) in enumerate(happened, start=1)
    ]
    source = union_all(*rows) if len(rows) > 1 else rows[0]
    insert = _EVENT.insert().from_select(_COLUMNS, source, include_defaults=False)
    # The session's row is there already; its changes are written once, at the end.
    with db.no_autoflush:
        written = (await db.exec(insert.returning(_EVENT.c.id))).all()
    if len(written) < len(rows):
        name = next(name for name, _ in happened if name in MAX_TIMES)
        raise TooManyChanges(
            f"{name} has happened too often in this session: at most {MAX_TIMES[name]} times"
        )


def _kept(details: dict[str, Any]) -> dict[str, Any]:
    if details and len(json.dumps(details)) > MAX_DETAILS:
        return {"left_out": f"more than {MAX_DETAILS} characters"}
    return details


def _numbered(
    session: CheckoutSession,
    name: str,
    place: int,
    details: dict[str, Any],
    now: datetime,
    request: Request,
) -> Select[Any]:
    """Return a SELECT of one row, `place` behind the last event. It has no row if there are too
    many events of this name."""
    before = _EVENT.alias()
    last = select_rows(func.coalesce(func.max(before.c.seq), 0))
    last = last.where(before.c.session_id == session.id)
    given = {
        "id": new_uuid(),
        "session_id": session.id,
        "name": name,
        "request_id": request.id,
        "request_headers": dict(request.headers),
        "details": details,
        "created_at": now,
    }
    values: dict[str, ColumnElement[Any]] = {
        key: literal(value, _EVENT.c[key].type) for key, value in given.items()
    }
    values["seq"] = last.scalar_subquery() + place
    row = select_rows(*(values[column] for column in _COLUMNS))
    if name in MAX_TIMES:
        same = select_rows(func.count()).select_from(before)
        same = same.where(before.c.session_id == session.id, before.c.name == name)
        row = row.where(same.scalar_subquery() < MAX_TIMES[name])
    return row


def touch(session: CheckoutSession, now: datetime) -> None:
    """Increase the session's version, so that open pages notice a change."""
    session.version += 1
    session.updated_at = now
