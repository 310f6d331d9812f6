"""Find a card by number and PIN: the one way for the checkout, the balance page and the API.

An unknown number and a wrong PIN get the same answer after the same time. So do a budget that is
used up and a source that has to wait, whether the number exists or not. An attempt is counted
before it is checked, in the database and under locks, so that parallel attempts cannot outrun a
budget. A refused attempt costs one look into the database, and a repeated one within some seconds
not even that.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import pin_attempts, pin_lock
from backend.cards.lookup import Match, find_number
from backend.cards.pin_attempts import Asker
from backend.cards.tables import Card
from backend.core.context import Backend
from backend.core.vault import PinMac
from backend.core.written import OPTION
from backend.rules import pin_budget
from backend.rules.pin_budget import Counter, Kind, Limits, Scope

OLD_PIN_SECONDS = 0.5
"""How long every wrong answer takes while an account has PINs that are kept as Argon2 hashes. The
check of such a hash takes 0.1 s or more, which would show that the number exists."""
SLOWEST_FADES = 0.9
"""How much of the slowest check still counts after the next one."""
OLD_PINS_LOOKED_FOR = 600
"""After how many seconds a process looks again whether an account still has them."""


@dataclass(frozen=True, slots=True)
class _PinAttempt:
    """One attempt. `match` is None for an unknown number."""

    account_id: str
    asker: Asker
    number: str
    pin: str
    match: Match | None
    scopes: tuple[Scope, ...]
    now: datetime

    @property
    def card(self) -> Card | None:
        return self.match.card if self.match is not None else None


@dataclass(frozen=True, slots=True)
class _Counted:
    """The counters before and after an attempt was counted. `fits` says whether the MAC fits."""

    before: dict[Scope, Counter]
    after: dict[Scope, Counter]
    fits: bool


async def match_number_and_pin(
    ctx: Backend, account_id: str, number: str, pin: str, *, asker: Asker, expired_too: bool = False
) -> Match | None:
    """Return the card of this number, or temporary token, if this is its PIN.

    None for an unknown number and for a wrong PIN, so that nobody can tell them apart.
    TooManyAttempts if a budget is spent, so that nothing was checked.
    """
    begun = asyncio.get_running_loop().time()
    pin_attempts.refuse_again(ctx, account_id, asker, number)
    async with ctx.db.reading() as db:
        match = await find_number(ctx, db, account_id, number, expired_too=expired_too)
    # All attempts at a known card are counted together, however many tokens it has.
    key = match.card.id if match else ctx.vault.number_hash(account_id, number)
    scopes = tuple(pin_attempts.scopes_of(asker, key))
    tried = _PinAttempt(account_id, asker, number, pin, match, scopes, ctx.clock.now())
    return await _check(ctx, tried, begun)


async def match_pin(ctx: Backend, known: Match, pin: str, *, asker: Asker) -> Match | None:
    """Like `match_number_and_pin`, for a card that the asker does not name: only its PIN is
    checked. The attempts count in the same budgets."""
    begun = asyncio.get_running_loop().time()
    card = known.card
    named = f"card {card.id}"  # no number looks like this
    pin_attempts.refuse_again(ctx, card.account_id, asker, named)
    scopes = tuple(pin_attempts.scopes_of(asker, card.id))
    tried = _PinAttempt(card.account_id, asker, named, pin, known, scopes, ctx.clock.now())
    return await _check(ctx, tried, begun)


async def _check(ctx: Backend, tried: _PinAttempt, begun: float) -> Match | None:
    """Refuse, count and check. `begun` is the loop's time when the call came, in seconds."""
    limits, match = pin_attempts.limits_of(ctx.settings), tried.match
    async with ctx.db.reading() as db:
        counters = await pin_attempts.read(db, tried.scopes)
        old = await _has_old_pins(ctx, db, tried.account_id)
    # Most attempts on a spent budget are refused here, without a lock.
    verdict = pin_budget.decide(counters, limits, tried.now)
    pin_attempts.refuse(ctx, tried.account_id, tried.asker, tried.number, verdict)
    counted = await _count_and_check(ctx, tried, limits)
    if counted.fits or await _fits_old(ctx, tried, counted, limits):
        return match
    if old:
        passed = asyncio.get_running_loop().time() - begun
        # On a busy machine the check of a hash takes longer, so the other answers do too.
        minimum = max(OLD_PIN_SECONDS, ctx.old_pin_seconds + OLD_PIN_SECONDS / 2)
        await asyncio.sleep(max(0.0, minimum - passed))
    return None


