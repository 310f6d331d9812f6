"""How a new session reaches its payer without a page of the shop: by a link in an SMS, or by a
push to a wallet's app.

Source: `docs/reference/dintero-api.md#gift-card-rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.rules.payment_option import may_push


class Way(StrEnum):
    SMS = "sms"
    PUSH = "push"
    NONE = "none"  # a terminal, which we cannot reach


def way_of(channel: str, kind: str, *, gift_card: bool) -> Way:
    """Return the way of one entry of `configuration.publish`, which names a `channel` (`sms` or
    `push`) and a `kind` (`checkout-link`, `app` or `terminal`). While a gift card can be used, a
    push becomes a link: the card comes first, and that is done on the page."""
    if kind == "terminal":
        return Way.NONE
    if channel == "sms" or gift_card:
        return Way.SMS
    return Way.PUSH if kind == "app" else Way.NONE


@dataclass(frozen=True, slots=True)
class PushFacts:
    """A session as a push needs it. Amounts in minor units; `minimums` by option."""

    amount: int
    details_done: bool
    offers_shipping: bool
    requires_consent: bool
    options: Iterable[str]
    minimums: Mapping[str, int]


def push_option(facts: PushFacts) -> str | None:
    """Return the option with which the payer is asked in an app; None if no push may be sent:
    something has to be chosen or accepted on the page first, or no option takes the amount."""
    ready = facts.details_done and not facts.offers_shipping and not facts.requires_consent
    if not ready or facts.amount <= 0:
        return None
    takers = (o for o in facts.options if facts.amount >= facts.minimums.get(o, 1))
    return next((o for o in takers if may_push(o, gift_card=False)), None)
