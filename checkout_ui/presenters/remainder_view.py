"""What the page says if no payment option takes what is left to pay, or only some do.

Pure, as all presenters are.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.rules.remainder import Remainder, Verdict
from backend.sessions.view import CheckoutView, PageState
from checkout_ui import texts
from checkout_ui.presenters import formats, payment_options

_WHY = {
    Verdict.USE_LESS: "rest.use_less",
    Verdict.USE_ALL: "rest.use_all",
    Verdict.REMOVE_CARD: "rest.remove_card",
    Verdict.ORDER_TOO_SMALL: "rest.order_too_small",
}


@dataclass(frozen=True)
class Rest:
    """Texts. Each is empty if there is nothing to say."""

    why: str = ""
    """Why it cannot be paid as it is, and how to continue."""
    use_less: str = ""
    """The text of the button that uses a little less of the gift card."""
    use_all: str = ""
    """The text of the button that uses all of it."""
    unable: str = ""
    """Which options are left out, since they do not take so little."""


def rest(view: CheckoutView, language: str) -> Rest:
    judged = view.remainder
    if view.state is not PageState.OPEN:
        return Rest()
    if not judged.too_small:
        return Rest(unable=_unable(view, language) if judged.unable else "")

    def money(amount: int | None) -> str:
        return formats.money(amount or 0, view.currency, language)

    less = judged.verdict is Verdict.USE_LESS
    return Rest(
        why=why(view, judged, language),
        use_less=texts.text(language, "rest.use_less_button", amount=money(judged.usable))
        if less
        else "",
        use_all=texts.text(language, "used.all", amount=money(view.order_amount))
        if judged.covers and view.to_pay
        else "",
    )


def why(view: CheckoutView, judged: Remainder, language: str) -> str:
    """Return why `judged` cannot be paid, with the amounts; empty if it can."""
    if not judged.too_small:
        return ""
    key = _WHY[judged.verdict]
    if judged.verdict is Verdict.ORDER_TOO_SMALL and not view.gift_card_offered:
        key = "rest.order_too_small_alone"

    def money(amount: int | None) -> str:
        return formats.money(amount or 0, view.currency, language)

    return texts.text(
        language,
        key,
        order=money(view.order_amount),
        rest=money(judged.to_pay),
        minimum=money(judged.minimum),
    )


def _unable(view: CheckoutView, language: str) -> str:
    named = [
        texts.text(
            language,
            "rest.unable_option",
            option=payment_options.title(option.type, language),
            amount=formats.money(option.minimum, view.currency, language),
        )
        for option in view.options
        if not option.payable
    ]
    amount = formats.money(view.to_pay, view.currency, language)
    listed = ", ".join(dict.fromkeys(named))
    return texts.text(language, "rest.unable", amount=amount, options=listed)
