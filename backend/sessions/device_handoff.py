"""Continue on a phone: a link that opens the same session there, for a few minutes.

The link is not the session's own address, which is the payer's key for as long as the session
lasts: somebody may photograph a code on a screen, and a text message is kept. The link is 128
random bits, of which only a hash is stored. It opens only this session's page, and a new link ends
the one before. It can be opened more than once, since programs that preview a message open it
first. Whoever opens it can do what the payer's browser can do, and no more.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import phrases
from backend.core.context import Backend
from backend.core.errors import NotFound
from backend.limits import limiter as limits
from backend.limits import rules
from backend.limits.messages import spend_sms
from backend.limits.source import UNKNOWN
from backend.outbox.enqueue import Message, enqueue
from backend.sessions import events
from backend.sessions.links import page_link, phone_link
from backend.sessions.load import check_open, get_session, lock_session
from backend.sessions.merchant import merchant_of
from backend.sessions.phones import e164, gets_messages, sms_to
from backend.sessions.publish import MAX_NAME, phone_number
from backend.sessions.tables import CheckoutSession, DeviceHandoff

MAX_MESSAGES = 3
"""How many SMS each session sends, because the payer types the number."""
ARRIVED = "CONTINUED_ON_PHONE"
HANDOVER = "handover"


@dataclass(frozen=True, slots=True)
class Link:
    """A new link. `number` has the last digits of the phone that it can be sent to; it is empty if
    it cannot be sent. `sent` says whether it was sent."""

    url: str
    minutes: int
    number: str = ""
    sent: bool = False


def _hash(token: str) -> str:
    # The token itself is random enough, so a plain hash cannot be reversed.
    return hashlib.sha256(token.encode()).hexdigest()


async def make_link(
    ctx: Backend, session_id: str, language: str, *, by_sms: bool = False, source: str = UNKNOWN
) -> Link:
    """Make a new link, which ends the one before. `by_sms` also sends it to the payer's number if
    that is possible. SessionClosed or PaymentInProgress if there is nothing to continue;
    TooManyRequests if too many were made or sent. Then the link before stays valid."""
    await limits.spend(ctx, rules.HANDOVER, session_id)
    if by_sms:
        await limits.spend_source(ctx, rules.SMS_SOURCE, source)
    now = ctx.clock.now()
    token = secrets.token_urlsafe(16)
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        check_open(session, now, None)
        lifetime = timedelta(seconds=ctx.settings.handover_lifetime)
        expires_at = min(now + lifetime, session.expires_at)
        kept = await db.get(DeviceHandoff, session_id)
        if kept is None:
            kept = DeviceHandoff(
                session_id=session_id,
                token_hash="",
                language=language,
                expires_at=expires_at,
                created_at=now,
            )
            db.add(kept)
        kept.token_hash, kept.language, kept.expires_at = _hash(token), language, expires_at
        kept.arrived_at = None
        url = phone_link(ctx.settings.base_url, token)
        to = await _number(ctx, db, session) if kept.messages < MAX_MESSAGES else None
        sent = by_sms and to is not None
        if sent and to is not None:
            await spend_sms(ctx, db, sms_to(session, to))
            text = await _text(db, session, url, language)
            enqueue(db, _message(session, to, text, expires_at), now, now)
            kept.messages += 1
        left = kept.messages < MAX_MESSAGES
    minutes = max(1, int((expires_at - now).total_seconds()) // 60)
    return Link(url, minutes, to[-4:] if to and (left or sent) else "", sent)


async def _number(ctx: Backend, db: AsyncSession, session: CheckoutSession) -> str | None:
    """Return the payer's number (E.164). None if it is not known, if there is no SMS gateway, or if
    no messages are sent to its country."""
    to = e164(phone_number(session)) if ctx.settings.sms_url is not None else None
    return to if to is not None and await gets_messages(ctx, db, session, to) else None


async def _text(db: AsyncSession, session: CheckoutSession, url: str, language: str) -> str:
    merchant = " ".join((await merchant_of(db, session)).name.split())[:MAX_NAME]
    return phrases.say(language, "continue_here", merchant=merchant, link=url)


def _message(session: CheckoutSession, to: str, text: str, useless_after: datetime) -> Message:
    return Message(
        account_id=session.account_id,
        subject=session.id,
        method="POST",
        url=f"sms:{to}",
        body={"to": to, "text": text},
        kind="sms",
        event=HANDOVER,
        session_id=session.id,
        useless_after=useless_after,
    )


async def open_link(ctx: Backend, token: str) -> str:
    """Return the address of the session's page, in the language of the page that made the link.
    NotFound if the link is too old or unknown."""
    async with ctx.db.reading() as db:
        query = select(DeviceHandoff).where(DeviceHandoff.token_hash == _hash(token))
        kept = (await db.exec(query)).one_or_none()
    if kept is None or kept.expires_at <= ctx.clock.now():
        raise NotFound("there is no such link")
    return page_link(ctx.settings.base_url, kept.session_id, kept.language, on_phone=True)


async def arrived(ctx: Backend, session_id: str) -> None:
    """Record that the phone has opened the session's page. Whoever follows it elsewhere is told
    once."""
    async with ctx.db.reading() as db:
        await get_session(db, session_id)
        kept = await db.get(DeviceHandoff, session_id)
    if kept is None or kept.arrived_at is not None:
        return
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        kept = await db.get(DeviceHandoff, session_id, populate_existing=True)
        if kept is not None and kept.arrived_at is None:
            kept.arrived_at = now
            await events.record(db, session, ARRIVED, now)
