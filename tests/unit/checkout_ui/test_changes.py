"""The page tells the payer how somebody else has changed the order."""

from __future__ import annotations

from dataclasses import replace

from checkout_ui.presenters import changes
from checkout_ui.presenters.checkout_page import Line, Shipping
from checkout_ui.presenters.payment_options import Option

LINE = Line("0-1", "Ullpledd", "2", "400,00 kr", "25 % mva.", "")
HOME = Shipping("0:home", "Hjem", "", "99,00 kr", True)
SHOP = Shipping("1:shop", "Butikk", "", "Gratis", False)
CARD, KLARNA = (Option(name, name, "", "", []) for name in ("a.creditcard", "klarna.klarna"))

ORDER = changes.order("499,00 kr", [LINE], "Hjem 99,00 kr", [HOME, SHOP], [CARD, KLARNA])


def test_nothing_is_said_where_nothing_is_another() -> None:
    assert changes.told(ORDER, replace(ORDER), "nb") == ""


def test_old_and_new_total_and_what_has_changed() -> None:
    other = replace(ORDER, total="599,00 kr", lines=(LINE, LINE))
    assert changes.told(ORDER, other, "nb") == (
        "Bestillingen din er endret: Summen var 499,00 kr og er nå 599,00 kr."
        " Varene er ikke de samme som før."
    )
    assert changes.told(ORDER, replace(ORDER, total="599,00 kr"), "en") == (
        "Your order has changed: the total was 499,00 kr and is now 599,00 kr."
    )


def test_the_same_total_with_other_parts() -> None:
    delivery = replace(ORDER, choices=ORDER.choices[:1])
    assert changes.told(ORDER, delivery, "en") == (
        "Your order has changed. The total is still 499,00 kr."
        " The delivery is not the same as before."
    )
    options = replace(ORDER, options=("a.creditcard",))
    assert "The ways to pay" in changes.told(ORDER, options, "en")


def test_what_the_payer_did_in_another_tab_is_no_change_of_the_order() -> None:
    """A card that covers everything leaves no options. The first address adds delivery."""
    assert changes.told(ORDER, replace(ORDER, options=()), "en") == ""
    assert changes.told(replace(ORDER, options=()), ORDER, "en") == ""
    bare = changes.order("400,00 kr", [LINE], "", [], [CARD])
    first = replace(bare, choices=ORDER.choices)
    assert changes.told(bare, first, "en") == ""
