"""Write down what is to be sent; the worker sends it after the unit of work is committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.ids import new_uuid
from backend.outbox.tables import Delivery


@dataclass(frozen=True, slots=True)
class Message:
    """`subject`: the id of what it speaks of. `body` None for a GET."""

    account_id: str
    subject: str
    method: str
    url: str
    body: dict[str, Any] | None = None


def enqueue(db: AsyncSession, message: Message, now: datetime, due_at: datetime) -> None:
    db.add(
        Delivery(
            id=new_uuid(), account_id=message.account_id, subject=message.subject,
            method=message.method, url=message.url, body=message.body, due_at=due_at,
            created_at=now,
        )
    )  # fmt: skip
