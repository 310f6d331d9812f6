"""The order: folded on a phone, open beside the steps if there is room."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import as_is, icon, words
from checkout_ui.presenters.checkout_page import Line
from checkout_ui.presenters.seen import ORDER
from checkout_ui.state.checkout import Checkout


def order_summary() -> rx.Component:
    """Return the summary. The total is in the served HTML (`hosted_page`), so its warning is
    suppressed."""
    return rx.el.aside(
        rx.el.details(
            rx.el.summary(
                rx.el.span(
                    rx.el.span(
                        words("order.heading"),
                        id="first-order",
                        class_name="summary-title block",
                        custom_attrs={"suppressHydrationWarning": True},
                    ),
                    rx.cond(
                        Checkout.items != "",
                        rx.el.span(Checkout.items, class_name="muted small block"),
                    ),
                ),
                icon("chevron"),
                rx.el.span(
                    Checkout.sums.order,
                    id="first-total",
                    class_name="amount summary-total",
                    custom_attrs={**ORDER, "suppressHydrationWarning": True},
                ),
            ),
            rx.el.ul(rx.foreach(Checkout.lines, _line), class_name="lines"),
            _sums(),
            id="order-details",
        ),
        id="order",
        class_name="order",
        custom_attrs={"aria-label": words("order.heading")},
    )


def _line(line: Line) -> rx.Component:
    return rx.el.li(
        rx.cond(
            line.thumbnail != "",
            rx.el.img(
                src=line.thumbnail,
                # The description is beside it.
                alt="",
                loading="lazy",
                decoding="async",
                referrer_policy="no-referrer",
                class_name="thumbnail",
            ),
        ),
        rx.el.span(
            as_is(line.description),
            rx.cond(line.quantity != "", as_is(" × " + line.quantity, class_name="quantity")),
            rx.cond(line.vat != "", rx.el.span(line.vat, class_name="muted small block")),
        ),
        rx.el.span(line.amount, class_name="amount"),
        key=line.key,
    )


def _sums() -> rx.Component:
    sums = Checkout.sums
    return rx.el.dl(
        rx.cond(
            sums.shipping != "",
            rx.el.div(
                rx.el.dt(
                    rx.el.span(words("order.shipping")),
                    rx.cond(
                        sums.shipping_title != "",
                        as_is(sums.shipping_title, class_name="muted small block"),
                    ),
                ),
                rx.el.dd(sums.shipping, class_name="amount"),
            ),
        ),
        rx.el.div(
            rx.el.dt(words("order.total")),
            rx.el.dd(
                sums.order,
                class_name="amount",
                # A browser may have translated it before React looks at it.
                custom_attrs={**ORDER, "suppressHydrationWarning": True},
            ),
            class_name="grand",
        ),
        rx.cond(
            sums.vat != "",
            rx.el.div(
                rx.el.dt(words("order.vat")),
                rx.el.dd(sums.vat, class_name="amount"),
                class_name="muted small",
            ),
        ),
        class_name="sums",
    )
