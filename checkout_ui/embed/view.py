"""The elements on the page for the one that embeds it: the two ends of the script's line, and what
the frame shows while the payer pays in a window of its own (pop-out)."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import icon, words
from checkout_ui.components.var_types import as_text
from checkout_ui.embed.state import EmbedState
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps.total import total


def line() -> rx.Component:
    """Return the line. `data-out` has what is posted, and the form takes what comes in
    (`docs/reference/reflex.md#security`: no eval). The session's `version` tells the script that
    something has changed."""
    return rx.el.form(
        rx.el.input(type="hidden", name="message"),
        id="embed",
        method="post",
        hidden=True,
        on_submit=EmbedState.hear,
        custom_attrs={
            "data-out": EmbedState.outbox,
            "data-version": as_text(Checkout.version),
            "data-locked": rx.cond(Checkout.locked | (Checkout.busy != ""), "true", "false"),
        },
    )


def launcher() -> rx.Component:
    """Return what is shown instead of the steps, if the host wants the payment in a window of its
    own. The host's script draws the button on `#pop-out-place`, which has its size and its look."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(words("embed.heading"), id="pop-out-heading", tab_index=-1),
            class_name="step-head",
        ),
        total(element_id="pop-out-total", seen=False),
        rx.el.p(words("embed.lead"), class_name="muted"),
        rx.el.div(
            words("embed.open"),
            id="pop-out-place",
            class_name="button primary",
            aria_hidden="true",
            custom_attrs={
                "data-open": words("embed.open"),
                "data-focus": words("embed.focus"),
                "data-close": words("embed.close"),
                "data-description": words("embed.description"),
            },
        ),
        # The script writes the text: one of these, or what the host answered.
        rx.el.p(
            id="pop-out-status",
            role="status",
            class_name="pop-out-status",
            custom_attrs={
                "data-opened": words("embed.opened"),
                "data-validating": words("embed.validating"),
                "data-blocked": words("embed.blocked"),
                "data-refused": words("embed.refused"),
                "data-closed": words("embed.closed"),
            },
        ),
        rx.el.a(
            icon("lock"),
            rx.el.span(words("embed.own_page")),
            id="pop-out-own-page",
            href="?",
            target="_top",
            class_name="button secondary",
            hidden=True,
        ),
        class_name="step launcher",
        custom_attrs={"aria-labelledby": "pop-out-heading"},
    )
