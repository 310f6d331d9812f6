"""How often the PIN of a gift card may be tried, and by whom.

Every attempt counts for several scopes at once. A scope is something that could be guessed at, or
somebody who could be guessing:

| scope | what it stops | how |
| --- | --- | --- |
| card and source | one stranger who knows a number | so many wrong attempts, then none for a day |
| session | one page on which many numbers are typed | the same |
| card | many strangers at once | the same with more attempts; and so many in the card's life |
| source, repeated mistakes | repeating at a number, or in a session | a wait that grows |
| source, first mistakes | an attempt at each of many numbers | a wait after very many in an hour |

A mistake is a *first* one while both the session and the pair of card and source have made fewer
than `firsts` of them. All payers behind one address make such mistakes, so a wait that comes from
repeated mistakes holds back repeated attempts alone: a neighbour's own card still opens at once.

An unknown number is counted in the same way as a known one. If it were not, the answers would tell
which numbers exist. See `docs/decisions/pin-budgets.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from backend.rules.backoff import Backoff

HOUR = timedelta(hours=1)
BURSTS = 48
"""A day is divided into at most so many parts, so that we know how old its attempts are."""


class Kind(StrEnum):
    CARD = "card"
    PAIR = "pair"
    SESSION = "session"
    FIRSTS = "firsts"
    REPEATS = "repeats"


SCORED = frozenset({Kind.FIRSTS, Kind.REPEATS})
"""These have a score that drains within the hour; the others have a number of attempts."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One row. `width` is how many times the usual budget it has: a wide network has more."""

    kind: Kind
    key: str
    width: int = 1

    @property
    def name(self) -> str:
        return f"{self.kind.value}:{self.key}"


@dataclass(frozen=True, slots=True)
class Burst:
    """Attempts that were made close together; `first` and `last` in seconds since 1970."""

    first: float
    last: float
    tries: int


@dataclass(frozen=True, slots=True)
class Counter:
    """What is known of a scope. `recent` are the attempts of the day, the oldest first; `life` all
    of them since the card was last unlocked. `score` is as it was at `last`, when the last counted
    attempt was made."""

    recent: tuple[Burst, ...] = ()
    life: int = 0
    score: float = 0.0
    last: datetime | None = None

    @property
    def tries(self) -> int:
        return sum(burst.tries for burst in self.recent)


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of wrong attempts. `window` is the day; `longest_wait` is in seconds."""

    pair: int = 10
    session: int = 10
    card: int = 50
    life: int = 200
    firsts: int = 2
    free_firsts: int = 100
    free_repeats: int = 3
    longest_wait: int = 300
    window: timedelta = timedelta(days=1)

    def tries(self, scope: Scope) -> int:
        """Return how many wrong attempts a counted scope has."""
        whole = {Kind.PAIR: self.pair, Kind.SESSION: self.session, Kind.CARD: self.card}
        return whole[scope.kind] * scope.width

    def free(self, scope: Scope) -> int:
        """Return the score up to which a source does not wait."""
        free = self.free_firsts if scope.kind is Kind.FIRSTS else self.free_repeats
        return free * scope.width

    def highest(self, scope: Scope) -> float:
        """Return the score beyond which nothing is added. It drains within an hour."""
        return self.free(scope) + math.log2(max(2, self.longest_wait))


class Answer(StrEnum):
    GO = "go"
    WAIT = "wait"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an attempt may be made. If not, `seconds` says after how many seconds it may be
    made."""

    answer: Answer
    seconds: int = 0
    holds_back: Kind = Kind.PAIR
    """The attempts that would be refused as well: all at this card, all at this card from this
    source, all in this session, or all from this source (`FIRSTS`)."""


Counters = Mapping[Scope, Counter]
GO = Verdict(Answer.GO)


def decide(counters: Counters, limits: Limits, now: datetime) -> Verdict:
    """Say whether the attempt that these scopes would count may be made. It changes nothing."""
    repeated = _repeated(counters, limits, now)
    waits: list[tuple[Answer, timedelta, Kind]] = []
    for scope, counter in counters.items():
        if scope.kind not in SCORED:
            waits.append((Answer.SPENT, _spent(scope, counter, limits, now), scope.kind))
        elif scope.kind is Kind.FIRSTS:
            waits.append((Answer.WAIT, _wait(scope, counter, limits, now), Kind.FIRSTS))
        elif repeated is not None:
            waits.append((Answer.WAIT, _wait(scope, counter, limits, now), repeated))
    for answer in (Answer.SPENT, Answer.WAIT):
        longest = max((w for w in waits if w[0] is answer), key=lambda w: w[1], default=None)
        if longest is not None and longest[1] > timedelta():
            return Verdict(answer, math.ceil(longest[1].total_seconds()), longest[2])
    return GO


def is_first(counters: Counters, limits: Limits, now: datetime) -> bool:
    """Return whether a mistake made now would be one that every payer makes."""
    return _repeated(counters, limits, now) is None


def _repeated(counters: Counters, limits: Limits, now: datetime) -> Kind | None:
    """Return in what a mistake made now would be a repeated one: the session, or the pair of card
    and source."""
    for kind in (Kind.SESSION, Kind.PAIR):
        for scope, counter in counters.items():
            narrow = scope.kind is kind and scope.width == 1
            if narrow and live(counter, limits, now).tries >= limits.firsts:
                return kind
    return None


