"""What is shown instead of the steps: the wait for a payment, and every way a session ends."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import button, icon, notice, words
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps.payment import PaymentState
from checkout_ui.steps.phone import followed_steps
from checkout_ui.steps.receipt import print_button, receipt


def waiting() -> rx.Component:
    """Return the wait for a payment. It continues automatically, because the page follows the
    session (`Checkout.watch`)."""
    at_provider = Checkout.provider_url != ""
    elsewhere = Checkout.handed_over & at_provider
    pushed = Checkout.push_heading != ""
    return panel(
        rx.cond(
            pushed,
            rx.el.span(icon("phone"), class_name="badge ringing"),
            rx.el.span(class_name="spinner big", aria_hidden="true"),
        ),
        rx.cond(
            pushed,
            Checkout.push_heading,
            rx.cond(elsewhere, words("phone.wait_heading"), words("wait.heading")),
        ),
        rx.el.p(
            rx.cond(
                pushed,
                Checkout.push_lead,
                rx.cond(
                    elsewhere,
                    words("phone.wait"),
                    rx.cond(at_provider, words("wait.at_provider"), words("wait.checking")),
                ),
            ),
            id="wait-lead",
        ),
        rx.cond(elsewhere, followed_steps()),
        notice(),
        rx.cond(
            at_provider,
            rx.el.a(
                rx.cond(elsewhere, words("phone.wait_here"), words("wait.continue")),
                href=Checkout.provider_url,
                id="wait-continue",
                class_name=rx.cond(elsewhere, "button secondary", "button primary"),
                target="_top",
            ),
        ),
        button(
            rx.cond(pushed, words("push.give_up"), words("wait.change")),
            Checkout.busy == "ask",
            rx.cond(pushed, words("push.giving_up"), words("wait.changing")),
            type="button",
            id="wait-change",
            class_name="quiet",
            on_click=PaymentState.change,
            edits=False,
        ),
    )


def paid() -> rx.Component:
    """Return the page of a paid session, with the receipt. If the payer leaves it at once for the
    shop, a later visit shows it."""
    return rx.el.div(
        panel(
            rx.el.span(icon("check"), class_name="badge good"),
            words("paid.heading"),
            rx.el.p(Checkout.paid_lead),
            rx.cond(
                Checkout.on_phone, rx.el.p(words("phone.done"), id="phone-done", class_name="muted")
            ),
            rx.cond(Checkout.receipt.heading == "", _reference()),
            rx.cond(Checkout.on_phone, _back("phone.to_shop", "secondary"), _back("paid.back")),
            print_button(),
        ),
        receipt(),
        class_name="paid",
    )


def on_hold() -> rx.Component:
    """Return the page of a payment that is on hold. The payer is done. The page continues
    automatically once it is decided (`Checkout.watch`)."""
    return panel(
        rx.el.span(icon("clock"), class_name="badge"),
        words("hold.heading"),
        rx.el.p(words("hold.lead")),
        _reference(),
        _back("paid.back"),
    )


def cancelled() -> rx.Component:
    return panel(
        rx.el.span(icon("cross"), class_name="badge"),
        words("cancelled.heading"),
        rx.el.p(words("cancelled.lead")),
        _back("end.back"),
    )


def expired() -> rx.Component:
    return panel(
        rx.el.span(icon("clock"), class_name="badge"),
        words("expired.heading"),
        rx.el.p(words("expired.lead")),
        _back("end.back"),
    )


def missing() -> rx.Component:
    return panel(
        rx.el.span(icon("alert"), class_name="badge"),
        words("missing.heading"),
        rx.el.p(words("missing.lead")),
    )


def panel(mark: rx.Component, heading: str, *children: rx.Component) -> rx.Component:
    return rx.el.section(
        mark,
        rx.el.h2(heading, id="result", tab_index=-1),
        *children,
        class_name="panel",
        custom_attrs={"aria-labelledby": "result"},
    )


def _reference() -> rx.Component:
    return rx.cond(
        Checkout.transaction_id != "",
        rx.el.p(
            rx.el.span(words("paid.reference") + ": "),
            rx.el.span(Checkout.transaction_id, class_name="digits"),
            class_name="muted small",
        ),
    )


def _back(key: str, class_name: str = "primary") -> rx.Component:
    return rx.cond(
        Checkout.leave_url != "",
        rx.el.a(
            words(key),
            href=Checkout.leave_url,
            id="back-to-shop",
            class_name=f"button {class_name}",
            target="_top",
        ),
    )
