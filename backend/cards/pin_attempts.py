"""Count the attempts of a PIN, and refuse those that are too many.

The rules are `rules.pin_budget`; here are the rows. An attempt is decided and counted under the
locks of all its rows, which are taken in the order of their names: attempts at the same time cannot
outrun a budget, and two of them never wait for each other. Whoever locks these rows and a card's
row as well takes these rows first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card, PinBudget
from backend.core.context import Backend
from backend.core.due_work import purge
from backend.core.errors import TooManyAttempts
from backend.core.settings import Settings
from backend.limits.source import networks_of
from backend.rules import pin_budget
from backend.rules.pin_budget import Answer, Burst, Counter, Counters, Kind, Limits, Scope, Verdict

PAIR_WIDTHS = (1, 2, 3)
"""For a /64, /56 and /48. Nobody can use up a card's day alone, not even with a whole /48."""
SOURCE_WIDTHS = (1, 4, 16)
"""A wide network is shared by more payers."""
MERCHANT_WIDTH = 3
"""A shop's own server asks for many payers, and must leave a part of a card's day to others."""
UNKNOWN_KEPT = timedelta(days=400)
"""How long the attempts at an unknown number count towards its life, if they were many. Otherwise a
card that needs to be unlocked would answer differently from a number that does not exist."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who tries a PIN. `networks` are hashes, the narrowest first. `session` is None on the balance
    page, where a browser could invent a new one each time. The merchant has no score of mistakes,
    since the merchant needs no PIN at all."""

    networks: tuple[str, ...]
    session: str | None = None
    merchant: bool = False


def payer(ctx: Backend, session_id: str | None, source: str) -> Asker:
    """Return the asker for a payer in a checkout, or on the balance page. `source` is their
    address."""
    hashes = tuple(ctx.vault.source_hash(network) for network in networks_of(source))
    return Asker(hashes, session_id)


def customer(ctx: Backend, account_id: str, customer_id: str) -> Asker:
    """Return the asker for a merchant's customer, who has a token of their own."""
    who = ctx.vault.source_hash(f"{account_id}\n{customer_id}")
    return Asker((who,), who)


def merchant(ctx: Backend, account_id: str) -> Asker:
    return Asker((ctx.vault.source_hash(f"merchant\n{account_id}"),), merchant=True)


def limits_of(settings: Settings) -> Limits:
    return Limits(
        pair=settings.pin_tries_per_card_and_source,
        session=settings.pin_tries_per_session,
        card=settings.pin_tries_per_card,
        life=settings.pin_tries_per_card_life,
        free_firsts=settings.pin_first_mistakes_per_source,
        free_repeats=settings.pin_repeated_mistakes_per_source,
        longest_wait=settings.pin_longest_wait,
        window=timedelta(seconds=settings.pin_tries_window),
    )


def scopes_of(asker: Asker, card: str) -> list[Scope]:
    """Return what one attempt counts for. `card` is the card's primary key, or the hash of a number
    that is unknown. They are in the order in which they are locked."""
    widths = (MERCHANT_WIDTH,) if asker.merchant else PAIR_WIDTHS
    scopes = [Scope(Kind.CARD, card)]
    scopes += [
        Scope(Kind.PAIR, f"{card[:36]}:{network[:32]}", width)
        for network, width in zip(asker.networks, widths, strict=False)
    ]
    if asker.session is not None:
        scopes.append(Scope(Kind.SESSION, asker.session))
    if not asker.merchant:
        scopes += [
            Scope(kind, network, width)
            for kind in (Kind.FIRSTS, Kind.REPEATS)
            for network, width in zip(asker.networks, SOURCE_WIDTHS, strict=False)
        ]
    return sorted(scopes, key=lambda scope: scope.name)


# --- refusing ------------------------------------------------------------------------------------


def refuse_again(ctx: Backend, account_id: str, asker: Asker, number: str) -> None:
    """Raise TooManyAttempts if this process has refused the same a moment ago. It does not read the
    database."""
    now = ctx.clock.now()
    for key in _keys(ctx, account_id, asker, number).values():
        known = ctx.pin_refusals.find(key, now)
        if known is not None:
            left = math.ceil((known.until - now).total_seconds())
            raise TooManyAttempts(known.reason, max(1, left))


def refuse(ctx: Backend, account_id: str, asker: Asker, number: str, verdict: Verdict) -> None:
    """Raise TooManyAttempts unless the verdict lets the attempt through."""
    if verdict.answer is Answer.GO:
        return
    now = ctx.clock.now()
    until = now + timedelta(seconds=verdict.seconds)
    reason = "wait" if verdict.answer is Answer.WAIT else "too_many_tries"
    keys = _keys(ctx, account_id, asker, number)
    ctx.pin_refusals.remember(keys[verdict.holds_back], reason, until, now)
    raise TooManyAttempts(reason, verdict.seconds)


