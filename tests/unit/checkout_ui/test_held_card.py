"""The gift-card step describes a card that a payment left open elsewhere holds."""

from __future__ import annotations

import pytest

from checkout_ui import texts
from checkout_ui.presenters import card_view
from tests.unit.checkout_ui.test_card_view import plain, view


@pytest.mark.parametrize("language", texts.languages())
def test_every_language_says_what_holds_it(language: str) -> None:
    whole = card_view.card(
        view(to_pay=10000, amount=0, left=0, maximum=0, held=6000, reclaimable=True), language
    )
    assert whole.held == texts.text(language, "used.held")
    assert whole.reclaim == texts.text(language, "used.reclaim")
    assert whole.note == ""
    part = card_view.card(view(to_pay=6000, amount=4000, left=0, maximum=4000, held=6000), language)
    assert "60" in part.held and part.held != whole.held
    assert (part.reclaim, part.note) == ("", "")
    free = card_view.card(view(), language)
    assert (free.held, free.reclaim) == ("", "")


def test_in_english() -> None:
    part = card_view.card(view(to_pay=6000, amount=4000, left=0, maximum=4000, held=6000), "en")
    assert plain(part.held) == (
        "NOK 60.00 of the gift card is tied up in a payment left open elsewhere. "
        "It is used here automatically as soon as that payment has ended."
    )