async def _count_and_check(ctx: Backend, tried: _PinAttempt, limits: Limits) -> _Counted:
    """Count the attempt, then check the PIN, in one unit of work of its own. A counted attempt
    stays counted if the request fails."""
    card, now = tried.card, tried.now
    async with ctx.db.unit_of_work(independent=True) as db:
        before = await pin_attempts.lock(db, tried.scopes, now)
        # An error here undoes everything, so a refused attempt leaves no rows.
        verdict = pin_budget.decide(before, limits, now)
        pin_attempts.refuse(ctx, tried.account_id, tried.asker, tried.number, verdict)
        after = pin_budget.count(before, limits, now)
        fits = ctx.vault.pin_fits(card.id if card else "", tried.pin, _mac_of(card))
        kept = after
        if fits:
            kept = pin_budget.restore(after, before, after, limits, now)
        until = pin_attempts.kept_until(kept, limits, now, known=card is not None)
        await pin_attempts.write(db, kept, now, forget_at=until)
        if card is not None and not fits and card.pin_key is not None:
            await _tell(ctx, db, card, before, after)
        if fits and card is not None:
            await _renew(ctx, db, card, tried.pin)
    return _Counted(before, after, fits)


async def _fits_old(ctx: Backend, tried: _PinAttempt, counted: _Counted, limits: Limits) -> bool:
    """Check a PIN that is kept as an Argon2 hash, outside any unit of work. A right PIN is kept as
    a MAC from then on, and its attempts are restored."""
    card, now = tried.card, tried.now
    if card is None or card.pin_hash is None or card.pin_key is not None:
        return False
    begun = asyncio.get_running_loop().time()
    fits = await ctx.vault.old_pin_fits(tried.pin, card.pin_hash)
    took = asyncio.get_running_loop().time() - begun
    ctx.old_pin_seconds = max(took, ctx.old_pin_seconds * SLOWEST_FADES)
    async with ctx.db.unit_of_work(independent=True) as db:
        if not fits:
            await _tell(ctx, db, card, counted.before, counted.after)
            return False
        current = await pin_attempts.lock(db, tried.scopes, now)
        kept = pin_budget.restore(current, counted.before, counted.after, limits, now)
        until = pin_attempts.kept_until(kept, limits, now, known=True)
        await pin_attempts.write(db, kept, now, forget_at=until)
        await _renew(ctx, db, card, tried.pin)
    return True


async def _renew(ctx: Backend, db: AsyncSession, card: Card, pin: str) -> None:
    """Keep the PIN under the newest key, unless it was replaced in the meantime."""
    if card.pin_key == ctx.vault.newest_pin_key:
        return
    made = ctx.vault.pin_mac(card.id, pin)
    await db.exec(
        update(Card)
        .where(col(Card.id) == card.id, col(Card.pin_hash) == card.pin_hash)
        .values(pin_hash=made.text, pin_key=made.key_id)
        .execution_options(**{OPTION: ()})
    )


async def _tell(
    ctx: Backend,
    db: AsyncSession,
    card: Card,
    before: dict[Scope, Counter],
    after: dict[Scope, Counter],
) -> None:
    of_card = next(scope for scope in after if scope.kind is Kind.CARD)
    await pin_lock.tell_merchant(ctx, db, card, before[of_card], after[of_card])


def _mac_of(card: Card | None) -> PinMac | None:
    if card is None or card.pin_hash is None or card.pin_key is None:
        return None
    return PinMac(card.pin_key, card.pin_hash)


async def _has_old_pins(ctx: Backend, db: AsyncSession, account_id: str) -> bool:
    """Return whether a card of this account still has its PIN as an Argon2 hash."""
    now, known = ctx.clock.now(), ctx.old_pins.get(account_id)
    if known is not None and (now - known[0]).total_seconds() < OLD_PINS_LOOKED_FOR:
        return known[1]
    query = select(Card.id).where(
        Card.account_id == account_id,
        col(Card.pin_hash).is_not(None),
        col(Card.pin_key).is_(None),
    )
    found = (await db.exec(query.limit(1))).first() is not None
    ctx.old_pins[account_id] = (now, found)
    return found
