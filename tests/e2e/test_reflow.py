"""The page in every width."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.demo import Merchant
from tests.support.orders import RICH
from tests.support.payer import Payer

NewPayer = Callable[..., Payer]


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_is_wider_than_the_window(
    new_payer: NewPayer, merchant: Merchant, width: int
) -> None:
    payer = new_payer(viewport={"width": width, "height": 800}, locale="en-GB")
    payer.open(merchant.session(1234567800, **RICH))
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    assert _overflow(payer) == 0
    payer.give_details()
    payer.add_card(merchant.card())
    assert _overflow(payer) == 0
    small = payer.page.evaluate(
        """[...document.querySelectorAll('button, input:not([type=hidden]), select, summary, a')]
        .filter(e => e.offsetParent)
        .map(e => [e.id || e.textContent, (e.closest('label') ?? e).getBoundingClientRect().height])
        .filter(([, height]) => height < 44)"""
    )
    assert small == [], "every target is at least 44 px high"


def _overflow(payer: Payer) -> int:
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found: int = payer.page.evaluate(script)
    return found
