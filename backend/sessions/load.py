"""Load a session for reading, or locked for a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from sqlalchemy import ColumnElement, and_
from sqlalchemy import select as select_rows
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import keep_seller
from backend.accounts.tables import Account, Profile
from backend.cards import lookup
from backend.cards.tables import Card, CardToken
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import (
    InvalidRequest,
    PaymentInProgress,
    PreconditionFailed,
    SessionChanged,
    SessionClosed,
    SessionLocked,
    SessionNotFound,
)
from backend.psp.registry import minimum_of
from backend.rules import gift_card
from backend.rules.money import Money
from backend.rules.remainder import Remainder, Sums, judge
from backend.rules.session import SessionState, is_expired
from backend.sessions.tables import CheckoutSession, SessionGiftCard


async def get_session(db: AsyncSession, session_id: str) -> CheckoutSession:
    session = await db.get(CheckoutSession, session_id)
    if session is None:
        raise SessionNotFound("there is no such session")
    return session


async def lock_session(db: AsyncSession, session_id: str) -> CheckoutSession:
    """Return the session's row, locked until the unit of work ends. It is locked before its
    transaction and its card. SessionNotFound. The same statement reads profile and account, so that
    `seller_of` need not ask for them."""
    query = (
        select(CheckoutSession, Profile, Account)
        .join(Profile, its_profile(), isouter=True)
        .join(Account, col(Account.id) == col(CheckoutSession.account_id))
        .where(CheckoutSession.id == session_id)
        .with_for_update(of=CheckoutSession)
    )
    found = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise SessionNotFound("there is no such session")
    session, profile, account = found
    if profile is not None:
        keep_seller(db, profile, account)
    return session


def its_profile() -> ColumnElement[bool]:
    """Join a session with its profile."""
    return and_(
        col(Profile.account_id) == col(CheckoutSession.account_id),
        col(Profile.id) == col(CheckoutSession.profile_id),
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """A session with its gift card: how it was added, and the card's row. Both are None if the
    session has no card that counts."""

    session: CheckoutSession
    added: SessionGiftCard | None
    card: Card | None


async def get_whole(db: AsyncSession, session_id: str) -> Whole:
    """Return all that is shown of a session but its events, by one statement. SessionNotFound.
    Profile and account are read too, so that `seller_of` need not ask for them."""
    query = (
        _with_gift_card()
        .add_columns(Profile, Account)
        .join(Profile, its_profile())
        .join(Account, col(Account.id) == col(CheckoutSession.account_id))
        .where(col(CheckoutSession.id) == session_id)
    )
    found = (await db.exec(query)).one_or_none()
    if found is None:
        raise SessionNotFound("there is no such session")
    session, added, card, token, profile, account = found
    keep_seller(db, profile, account)
    return _whole(session, added, card, token)


async def get_wholes(db: AsyncSession, account_id: str, session_ids: Sequence[str]) -> list[Whole]:
    """Do what `get_whole` does, for many sessions of one account, by two statements. They come in
    the order of their ids. What no list shows is not read."""
    query = _with_gift_card().where(col(CheckoutSession.id).in_(session_ids)).options(*_UNLISTED)
    rows = {row[0].id: _whole(*row) for row in await db.exec(query)}
    found = [rows[session_id] for session_id in session_ids]
    used = {one.session.profile_id for one in found}
    sellers = select(Profile, Account).join(Account, col(Account.id) == col(Profile.account_id))
    sellers = sellers.where(Profile.account_id == account_id, col(Profile.id).in_(used))
    for profile, account in await db.exec(sellers):
        keep_seller(db, profile, account)
    return found


_UNLISTED = (
    defer(CheckoutSession.initiating_headers),  # type: ignore[arg-type]
    *(defer(getattr(Card, name)) for name in ("metadata_", "extra", "pin_format")),
    *(defer(getattr(CardToken, name)) for name in ("metadata_", "format")),
)


def _with_gift_card() -> Any:
    """Select sessions, each with its gift card if it has one: how it was added, the card's row, and
    the number or token."""
    return (
        select_rows(CheckoutSession, SessionGiftCard, Card, CardToken)
        .join(
            SessionGiftCard,
            col(SessionGiftCard.session_id) == col(CheckoutSession.id),
            isouter=True,
        )
        .join(Card, col(Card.id) == col(SessionGiftCard.card), isouter=True)
        .join(CardToken, col(CardToken.id) == col(SessionGiftCard.token_id), isouter=True)
        .execution_options(populate_existing=True)
    )


def _whole(
    session: CheckoutSession,
    added: SessionGiftCard | None,
    card: Card | None,
    token: CardToken | None,
) -> Whole:
    if added is None or card is None or not _still_counts(session, added, card, token):
        return Whole(session, None, None)
    return Whole(session, added, card)


async def lock_open(
    db: AsyncSession, session_id: str, now: datetime, unmodified_since: str | None = None
) -> CheckoutSession:
    """Lock a session that may be changed. SessionClosed if it is paid, cancelled or expired;
    PaymentInProgress while a payment is under way; PreconditionFailed if it was changed after
    `unmodified_since`."""
    session = await lock_session(db, session_id)
    check_open(session, now, unmodified_since)
    return session


def check_open(session: CheckoutSession, now: datetime, unmodified_since: str | None) -> None:
    """Make the checks of `lock_open`, on a row that need not be locked."""
    check_unmodified(session, unmodified_since)
    if session.state == SessionState.PAYING:
        raise PaymentInProgress("a payment of this session is under way")
    if session.state != SessionState.OPEN or is_expired(session.expires_at, now):
        raise SessionClosed("this session is closed")


async def lock_for_payer(
    ctx: Backend,
    db: AsyncSession,
    session_id: str,
    now: datetime,
    unmodified_since: str | None = None,
) -> CheckoutSession:
    """Do what `lock_open` does, for the payer. SessionLocked while the merchant changes the
    session."""
    session = await lock_open(db, session_id, now, unmodified_since)
    check_not_locked(ctx, session, now)
    return session


async def lock_as_seen(
    ctx: Backend,
    db: AsyncSession,
    session_id: str,
    version: int,
    *,
    by_payer: bool = True,
    unmodified_since: str | None = None,
) -> CheckoutSession:
    """Do what `lock_for_payer` does, for a change that was computed from the session at `version`
    and has waited since then, for another server, a person or a lock.

    SessionChanged if the session has changed since then: the caller computes the change again, or
    gives it up. Every change of a session increases its version. Without `by_payer` the merchant's
    own lock does not matter.
    """
    now = ctx.clock.now()
    session = await lock_open(db, session_id, now, unmodified_since)
    if by_payer:
        check_not_locked(ctx, session, now)
    if session.version != version:
        raise SessionChanged("somebody else has changed the session in the meantime")
    return session


def is_locked(ctx: Backend, session: CheckoutSession, now: datetime) -> bool:
    """Return whether the merchant's lock holds. It ends after a time, because the merchant's server
    may never come back."""
    if session.pay_lock_id is None or session.pay_locked_at is None:
        return False
    return lock_end(ctx, session.pay_locked_at) > now


def lock_end(ctx: Backend, locked_at: datetime) -> datetime:
    """Return when a lock that was taken then stops to hold."""
    return locked_at + timedelta(seconds=ctx.settings.pay_lock_lifetime)


def check_not_locked(ctx: Backend, session: CheckoutSession, now: datetime) -> None:
    if is_locked(ctx, session, now):
        raise SessionLocked("the shop is changing this session")


def check_unmodified(session: CheckoutSession, unmodified_since: str | None) -> None:
    """Check the header `If-Unmodified-Since`: the session's `updated_at` as our answer gave it, or
    an HTTP date, which has no fractions of a second. InvalidRequest if it is no date,
    PreconditionFailed if the session has another one. Source:
    `docs/reference/dintero-api.md#session-endpoints`."""
    if unmodified_since is None:
        return
    given = _moment(unmodified_since)
    if given is None:
        raise InvalidRequest(
            "If-Unmodified-Since must be the session's updated_at, or an HTTP date"
        )
    kept = session.updated_at
    if unmodified_since.lstrip()[:1].isalpha():
        kept = kept.replace(microsecond=0)
    if iso(given) != iso(kept):
        raise PreconditionFailed("the session was changed in the meantime")


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text.strip())
        except (ValueError, TypeError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None


async def gift_card_of(
    db: AsyncSession, session_id: str
) -> tuple[SessionGiftCard, Card] | tuple[None, None]:
    """Return the session's gift card: how it was added, and the card's row."""
    added, card, _ = await _gift_card_with_token(db, session_id)
    return (None, None) if added is None or card is None else (added, card)


async def card_to_add(
    db: AsyncSession, session_id: str, token_id: str
) -> tuple[Card, CardToken, bool]:
    """Return the card of this number or token, the token, and whether the session has a gift card
    already. It does not matter whether that card still counts."""
    query = (
        select(Card, CardToken, SessionGiftCard)
        .join(CardToken, col(CardToken.card) == col(Card.id))
        .join(SessionGiftCard, col(SessionGiftCard.session_id) == session_id, isouter=True)
        .where(CardToken.id == token_id)
        .execution_options(populate_existing=True)
    )
    card, token, added = (await db.exec(query)).one()  # tokens are never deleted
    return card, token, added is not None


async def lock_gift_card(
    db: AsyncSession, session_id: str
) -> tuple[SessionGiftCard | None, Card | None, CardToken | None]:
    """Return what `gift_card_of` returns, and the number or token by which the card was added. The
    card's row is locked until the unit of work ends. The caller has locked the session's row."""
    of_session = select(SessionGiftCard.card).where(SessionGiftCard.session_id == session_id)
    lock = (
        select(Card.id)
        .where(col(Card.id) == of_session.scalar_subquery())
        .with_for_update(key_share=True)
    )
    if (await db.exec(lock)).one_or_none() is None:
        return None, None, None
    return await _gift_card_with_token(db, session_id)


async def _gift_card_with_token(
    db: AsyncSession, session_id: str
) -> tuple[SessionGiftCard | None, Card | None, CardToken | None]:
    query = (
        select(SessionGiftCard, Card, CardToken)
        .join(Card, col(Card.id) == col(SessionGiftCard.card))
        .join(CardToken, col(CardToken.id) == col(SessionGiftCard.token_id), isouter=True)
        .where(SessionGiftCard.session_id == session_id)
    )
    found = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        return None, None, None
    added, card, token = found
    session = await db.get(CheckoutSession, session_id)
    if session is None or not _still_counts(session, added, card, token):
        return None, None, None
    return added, card, token


def _still_counts(
    session: CheckoutSession, added: SessionGiftCard, card: Card, token: CardToken | None
) -> bool:
    """Return whether the gift card still counts. Until Pay is pressed, what the payer showed must
    still be valid: the PIN has not been replaced, and the token has not paid for something else.
    Gift cards must still be allowed too, which they are not in an order that was divided since."""
    if session.state != SessionState.OPEN:
        return True
    if not session.gift_card_use:
        return False
    if added.preset:
        return True
    if added.pin_version != card.pin_version:
        return False
    return token is None or not (token.single_use and token.used_by is not None)


def share_of(
    session: CheckoutSession, added: SessionGiftCard | None, card: Card | None, now: datetime
) -> int:
    """Return what the card pays of the order as it is now (minor units): as much as possible, or
    the amount that was chosen."""
    wanted = added.wanted if added is not None else None
    return _share(session, card, now, wanted)


def remainder_of(
    session: CheckoutSession, added: SessionGiftCard | None, card: Card | None, now: datetime
) -> Remainder:
    """Return what is left to pay of an open session now, and whether any option takes it."""
    return judge_share(session, card, now, added.wanted if added is not None else None)


def judge_share(
    session: CheckoutSession, card: Card | None, now: datetime, wanted: int | None
) -> Remainder:
    """Do what `remainder_of` does, as if `wanted` of the card were used (minor units; None: as much
    as possible)."""
    share, maximum = _share(session, card, now, wanted), _share(session, card, now, None)
    return judge(Sums(session.amount, share, maximum), minimums_of_session(session))


def minimums_of_session(session: CheckoutSession) -> dict[str, int]:
    """Return the smallest amount (minor units) that each option of the session takes."""
    known = session.minimums or {}
    return {
        option: known.get(option) or minimum_of(option, session.currency)
        for option in session.options
    }


def maximum_of(session: CheckoutSession, card: Card | None, now: datetime) -> int:
    """Return what the card could pay of the order now (minor units), whatever was chosen. It is 0
    if the card cannot be used any more."""
    return _share(session, card, now, None)


def _share(session: CheckoutSession, card: Card | None, now: datetime, wanted: int | None) -> int:
    if card is None or gift_card.refusal(lookup.facts(card), session.currency, now) is not None:
        return 0
    available = Money(card.available, card.currency)
    return gift_card.share(available, Money(session.amount, session.currency), wanted).amount
