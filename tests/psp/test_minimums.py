"""A provider refuses some amounts, by its published limits or by a merchant's agreement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.psp.minimums import SMALLEST
from backend.psp.protocol import Outcome
from backend.psp.registry import CREDENTIALS, minimum_of
from backend.rules.money import Money
from tests.psp.till import ProviderHarness


@pytest.fixture
def agreed(till: ProviderHarness) -> Iterator[ProviderHarness]:
    """Return a connector whose merchant agreed on at least 10.00 and at most 90.00."""
    till.provider.sandbox.admin("settings", minimum=1000, maximum=9000)
    yield till
    till.provider.sandbox.admin("settings", minimum=0, maximum=0)


def minimum(till: ProviderHarness) -> int:
    return till.connector.capabilities.minimums.get(till.provider.currency, SMALLEST)


async def test_the_published_minimum_is_the_connectors_and_the_registrys(
    till: ProviderHarness,
) -> None:
    assert minimum(till) == minimum_of(till.provider.option, till.provider.currency)
    money = Money(minimum(till), till.provider.currency)
    reference, _ = await till.created(amount=money)
    assert till.provider.asked(reference) == (till.provider.units(money), money.currency)


async def test_less_than_the_published_minimum_is_refused_for_the_amount(
    till: ProviderHarness,
) -> None:
    amount = minimum(till) - 1
    money = Money(amount, till.provider.currency)
    result = await till.connector.create_payment(till.provider.request(amount=money))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "amount")
    assert (result.reference, result.redirect_url) == (None, None)


@pytest.mark.parametrize("amount", [999, 9001])
async def test_what_was_agreed_on_is_refused_for_the_amount(
    agreed: ProviderHarness, amount: int
) -> None:
    money = Money(amount, agreed.provider.currency)
    result = await agreed.connector.create_payment(agreed.provider.request(amount=money))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "amount"), result
    assert (result.reference, result.redirect_url) == (None, None)


@pytest.mark.parametrize("amount", [1000, 9000])
async def test_what_was_agreed_on_is_taken(agreed: ProviderHarness, amount: int) -> None:
    money = Money(amount, agreed.provider.currency)
    reference, _ = await agreed.created(amount=money)
    assert agreed.provider.asked(reference) == (agreed.provider.units(money), money.currency)


def test_every_option_has_a_minimum() -> None:
    for option in CREDENTIALS:
        assert minimum_of(option, "NOK") >= SMALLEST
    card = {"NOK": 300, "SEK": 300, "DKK": 250, "EUR": 50, "GBP": 30, "USD": 50}
    assert {c: minimum_of("dintero_psp.creditcard", c) for c in card} == card
    assert minimum_of("payex.swish", "SEK") == minimum_of("swish.swish", "SEK") == 100
    assert minimum_of("bambora.mobilepay", "DKK") == minimum_of("vipps", "DKK") == 100
    assert minimum_of("klarna.klarna", "NOK") == SMALLEST
