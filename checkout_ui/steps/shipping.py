"""How the order is delivered: a choice of the shop's options."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import as_is, step, words
from checkout_ui.components.var_types import number_of, opposite
from checkout_ui.presenters.checkout_page import Shipping
from checkout_ui.state.checkout import Checkout
from checkout_ui.state.events import event_of
from checkout_ui.steps.details import DetailsState


def shipping() -> rx.Component:
    """Return the choice, if there is one. The order summary shows a single option."""
    return rx.cond(
        (number_of(Checkout.shipping_options) > 1)
        & (Checkout.details_done | opposite(Checkout.asks_details)),
        step(
            "shipping",
            words("shipping.heading"),
            rx.el.fieldset(
                rx.el.legend(words("shipping.heading"), class_name="sr-only"),
                rx.foreach(Checkout.shipping_options, _shipping_option),
                class_name="choices",
                disabled=Checkout.locked,
            ),
        ),
    )


def _shipping_option(option: Shipping) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="radio",
            name="shipping_option",
            value=option.key,
            default_checked=option.selected,
            on_change=lambda _value: event_of(DetailsState.choose_shipping, option.key),
            # Another tab may choose as well, and assets/checkout.js follows this value.
            custom_attrs={"data-checked": rx.cond(option.selected, "true", "false")},
        ),
        rx.el.span(
            as_is(option.title, class_name="strong block"),
            rx.cond(
                option.description != "",
                as_is(option.description, class_name="muted small block"),
            ),
        ),
        rx.el.span(option.amount, class_name="amount"),
        class_name="choice",
        key=option.key,
    )
