"""What was done to a card besides moving its money: by whom, when and why. Append only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card, CardEvent
from backend.core.clock import iso
from backend.core.errors import FieldError, InvalidRequest, NotFound
from backend.core.ids import new_uuid
from backend.core.logs import request_id
from backend.core.paging import after, newest_first


@dataclass(frozen=True, slots=True)
class CardNote:
    """What was done to a card. `name` is the event's, `by` who did it."""

    name: str
    by: str
    now: datetime
    details: dict[str, Any] | None = None
    reason: str | None = None


def note(db: AsyncSession, card: Card, done: CardNote) -> None:
    """Write down what was done, in the unit of work that does it."""
    db.add(
        CardEvent(
            id=new_uuid(),
            card=card.id,
            name=done.name,
            details=done.details or {},
            reason=done.reason,
            created_at=done.now,
            created_by=done.by,
            request_id=request_id(),
        )
    )


async def list_card_events(
    db: AsyncSession, account_id: str, card_id: str, limit: int, starting_after: str | None
) -> list[CardEvent]:
    """List a card's events, newest first, even if it is deleted. NotFound; InvalidRequest if
    `starting_after` is no event of this card."""
    wanted = select(Card.id).where(Card.account_id == account_id, Card.card_id == card_id)
    card = (await db.exec(wanted)).one_or_none()
    if card is None:
        raise NotFound("no such card")
    query = select(CardEvent).where(CardEvent.card == card)
    if starting_after is not None:
        last = await db.get(CardEvent, starting_after)
        if last is None or last.card != card:
            text = "there is no such event of this card"
            raise InvalidRequest(text, (FieldError("starting_after", text),))
        query = query.where(after(CardEvent, last))
    return list(await db.exec(query.order_by(*newest_first(CardEvent)).limit(limit)))


def serialize_card_event(event: CardEvent) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": event.id,
        "name": event.name,
        "details": {name: said for name, said in event.details.items() if said is not None},
        "created_at": iso(event.created_at),
        "created_by": event.created_by,
    }
    more = {"reason": event.reason, "request_id": event.request_id}
    return shape | {name: value for name, value in more.items() if value is not None}
