"""Limit the discount codes that a payer tries, since codes are short and worth money.

Every code that is new in the session is one guess. We count a guess as a wrong one before we ask
the shop, so that guesses at the same time cannot outrun the limit. If the shop takes the code, we
give the difference back. The profile's limit counts only wrong guesses, so right ones never use it
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.core.context import Backend
from backend.limits import limiter as limits
from backend.limits import rules
from backend.sessions.tables import CheckoutSession

WRONG = 3
"""How many right codes a wrong one counts as."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """What was counted. `new` is the number of new codes, `before` has the codes that were in
    use."""

    session_id: str
    profile: tuple[str, str]
    source: str
    new: int
    before: frozenset[str]


async def count(
    ctx: Backend, session: CheckoutSession, codes: Sequence[str], source: str
) -> Guesses:
    """Count the codes that are new as wrong guesses. TooManyRequests: the shop is not asked."""
    before = frozenset(session.content.order.discount_codes)
    profile = (session.account_id, session.profile_id)
    guesses = Guesses(session.id, profile, source, len({*codes} - before), before)
    if guesses.new:
        wrong = guesses.new * WRONG
        await limits.spend(ctx, rules.DISCOUNT_SESSION, session.id, count=wrong)
        await limits.spend_source(ctx, rules.DISCOUNT_SOURCE, source, *profile, count=wrong)
        await limits.spend(ctx, rules.DISCOUNT_PROFILE, *profile, count=wrong)
    return guesses


async def restore(ctx: Backend, guesses: Guesses, taken: Sequence[str]) -> Guesses:
    """Count the new codes that the shop has accepted as right guesses. Return the guesses that
    still count as wrong, so that none is restored twice."""
    right = min(len({*taken} - guesses.before), guesses.new)
    if right:
        back, source, profile = right * (WRONG - 1), guesses.source, guesses.profile
        await limits.restore(ctx, rules.DISCOUNT_SESSION, guesses.session_id, count=back)
        await limits.restore_source(ctx, rules.DISCOUNT_SOURCE, source, *profile, count=back)
        await limits.restore(ctx, rules.DISCOUNT_PROFILE, *profile, count=right * WRONG)
    return replace(guesses, new=guesses.new - right)