def count(counters: Counters, limits: Limits, now: datetime) -> dict[Scope, Counter]:
    """Return the counters after one more attempt."""
    fed = Kind.FIRSTS if is_first(counters, limits, now) else Kind.REPEATS
    after: dict[Scope, Counter] = {}
    for scope, counter in counters.items():
        if scope.kind not in SCORED:
            recent = _added(live(counter, limits, now).recent, limits, now)
            after[scope] = replace(counter, recent=recent, life=counter.life + 1, last=now)
        elif scope.kind is fed:
            score = min(limits.highest(scope), drained(scope, counter, limits, now) + 1)
            after[scope] = Counter(score=score, last=now)
        else:
            after[scope] = counter
    return after


def restore(
    current: Counters, before: Counters, counted: Counters, limits: Limits, now: datetime
) -> dict[Scope, Counter]:
    """Return the counters after an attempt with the right PIN, which was counted like any other.

    `before` and `counted` are the counters around the counting of it, `current` is what they are by
    now. The asker's earlier attempts at this card are restored as well. Of the session and of the
    source only this one attempt is: they may have guessed at other cards, and whoever knows the PIN
    of a card of their own must not be able to wash that away.
    """
    pairs = [scope for scope in current if scope.kind is Kind.PAIR]
    narrowest = min(pairs, key=lambda scope: scope.width, default=None)
    own = current[narrowest].tries if narrowest is not None else 1
    after: dict[Scope, Counter] = {}
    for scope, counter in current.items():
        if scope.kind in (Kind.PAIR, Kind.CARD):
            life = max(0, counter.life - own)
            after[scope] = replace(counter, recent=_taken(counter.recent, own), life=life)
        elif counter == counted[scope]:
            after[scope] = before[scope]
        elif scope.kind is Kind.SESSION:
            after[scope] = replace(counter, recent=_taken(counter.recent, 1))
        else:
            added = counted[scope].score - drained(scope, before[scope], limits, now)
            after[scope] = replace(counter, score=max(0.0, counter.score - max(0.0, added)))
    return after


def live(counter: Counter, limits: Limits, now: datetime) -> Counter:
    """Return the counter without attempts that are a day old. A burst is as old as its last
    attempt, so that no 24 hours can hold more than the budget."""
    begin = (now - limits.window).timestamp()
    return replace(counter, recent=tuple(burst for burst in counter.recent if burst.last > begin))


def _added(recent: tuple[Burst, ...], limits: Limits, now: datetime) -> tuple[Burst, ...]:
    at = now.timestamp()
    longest = limits.window.total_seconds() / BURSTS
    if recent and at - recent[-1].first < longest:
        newest = recent[-1]
        return (*recent[:-1], Burst(newest.first, max(at, newest.last), newest.tries + 1))
    return (*recent, Burst(at, at, 1))


def _taken(recent: tuple[Burst, ...], tries: int) -> tuple[Burst, ...]:
    """Return what is left without so many of the newest attempts."""
    left: list[Burst] = []
    for burst in reversed(recent):
        taken = min(tries, burst.tries)
        tries -= taken
        if burst.tries > taken:
            left.append(replace(burst, tries=burst.tries - taken))
    return tuple(reversed(left))


def drained(scope: Scope, counter: Counter, limits: Limits, now: datetime) -> float:
    """Return the score as it is now."""
    if counter.last is None:
        return 0.0
    gone = limits.highest(scope) * ((now - counter.last) / HOUR)
    return max(0.0, counter.score - max(0.0, gone))


def wait_after(scope: Scope, score: float, limits: Limits) -> timedelta:
    """Return how long after an attempt the next one may be made: 2 s, 4 s, 8 s …, up to the
    longest."""
    over = score - limits.free(scope)
    if over <= 0:
        return timedelta()
    return Backoff(first=2, longest=limits.longest_wait).after(over)


def is_locked(counter: Counter, limits: Limits) -> bool:
    """Return whether a card has used up the attempts of its life, and needs to be unlocked."""
    return counter.life >= limits.life


def reached(before: Counter, after: Counter, limits: Limits) -> list[str]:
    """Return what a card's wrong attempt has just used up: half of its day, half of its life, all
    of its life. The names are those of the card's events."""
    marks = (
        ("PIN_HALF_OF_DAY", before.tries, after.tries, -(-limits.card // 2)),
        ("PIN_HALF_OF_LIFE", before.life, after.life, -(-limits.life // 2)),
        ("PIN_LOCKED", before.life, after.life, limits.life),
    )
    return [name for name, was, now, mark in marks if was < mark <= now]


def _spent(scope: Scope, counter: Counter, limits: Limits, now: datetime) -> timedelta:
    """Return for how long this scope refuses every attempt."""
    if scope.kind is Kind.CARD and is_locked(counter, limits):
        # Only an unlock ends it. The answer is that of any card whose attempts are used up.
        return limits.window
    recent = live(counter, limits, now).recent
    over = sum(burst.tries for burst in recent) - limits.tries(scope)
    for burst in recent if over >= 0 else ():
        over -= burst.tries
        if over < 0:
            return datetime.fromtimestamp(burst.last, UTC) + limits.window - now
    return timedelta()


def _wait(scope: Scope, counter: Counter, limits: Limits, now: datetime) -> timedelta:
    if counter.last is None:
        return timedelta()
    wait = wait_after(scope, counter.score, limits)
    # It is never longer than that, even if another process's clock is ahead of ours.
    return min(wait, counter.last + wait - now)
