"""Count receipts when they are sent, so that a payment never fails because of one.

Other messages are counted when they are asked for, and that answer says that there were too many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.core.context import Backend
from backend.core.errors import TooManyRequests
from backend.limits.messages import Sms, spend_mail, spend_sms
from backend.outbox.enqueue import RECEIPT
from backend.outbox.outcome import Outcome
from backend.outbox.tables import Delivery
from backend.rules.countries import country_of_currency


async def too_many(ctx: Backend, delivery: Delivery) -> Outcome | None:
    """Count a receipt at its first attempt; return the outcome of one that is not sent at all."""
    if delivery.event != RECEIPT or delivery.tries > delivery.tries_before:
        return None
    body: Mapping[str, Any] = delivery.body or {}
    to = str(body.get("to") or "")
    try:
        async with ctx.db.unit_of_work() as db:
            if delivery.kind == "sms":
                home = country_of_currency(str((body.get("receipt") or {}).get("currency")))
                await spend_sms(ctx, db, Sms(delivery.account_id, to, home))
            else:
                await spend_mail(ctx, db, delivery.account_id, to)
    except TooManyRequests as error:
        text = f"not sent: the limit {error.limit} is spent"
        return Outcome(delivery.method, delivery.url, error=text, final=True)
    return None
