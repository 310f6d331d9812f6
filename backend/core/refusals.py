"""What was refused a moment ago, kept in the memory of one process.

A repeated attempt on a budget that is used up gets the same answer without a look into the
database. The database stays the truth: this memory lasts only some seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = timedelta(seconds=5)
"""How long a refusal is remembered. It is short, so that an unlock in another process is seen
soon."""
MAX_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """`until` is when the budget itself allows an attempt again."""

    reason: str
    until: datetime
    forget_at: datetime


class Refusals:
    """Refusals by a key that the caller makes. Beyond `MAX_KEYS` keys the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: dict[str, Refusal] = {}

    def remember(self, key: str, reason: str, until: datetime, now: datetime) -> None:
        self._known.pop(key, None)
        while len(self._known) >= MAX_KEYS:
            del self._known[next(iter(self._known))]
        self._known[key] = Refusal(reason, until, min(until, now + LONGEST))

    def find(self, key: str, now: datetime) -> Refusal | None:
        known = self._known.get(key)
        if known is None or known.forget_at > now:
            return known
        del self._known[key]
        return None

    def forget_all(self) -> None:
        self._known.clear()
