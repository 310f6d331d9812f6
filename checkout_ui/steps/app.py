"""A payment that continues in an app, opened on this device, or by a QR code on another one."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import button, notice, words
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps.payment import PaymentState
from checkout_ui.steps.result import panel


def go_on() -> rx.Component:
    """Return the ways to the app. The style sheet shows the code first on a device with a mouse,
    and the button first on a touch device. The page continues automatically, because it follows the
    session (`Checkout.watch`)."""
    return panel(
        rx.el.span(class_name="spinner big", aria_hidden="true"),
        words("app.heading"),
        rx.el.p(Checkout.sums.to_pay, class_name="app-amount digits", id="app-amount"),
        rx.el.div(
            rx.el.p(words("app.scan"), class_name="app-scan"),
            rx.el.img(
                src=Checkout.app_qr,
                alt=words("app.code"),
                id="app-qr",
                class_name="qr",
            ),
            class_name="app-elsewhere",
        ),
        rx.el.a(
            words("app.open"),
            href=Checkout.provider_url,
            id="app-open",
            class_name="button app-open",
            target="_top",
        ),
        rx.el.p(words("app.lead"), class_name="muted small"),
        notice(),
        button(
            words("wait.change"),
            Checkout.busy == "ask",
            words("wait.changing"),
            type="button",
            id="wait-change",
            class_name="quiet",
            on_click=PaymentState.change,
            edits=False,
        ),
    )
