"""The page says in every language that too little is left to pay."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import pytest

from backend.rules.remainder import Sums, judge
from backend.sessions.view import CheckoutView, OptionView, PageState
from checkout_ui import texts
from checkout_ui.presenters import payment_options
from checkout_ui.presenters.remainder_view import Rest, rest

CARD, VIPPS = "dintero_psp.creditcard", "payex.vipps"


def view(
    order: int, part: int, maximum: int, minimums: dict[str, int], **more: Any
) -> CheckoutView:
    unknown: dict[str, Any] = {f.name: None for f in fields(CheckoutView) if f.default is MISSING}
    judged = judge(Sums(order, part, maximum), minimums)
    known = {
        "state": PageState.OPEN,
        "currency": "NOK",
        "order_amount": order,
        "to_pay": order - part,
        "gift_card_offered": True,
        "remainder": judged,
        "options": tuple(
            OptionView(option, minimum=minimum, payable=option in judged.able)
            for option, minimum in minimums.items()
        ),
    }
    return CheckoutView(**unknown | known | more)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_a_little_less_of_the_card() -> None:
    told = rest(view(10001, 10000, 10000, {CARD: 300}), "en")
    assert plain(told.why) == (
        "NOK 0.01 would be left to pay, which is less than the smallest amount that can be paid "
        "here, NOK 3.00. Use a little less of the gift card: what you do not use stays on it."
    )
    assert plain(told.use_less) == "Use NOK 97.01 of the gift card"
    assert (told.use_all, told.unable) == ("", "")


@pytest.mark.parametrize(("shown", "buttons", "amounts"), [
    (view(10001, 10000, 10000, {CARD: 300}), (True, False), ("0.01", "3.00")),
    (view(10000, 9999, 10000, {CARD: 300}), (True, True), ("0.01", "3.00")),
    (view(200, 100, 200, {CARD: 300}), (False, True), ("1.00", "3.00")),
    (view(300, 100, 100, {CARD: 300}), (False, False), ("2.00", "3.00")),
    (view(200, 100, 100, {CARD: 300}), (False, False), ("2.00", "3.00")),
    (view(200, 0, 0, {CARD: 300}, gift_card_offered=False), (False, False), ("2.00", "3.00")),
])  # fmt: skip
@pytest.mark.parametrize("language", texts.languages())
def test_every_verdict_says_why_in_every_language(
    shown: CheckoutView, buttons: tuple[bool, bool], amounts: tuple[str, str], language: str
) -> None:
    told = rest(shown, language)
    assert (bool(told.use_less), bool(told.use_all)) == buttons
    for amount in amounts:
        assert amount.replace(".", "") in "".join(sign for sign in told.why if sign.isdigit())
    assert "{" not in told.why + told.use_less + told.use_all


def test_an_option_that_does_not_take_so_little_is_named_and_not_offered() -> None:
    shown = view(250, 100, 100, {CARD: 300, VIPPS: 100})
    assert plain(rest(shown, "en").unable) == "Not possible for NOK 1.50: Card (from NOK 3.00)."
    offered = payment_options.shown(shown.options, "en")
    assert [option.type for option in offered["options"]] == [VIPPS]
    assert rest(shown, "en").why == ""


def test_nothing_is_said_of_what_can_be_paid_or_is_closed() -> None:
    assert rest(view(10000, 5000, 5000, {CARD: 300}), "en") == Rest()
    assert rest(view(200, 0, 0, {CARD: 300}, state=PageState.PAYING), "en") == Rest()
