"""Discount codes that a payer tries are limited, since a code is worth money and short.

Every code that is new in the session is one guess. A guess is counted as a wrong one before the
shop is asked, so that guesses at the same time cannot outrun the limit; what the shop takes is
given back. The profile's limit counts wrong ones alone: no volume of right ones spends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.context import Backend
from backend.limits import limiter as limits
from backend.limits import rules
from backend.sessions.tables import CheckoutSession

WRONG = 3
"""How many right codes a wrong one counts as."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """What was counted. `before`: the codes that were in use already."""

    session_id: str
    profile: tuple[str, str]
    source: str
    new: int
    before: frozenset[str]


async def count(
    ctx: Backend, session: CheckoutSession, codes: Sequence[str], source: str
) -> Guesses:
    """Count the codes that are new as wrong guesses. TooManyRequests: the shop is not asked."""
    before = frozenset(str(code) for code in session.body["order"].get("discount_codes") or [])
    profile = (session.account_id, session.profile_id)
    guesses = Guesses(session.id, profile, source, len({*codes} - before), before)
    if guesses.new:
        wrong = guesses.new * WRONG
        await limits.spend(ctx, rules.DISCOUNT_SESSION, session.id, count=wrong)
        await limits.spend_source(ctx, rules.DISCOUNT_SOURCE, source, *profile, count=wrong)
        await limits.spend(ctx, rules.DISCOUNT_PROFILE, *profile, count=wrong)
    return guesses


async def give_back(ctx: Backend, guesses: Guesses, taken: Sequence[str]) -> None:
    """The shop has taken these codes: those among them that were new are counted as right ones."""
    right = min(len({*taken} - guesses.before), guesses.new)
    if right:
        back, source, profile = right * (WRONG - 1), guesses.source, guesses.profile
        await limits.give_back(ctx, rules.DISCOUNT_SESSION, guesses.session_id, count=back)
        await limits.give_back_source(ctx, rules.DISCOUNT_SOURCE, source, *profile, count=back)
        await limits.give_back(ctx, rules.DISCOUNT_PROFILE, *profile, count=right * WRONG)
