"""If no payment option takes what is left to pay: why, and one button to continue."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import button, words
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps.gift_card_amount import GiftCardAmountState


def too_little() -> rx.Component:
    rest = Checkout.rest
    return rx.el.div(
        rx.el.p(rest.why, id="pay-too-little-why"),
        rx.cond(
            rest.use_less != "",
            button(
                rest.use_less,
                Checkout.busy == "less",
                words("details.saving"),
                type="button",
                id="use-less",
                class_name="secondary",
                on_click=GiftCardAmountState.use_less,
            ),
        ),
        rx.cond(
            rest.use_all != "",
            button(
                rest.use_all,
                Checkout.busy == "all",
                words("details.saving"),
                type="button",
                id="use-all",
                class_name="quiet",
                on_click=GiftCardAmountState.use_all,
            ),
        ),
        id="pay-too-little",
        class_name="too-little",
        role="status",
    )


def unable() -> rx.Component:
    """Return which options are left out, if others take what is left."""
    rest = Checkout.rest
    return rx.cond(
        rest.unable != "", rx.el.p(rest.unable, id="pay-unable", class_name="muted small")
    )
