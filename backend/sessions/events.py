"""A session's events. Source: `docs/reference/dintero-api.md#session-object`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import TooManyChanges
from backend.core.ids import new_uuid
from backend.core.logs import request_id as current_request
from backend.sessions.tables import CheckoutSession, SessionEvent

MOST: Mapping[str, int] = {
    "SET_SHIPPING_ADDRESS": 100,
    "SET_BILLING_ADDRESS": 100,
    "SET_SHIPPING_OPTION": 200,
    "SET_GIFT_CARD": 100,
    "SET_DISCOUNT_CODES": 100,
    "PAY_LOCK_START": 500,
    "UPDATE_SESSION": 500,
}
"""How often the payer or the merchant may change the same thing in a session. Events are kept for
good, and a merchant who reads the session reads all of them. Events about money have no limit."""
MAX_DETAILS = 64 * 1024
"""Characters of JSON that the details of one event may have."""


def request_id() -> str:
    """Return the id of the request that is answered now, or a new one where nobody waits."""
    return current_request() or new_uuid()


_asked_by: ContextVar[Request | None] = ContextVar("request", default=None)


@contextmanager
def asked_by(request: Request) -> Iterator[None]:
    """What is recorded within bears this request's id and headers."""
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
    db: AsyncSession, session: CheckoutSession, name: str, now: datetime,
    details: dict[str, Any] | None = None, request: Request | None = None, *,
    visible: bool = True,
) -> None:  # fmt: skip
    """Append an event, and make the change visible to every open page. The session's row is
    locked by the caller, so `seq` has no gaps and no duplicates. If not `visible`, the payer's side
    does not see that anything happened. TooManyChanges where the session has as many events of this
    name as `MOST` allows."""
    same_name = func.count().filter(col(SessionEvent.name) == name)
    query = select(func.coalesce(func.max(SessionEvent.seq), 0), same_name).where(
        col(SessionEvent.session_id) == session.id
    )
    last, same = (await db.exec(query)).one()
    if same >= MOST.get(name, same + 1):
        raise TooManyChanges(
            f"{name} has happened too often in this session: at most {MOST[name]} times"
        )
    seq = last + 1
    if details and len(json.dumps(details)) > MAX_DETAILS:
        details = {"left_out": f"more than {MAX_DETAILS} characters"}
    request = request or _asked_by.get() or Request()
    db.add(
        SessionEvent(
            id=new_uuid(), session_id=session.id, seq=seq, name=name, request_id=request.id,
            request_headers=dict(request.headers), details=details or {}, created_at=now,
        )
    )  # fmt: skip
    if visible:
        touch(session, now)


def touch(session: CheckoutSession, now: datetime) -> None:
    session.version += 1
    session.updated_at = now
