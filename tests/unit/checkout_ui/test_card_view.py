"""The gift-card step and the balance page have their texts in every language."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.payments.views.card_balance import (
    BalanceView,
    CardState,
    HeldBy,
    HeldView,
    MovementView,
)
from backend.sessions.view import CheckoutView, GiftCardView
from checkout_ui import texts
from checkout_ui.balance import shown as balance
from checkout_ui.presenters import card_view

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LANGUAGES = texts.languages()
GIFT = GiftCardView(
    masked_number="•••• •••• •••• 1234",
    amount=10000,
    left=5000,
    preset=False,
    expires_at=None,
    maximum=10000,
    wanted=None,
    ending=None,
    adjustable=True,
)


def view(to_pay: int = 0, order: int = 10000, **card: Any) -> CheckoutView:
    """Return a view with only what the step reads."""
    unknown: dict[str, Any] = {f.name: None for f in fields(CheckoutView) if f.default is MISSING}
    known = {"currency": "NOK", "order_amount": order, "to_pay": to_pay}
    return CheckoutView(**unknown | known | {"gift_card": replace(GIFT, **card)})


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("shown", "note"),
    [
        (view(), ""),
        (view(to_pay=1000, order=16000, amount=15000, left=0, maximum=15000),
         "The gift card does not cover the whole order. You pay the remaining NOK 10.00 below."),
        (view(to_pay=9000, amount=1000, wanted=1000), "You pay the remaining NOK 90.00 below."),
        (view(to_pay=9000, amount=1000, maximum=1000, wanted=7000),
         "You chose NOK 70.00, but only NOK 10.00 of it can be used now."),
        (view(to_pay=10000, amount=0, maximum=0),
         "This gift card can no longer pay. Remove it to pay another way."),
        (view(order=0, amount=0, maximum=0), ""),
    ],
)  # fmt: skip
def test_the_note(shown: CheckoutView, note: str) -> None:
    assert plain(card_view.card(shown, "en").note) == note
    for language in LANGUAGES:
        assert bool(card_view.card(shown, language).note) is bool(note)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sums_and_the_last_day(language: str) -> None:
    ends = "2026-12-05T12:00:00Z"
    for kind in ("soon", "before_refund"):
        card = card_view.card(view(expires_at=ends, ending=kind), language)
        assert card.ending and card.expires and "2026" in card.ending
    card = card_view.card(view(amount=12345, left=5), language)
    written = [plain(text) for text in (card.pays, card.left, card.now)]
    digits = ["".join(sign for sign in text if sign.isdigit()) for text in written]
    assert digits == ["12345", "005", "12350"]
    assert plain(card.pays) in plain(card.use) and plain(card.now) in plain(card.use)


HELD = (
    HeldView(3000, HeldBy.PAYMENT, NOW - timedelta(minutes=5), NOW + timedelta(minutes=25)),
    HeldView(200, HeldBy.PAYMENT, NOW - timedelta(hours=2), None),
    HeldView(50, HeldBy.ORDER, NOW - timedelta(days=3), None),
    HeldView(7, HeldBy.SHOP, NOW - timedelta(days=40), None),
)
MOVED = (
    MovementView(NOW, "refunded", 100),
    MovementView(NOW - timedelta(days=1), "paid", -5000),
    MovementView(NOW - timedelta(days=2), "loaded", 13157),
)
CARD = BalanceView(
    masked_number="•••• •••• •••• 1234",
    state=CardState.GOOD,
    currency="NOK",
    available=5000,
    held=HELD,
    active_from=None,
    expires_at=None,
    movements=MOVED,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_balance_page(language: str) -> None:
    card = balance.card(CARD, language, NOW)
    assert CARD.balance == 8257 == sum(moved.amount for moved in MOVED)
    assert card.note == "" and card.balance and card.held
    holds = balance.holds(CARD, language, NOW)
    assert len({held.why for held in holds}) == 4 and all(held.why for held in holds)
    moved = balance.movements(CARD, language)
    assert [m.amount[0] for m in moved[::2]] == ["+", "+"] and "\u2212" in moved[1].amount
    assert len({m.kind for m in moved}) == 3


def test_how_long_ago_and_how_long_yet() -> None:
    english = [plain(held.why) for held in balance.holds(CARD, "en", NOW)]
    assert "begun 5 minutes ago" in english[0] and "back in 25 minutes" in english[0]
    assert "begun 2 hours ago" in english[1]
    assert "placed 3 days ago" in english[2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_that_cannot_pay_has_nothing_available(language: str) -> None:
    ended = replace(CARD, state=CardState.EXPIRED, expires_at=NOW - timedelta(days=1))
    card = balance.card(ended, language, NOW)
    assert "".join(sign for sign in card.available if sign.isdigit()) == "000"
    assert "8257" in "".join(sign for sign in card.balance if sign.isdigit())
    assert "2026" in card.note
    later = replace(CARD, state=CardState.NOT_ACTIVE_YET, active_from=NOW + timedelta(days=9))
    assert "2026" in balance.card(later, language, NOW).note
    inactive = replace(CARD, state=CardState.INACTIVE, currency="", held=(), movements=())
    card = balance.card(inactive, language, NOW)
    assert (card.available, card.balance, card.held) == ("", "", "") and card.note
    soon = replace(CARD, expires_at=NOW + timedelta(days=3))
    assert "2026" in balance.card(soon, language, NOW).note
    empty = replace(CARD, available=0, held=())
    assert balance.card(empty, language, NOW).note
