"""Limits apply to events of an open page as they do to API calls, and the page says so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer

LIMITS = {"events.session": "25/3000", "balance.source": "2/7200"}


@pytest.fixture(scope="module")
def narrow(
    built_frontend: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """Run the demo with an operator's own limits."""
    demo = Demo(repository, tmp_path_factory.mktemp("narrow"))
    os.environ["GAVEKORT_LIMITS"] = json.dumps(LIMITS)
    try:
        demo.start()
    finally:
        del os.environ["GAVEKORT_LIMITS"]
    yield demo
    demo.stop()


@pytest.fixture
def payer(browser: Browser, narrow: Demo) -> Iterator[Payer]:
    context = browser.new_context(locale="nb-NO")
    yield Payer(context, narrow.base_url)
    context.close()


@pytest.mark.e2e
def test_a_page_that_asks_too_often_says_when_to_try_again(payer: Payer, narrow: Demo) -> None:
    with Shop().running() as shop:
        merchant = Merchant(narrow, shop)
        session, other = merchant.session(), merchant.session()
        payer.open(session)
        said = payer.page.get_by_text("Det ble mye på kort tid. Prøv igjen om")
        for _ in range(25):
            payer["#details-save"].click()
            expect(payer["#email-error"].or_(said).first).to_be_visible()
            if said.count():
                break
        expect(payer["#notice"]).to_have_text("Det ble mye på kort tid. Prøv igjen om 2 minutter.")
        payer.focused("notice")
        # Nothing else has changed. Typed text stays, and another session continues.
        payer.page.fill("#email", "kari@example.no")
        payer["#details-save"].click()
        expect(payer["#notice"]).to_contain_text("Prøv igjen om")
        expect(payer["#email"]).to_have_value("kari@example.no")
        payer.open(other)
        payer["#details-save"].click()
        expect(payer["#email-error"]).to_be_visible()
        expect(said).to_have_count(0)
        merchant.http.close()


@pytest.mark.e2e
def test_balances_looked_up_without_end(payer: Payer, narrow: Demo) -> None:
    payer.page.goto(f"{narrow.base_url}/balance/{narrow.facts['account_id']}")
    for _ in range(3):
        payer.page.fill("#gift_card_number", "1234123412341234")
        payer.page.fill("#gift_card_pin", "1234")
        payer.page.locator("button[type=submit]").click()
        expect(payer.page.locator("button[type=submit]")).to_be_enabled()
    expect(payer["#gift_card_number-error"]).to_have_text(
        "Det ble mye på kort tid. Prøv igjen om 60 minutter."
    )
