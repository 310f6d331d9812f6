"""How often anybody may ask for anything: one table, which docs/limits.md shows.

A rule lets `amount` through at once, and gives that amount back evenly over `window` seconds: who
keeps below `amount` in each `window` is never refused. The defaults are wide where many honest
callers share a key, since a whole town can be behind one address. They are narrow where a key
belongs to one payer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Kept(StrEnum):
    """Where a rule's counts are kept."""

    FAST = "fast"
    """In Redis if there is one, else in the process. While Redis does not answer, each process
    counts alone and allows the whole amount."""
    EXACT = "exact"
    """In the database: exact over all processes and restarts, even if Redis was emptied."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` is stable: settings and metrics use it. `what` and `key` are for the docs. A rule
    whose key has a source counts IPv6 by /64, and by wider networks with wider amounts.
    `answer` says what the caller gets."""

    name: str
    what: str
    key: str
    amount: int
    window: int
    kept: Kept = Kept.FAST
    answer: str = "429"


MINUTE, HOUR, DAY = 60, 3600, 86400
LARGEST = 1_000_000_000
"""The largest amount, or number of seconds (31 years), that a setting may have."""

WIDER = (1, 4, 16)
"""How many times the amount a /64, a /56 and a /48 have."""

_UNSENT = "429 to a payer; a link that the shop publishes is `failed`, a receipt is not sent"

TOKEN_SOURCE = Rule("token.source", "access tokens asked for", "source", 1200, MINUTE)
TOKEN_CLIENT = Rule("token.client", "access tokens given", "client", 1200, MINUTE)
TOKEN_WRONG = Rule(
    "token.wrong", "wrong client credentials", "source and client id", 100, 10 * MINUTE
)
TOKEN_WRONG_SOURCE = Rule(
    "token.wrong_source", "wrong client credentials", "source", 500, 10 * MINUTE
)
MERCHANT = Rule("merchant.client", "calls of the merchant API", "client", 30000, MINUTE)
CUSTOMER = Rule(
    "merchant.customer", "calls with a customer's own token", "account and customer", 300, MINUTE
)
SESSIONS = Rule("sessions.client", "sessions created", "client", 6000, MINUTE)
STRANGERS = Rule(
    "merchant.unknown", "calls of the merchant API without a valid token", "source", 1200, MINUTE
)
PAYER_SOURCE = Rule("payer.source", "calls of the payer's API", "source", 3000, MINUTE)
PAYER_SESSION = Rule(
    "payer.session", "calls of the payer's API that only read", "session", 600, MINUTE
)
PAYER_CHANGES = Rule("payer.changes", "calls of the payer's API that change", "session", 90, MINUTE)
EVENTS_SOURCE = Rule(
    "events.source", "events of the page", "source", 6000, MINUTE, answer="a sentence on the page"
)
EVENTS_SESSION = Rule(
    "events.session", "events of the page", "session", 300, MINUTE, answer="a sentence on the page"
)
PAGES = Rule(
    "pages.source",
    "pages: checkout, balance, forms without JavaScript, links to a phone",
    "source",
    1200,
    MINUTE,
    answer="429, a page that says when",
)
BALANCE = Rule(
    "balance.source",
    "balances looked up, besides the budgets of PINs",
    "source and account",
    120,
    10 * MINUTE,
    answer="a sentence on the page",
)
DOCUMENTS = Rule("documents.source", "`/docs` and `/openapi.json`", "source", 240, MINUTE)
IMAGES = Rule("branding.source", "images of ways to pay", "source", 600, MINUTE)
DISCOUNT_SESSION = Rule(
    "discount.session",
    "discount codes tried; a wrong one counts as three",
    "session",
    30,
    HOUR,
    Kept.EXACT,
)
DISCOUNT_SOURCE = Rule(
    "discount.source",
    "discount codes tried; a wrong one counts as three",
    "source and profile",
    180,
    HOUR,
    Kept.EXACT,
)
DISCOUNT_PROFILE = Rule(
    "discount.profile",
    "wrong discount codes; each counts as three",
    "profile",
    6000,
    HOUR,
    Kept.EXACT,
)
SMS_PHONE = Rule(
    "sms.phone",
    "messages to one phone",
    "phone number",
    6,
    15 * MINUTE,
    Kept.EXACT,
    _UNSENT,
)
SMS_PHONE_DAY = Rule(
    "sms.phone_day",
    "messages to one phone in a day",
    "phone number",
    15,
    DAY,
    Kept.EXACT,
    _UNSENT,
)
SMS_SOURCE = Rule("sms.source", "messages that a payer asks for", "source", 60, HOUR, Kept.EXACT)
SMS_COUNTRY = Rule(
    "sms.country",
    "messages to a country that is not that of the order's currency",
    "account and country",
    300,
    DAY,
    Kept.EXACT,
    _UNSENT,
)
SMS_MERCHANT = Rule(
    "sms.merchant",
    "messages in all",
    "account",
    20000,
    DAY,
    Kept.EXACT,
    _UNSENT,
)
MAIL_ADDRESS = Rule(
    "mail.address",
    "receipts by e-mail",
    "e-mail address",
    30,
    DAY,
    Kept.EXACT,
    "the receipt is not sent",
)
MAIL_MERCHANT = Rule(
    "mail.merchant",
    "receipts by e-mail in all",
    "account",
    50000,
    DAY,
    Kept.EXACT,
    "the receipt is not sent",
)
HANDOVER = Rule(
    "handover.session",
    "links to continue on a phone",
    "session",
    30,
    10 * MINUTE,
    answer="a sentence on the page",
)
HOOK_TESTS = Rule(
    "hooks.account",
    "webhooks: subscriptions made or changed, pings, redeliveries",
    "account",
    300,
    MINUTE,
)
NOTIFIED = Rule(
    "notifications.payment",
    "reads that a provider's notifications start",
    "payment",
    30,
    MINUTE,
    answer="429; the provider tells again, and the payment is read anyway",
)
NOTIFICATIONS_WRONG = Rule(
    "notifications.wrong",
    "notifications with a wrong signature; those with a right one never count here",
    "source",
    300,
    MINUTE,
)
RETURNS = Rule(
    "returns.session",
    "returns from a provider's page",
    "session",
    60,
    MINUTE,
    answer="302 to the session's page, which follows the payment",
)

RULES: tuple[Rule, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Rule)
)
"""All rules, in the order of the documentation."""


def overridden(settings: Mapping[str, str]) -> dict[str, Rule]:
    """Return the rules as settings change them, by name or by `name:key`.

    The values have the form `amount/window`, the window in seconds. `name:key` is for one key
    alone, for example `sessions.client:{client_id}`. ValueError for a name or value that is wrong.
    """
    known = {rule.name: rule for rule in RULES}
    changed = dict(known)
    for name, value in settings.items():
        rule = known.get(name.partition(":")[0])
        if rule is None:
            raise ValueError(f"there is no limit {name.partition(':')[0]!r}")
        amount, slash, window = value.partition("/")
        digits = amount.isascii() and amount.isdigit() and window.isascii() and window.isdigit()
        short = max(len(amount), len(window)) <= len(str(LARGEST))
        if not slash or not digits or not short or int(amount) < 1 or int(window) < 1:
            raise ValueError(f"{name} must be amount/seconds, for example 600/60")
        if max(int(amount), int(window)) > LARGEST:
            raise ValueError(f"{name} must have numbers of at most {LARGEST}")
        changed[name] = replace(rule, amount=int(amount), window=int(window))
    return changed
