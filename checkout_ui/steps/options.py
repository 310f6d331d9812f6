"""The payment options that a payer chooses from, and the phone on which one can ask them."""

from __future__ import annotations

from typing import Any

import reflex as rx

from checkout_ui.components.elements import icon, problem, words
from checkout_ui.components.var_types import has, number_of
from checkout_ui.presenters.payment_options import Option
from checkout_ui.state.checkout import Checkout

PUSH, NUMBER = "push.", "push_number."
"""The names of two fields begin like this and end with the option's name: whether to ask the payer
on their phone, and the phone's number."""
MAX_NUMBER = 40
"""Characters of such a number."""


def options() -> rx.Component:
    """Return the options. Many of them would push the button out of sight, so some are one press
    away. They stay visible once one of them is chosen."""
    return rx.el.fieldset(
        rx.el.legend(words("pay.choose")),
        rx.foreach(
            Checkout.options, lambda option, place: _option(option, default_checked=place == 0)
        ),
        rx.cond(
            number_of(Checkout.more_options) > 0,
            rx.el.details(
                rx.el.summary(rx.el.span(Checkout.more_label), icon("chevron")),
                rx.el.div(rx.foreach(Checkout.more_options, _option), class_name="choices"),
                id="more-options",
                class_name="more",
            ),
        ),
        class_name="choices ways",
    )


def _option(option: Option, **props: Any) -> rx.Component:
    return rx.el.div(
        _choice(option, **props),
        rx.cond(option.pushes, _push(option)),
        class_name="choice-group",
        key=option.type,
    )


def _choice(option: Option, **props: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name="payment_product_type", value=option.type, **props),
        rx.el.span(
            rx.el.span(
                option.title,
                class_name="strong block",
                custom_attrs={"translate": rx.cond(option.is_name, "no", "yes")},
            ),
            rx.cond(option.note != "", rx.el.span(option.note, class_name="muted small block")),
        ),
        rx.el.span(rx.foreach(option.marks, _mark), class_name="marks"),
        rx.el.span(option.next, class_name="small next"),
        class_name="choice",
    )


def _push(option: Option) -> rx.Component:
    """Return a tick to be asked on the phone. It unfolds below the chosen option, and the number
    unfolds below the tick. CSS alone does it."""
    errors, tick, name = Checkout.errors, f"{PUSH}{option.type}", f"{NUMBER}{option.type}"
    error_id, hint_id = f"{name}-error", f"{name}-hint"
    return rx.el.div(
        rx.el.label(
            rx.el.input(type="checkbox", id=tick, name=tick),
            rx.el.span(words("push.tick")),
            class_name="check",
        ),
        rx.el.div(
            rx.el.label(words("push.number"), html_for=name),
            rx.el.input(
                type="tel",
                id=name,
                name=name,
                default_value=Checkout.contact.phone_number,
                input_mode="tel",
                auto_complete="tel",
                max_length=MAX_NUMBER,
                custom_attrs={
                    "aria-invalid": rx.cond(has(errors, name), "true", "false"),
                    "aria-describedby": rx.cond(has(errors, name), error_id, hint_id),
                },
            ),
            problem(errors, name, error_id),
            rx.el.p(words("push.hint"), id=hint_id, class_name="muted small"),
            class_name="field push-number",
        ),
        class_name="push",
    )


def _mark(address: str) -> rx.Component:
    """Return a provider's sign, drawn in assets/marks.svg. Its name is beside it."""
    return rx.el.svg(
        rx.el.svg.use(href=address),
        view_box="0 0 48 32",
        class_name="mark",
        custom_attrs={"aria-hidden": "true", "focusable": "false"},
        key=address,
    )