def _keys(ctx: Backend, account_id: str, asker: Asker, number: str) -> dict[Kind, str]:
    """Return under which key a refusal is remembered, by what it holds back."""
    hashed = ctx.vault.number_hash(account_id, number)
    source = asker.networks[0]
    keys = {Kind.CARD: hashed, Kind.PAIR: f"{hashed} {source}"}
    if asker.session is not None:
        keys[Kind.SESSION] = f"{asker.session} {source}"
    if not asker.merchant:
        keys[Kind.FIRSTS] = source
    return keys


# --- the rows ------------------------------------------------------------------------------------

_COLUMNS = (
    col(PinBudget.scope), col(PinBudget.recent), col(PinBudget.life), col(PinBudget.score),
    col(PinBudget.last_try_at),
)  # fmt: skip


async def read(db: AsyncSession, scopes: Iterable[Scope]) -> dict[Scope, Counter]:
    """Return the counters as they are, without locks."""
    wanted = list(scopes)
    query = select(PinBudget).where(col(PinBudget.scope).in_([scope.name for scope in wanted]))
    rows = [(r.scope, r.recent, r.life, r.score, r.last_try_at) for r in await db.exec(query)]
    return _counters(wanted, rows)


async def lock(db: AsyncSession, scopes: Iterable[Scope], now: datetime) -> dict[Scope, Counter]:
    """Return the counters, locked until the unit of work ends. Missing rows are made, since they
    could not be locked otherwise."""
    wanted = sorted(scopes, key=lambda scope: scope.name)
    rows = [_row(scope, Counter(), now) for scope in wanted]
    insert = _dialect(db).insert(PinBudget).values(rows)
    query = insert.on_conflict_do_update(
        index_elements=["scope"], set_={"tries": col(PinBudget.tries)}
    ).returning(*_COLUMNS)
    return _counters(wanted, await db.exec(query))


async def write(
    db: AsyncSession, counters: Counters, now: datetime, *, forget_at: dict[Scope, datetime | None]
) -> None:
    """Keep counters that `lock` has locked, in one statement."""
    rows = [
        _row(scope, counter, forget_at[scope])
        for scope, counter in sorted(counters.items(), key=lambda item: item[0].name)
    ]
    insert = _dialect(db).insert(PinBudget).values(rows)
    changed = ("tries", "recent", "life", "score", "last_try_at", "forget_at")
    await db.exec(
        insert.on_conflict_do_update(
            index_elements=["scope"], set_={name: insert.excluded[name] for name in changed}
        )
    )


def kept_until(
    counters: Counters, limits: Limits, now: datetime, *, known: bool
) -> dict[Scope, datetime | None]:
    """Return when each row can be deleted. A card's own row stays while the card has wrong
    attempts."""
    soon = now + max(limits.window, pin_budget.HOUR)
    kept: dict[Scope, datetime | None] = dict.fromkeys(counters, soon)
    for scope, counter in counters.items():
        if scope.kind is Kind.CARD and known and counter.life:
            kept[scope] = None
        elif scope.kind is Kind.CARD and counter.life >= limits.pair:
            kept[scope] = now + UNKNOWN_KEPT
    return kept


async def forget_card(db: AsyncSession, card: Card, now: datetime) -> Counter:
    """Forget all wrong attempts at a card, by anybody. Return what the card's own counter was."""
    of_card = Scope(Kind.CARD, card.id)
    query = select(PinBudget.scope).where(
        or_(
            col(PinBudget.scope) == of_card.name,
            col(PinBudget.scope).startswith(f"{Kind.PAIR.value}:{card.id}:", autoescape=True),
        )
    )
    pairs = [
        Scope(Kind.PAIR, name.removeprefix("pair:"))
        for name in await db.exec(query)
        if name != of_card.name
    ]
    locked = await lock(db, [of_card, *pairs], now)
    whole = dict.fromkeys(locked, Counter())
    await write(db, whole, now, forget_at=dict.fromkeys(locked, now))
    return locked[of_card]


async def purge_attempts(ctx: Backend) -> int:
    """Delete one batch of rows that are not needed any more. Return their number."""
    return await purge(ctx.db, PinBudget, col(PinBudget.forget_at) <= ctx.clock.now())


def _counters(wanted: Iterable[Scope], rows: Iterable[Any]) -> dict[Scope, Counter]:
    known = {
        scope: Counter(tuple(Burst(one[0], one[1], int(one[2])) for one in recent), *more)
        for scope, recent, *more in rows
    }
    return {scope: known.get(scope.name, Counter()) for scope in wanted}


def _row(scope: Scope, counter: Counter, forget_at: datetime | None) -> dict[str, Any]:
    return {
        "scope": scope.name,
        "tries": counter.tries,
        "life": counter.life,
        "score": counter.score,
        "recent": [[burst.first, burst.last, burst.tries] for burst in counter.recent],
        "last_try_at": counter.last,
        "forget_at": forget_at,
    }


def _dialect(db: AsyncSession) -> Any:
    return postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
