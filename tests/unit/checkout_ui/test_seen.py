"""The page itself tells what the payer saw."""

from __future__ import annotations

import pytest

from checkout_ui import texts
from checkout_ui.presenters import formats
from checkout_ui.presenters.seen import BETWEEN, minor_units


@pytest.mark.parametrize("language", texts.languages())
@pytest.mark.parametrize("currency", ["NOK", "EUR", "JPY", "ISK", "KWD"])
@pytest.mark.parametrize("amount", [0, 1, 99, 100, 40000, 123456789])
def test_an_amount_as_we_write_it(amount: int, currency: str, language: str) -> None:
    assert minor_units(formats.money(amount, currency, language)) == amount


@pytest.mark.parametrize(
    ("shown", "amount"),
    [
        ("NOK 400.00", 40000),
        ("400,00 крон", 40000),
        ("٤٠٠٫٠٠ كرونة", 40000),
        ("१,२३४.५६", 123456),
        (f"400,00 kr{BETWEEN}NOK 400.00", 40000),
        (f"400,00 kr{BETWEEN}500,00 kr", None),
        (f"400,00 kr{BETWEEN}", None),
        ("four hundred", None),
        ("", None),
        ("…", None),
        ("²³ kr", None),
        ("1" * 16, None),
        ("1" * 15, int("1" * 15)),
        ("4" + " " * 400, None),
        (None, None),
        (40000, None),
        (["40000"], None),
    ],
)
def test_an_amount_as_a_browser_may_show_it(shown: object, amount: int | None) -> None:
    assert minor_units(shown) == amount
