"""What the balance page shows, computed from the card's view. Pure, as all presenters are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from backend.payments.views.card_balance import BalanceView, CardState, HeldBy, HeldView
from backend.rules.gift_card import SOON
from checkout_ui import texts
from checkout_ui.presenters import formats

_NOTES = {
    CardState.EXPIRED: "balance.expired",
    CardState.NOT_ACTIVE_YET: "balance.not_active_yet",
    CardState.INACTIVE: "balance.inactive",
}
_HELD = {
    HeldBy.PAYMENT: "balance.held_payment",
    HeldBy.ORDER: "balance.held_order",
    HeldBy.SHOP: "balance.held_shop",
}
_KINDS = {
    "loaded": "balance.loaded",
    "paid": "balance.paid",
    "refunded": "balance.refunded",
    "moved": "balance.moved",
}


@dataclass(frozen=True)
class Card:
    """Amounts as they are written. A text is empty if there is nothing to show."""

    masked: str = ""
    spoken: str = ""
    """The same text for a screen reader."""
    available: str = ""
    """How much can be used to pay now."""
    balance: str = ""
    """The balance including what is held. Empty if nothing is held."""
    held: str = ""
    expires: str = ""
    note: str = ""
    as_of: str = ""


@dataclass(frozen=True)
class Held:
    key: str
    amount: str
    why: str


@dataclass(frozen=True)
class Movement:
    key: str
    at: str
    kind: str
    amount: str


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    href: str
    current: bool


def languages(query: str, current: str) -> list[Language]:
    """Return links to this page in each language. `query` is the address's own query, which is
    kept."""
    kept = [(name, value) for name, value in parse_qsl(query) if name != "language"]
    found = [
        Language(
            code=code,
            name=texts.catalogue(code)["_name"],
            href="?" + urlencode([*kept, ("language", code)]),
            current=code == current,
        )
        for code in texts.languages()
    ]
    return sorted(found, key=lambda one: one.name.casefold())


def card(view: BalanceView, language: str, now: datetime) -> Card:
    def money(amount: int) -> str:
        return formats.money(amount, view.currency, language)

    def text(key: str, **values: str) -> str:
        return texts.text(language, key, **values)

    until = formats.date(view.expires_at.isoformat(), language) if view.expires_at else ""
    digits = view.masked_number[-4:]
    common = {
        "masked": view.masked_number,
        "spoken": text("card.ending", digits=digits),
        "note": _note(view, language, now),
        "as_of": text("balance.as_of", date=formats.date(now.isoformat(), language)),
    }
    if not view.currency:
        return Card(**common)
    usable = view.available if view.state is CardState.GOOD else 0
    held = view.balance - view.available
    return Card(
        **common,
        available=money(usable),
        balance=money(view.balance) if view.balance != usable else "",
        held=money(held) if held else "",
        expires=text("card.expires", date=until) if until else text("balance.no_end"),
    )


def _note(view: BalanceView, language: str, now: datetime) -> str:
    ends, begins = view.expires_at, view.active_from
    known = begins if view.state is CardState.NOT_ACTIVE_YET else ends
    date = formats.date(known.isoformat(), language) if known else ""
    if key := _NOTES.get(view.state):
        return texts.text(language, key, date=date)
    if view.balance == 0:
        return texts.text(language, "balance.empty")
    if ends is not None and ends - now < SOON:
        return texts.text(language, "balance.soon", date=date)
    return ""


def holds(view: BalanceView, language: str, now: datetime) -> list[Held]:
    return [
        Held(
            key=str(place),
            amount=formats.money(held.amount, view.currency, language),
            why=_why(held, language, now),
        )
        for place, held in enumerate(view.held)
    ]


def _why(held: HeldView, language: str, now: datetime) -> str:
    """Return how long ago it began and how long it may last. These are no clock times, because the
    payer may be in another time zone."""
    since = formats.ago(held.since - now, language)
    if held.by is HeldBy.PAYMENT and held.until is None:
        return texts.text(language, "balance.held_unknown", since=since)
    until = formats.ago(held.until - now, language) if held.until is not None else ""
    return texts.text(language, _HELD[held.by], since=since, until=until)


def movements(view: BalanceView, language: str) -> list[Movement]:
    known = texts.catalogue(language)
    return [
        Movement(
            key=str(place),
            at=formats.date(moved.at.isoformat(), language),
            kind=known[_KINDS[moved.kind]],
            amount=("+" if moved.amount > 0 else "")
            + formats.money(moved.amount, view.currency, language),
        )
        for place, moved in enumerate(view.movements)
    ]
