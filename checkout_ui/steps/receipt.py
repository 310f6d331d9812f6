"""The receipt of a paid session: the words of the e-mail, and one page of paper when it is
printed."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.receipts.written import Row
from checkout_ui.components.elements import AS_IS, icon, words
from checkout_ui.state.checkout import Checkout


def receipt() -> rx.Component:
    r = Checkout.receipt
    return rx.cond(
        r.heading != "",
        rx.el.article(
            rx.cond(
                r.became != "",
                rx.el.p(icon("alert"), rx.el.span(r.became), id="receipt-became", class_name="tag"),
            ),
            rx.cond(r.test != "", rx.el.p(r.test, class_name="tag warn on-paper")),
            rx.el.p(r.merchant, class_name="on-paper merchant"),
            rx.el.h2(r.heading, id="receipt-heading"),
            rx.el.dl(rx.foreach(r.facts, _fact), class_name="facts"),
            rx.el.h3(r.lines_heading),
            rx.el.dl(
                rx.foreach(r.lines, _line),
                rx.foreach(r.sums, _amount),
                _sum(r.total, "grand"),
                rx.cond(
                    r.vat != "",
                    rx.el.div(
                        rx.el.dt(r.vat),
                        rx.el.dd(r.vat_amount, class_name="amount"),
                        class_name="muted small",
                    ),
                ),
                class_name="sums ruled",
            ),
            rx.el.h3(r.paid_heading),
            rx.el.dl(
                rx.foreach(r.paid, _amount),
                rx.cond(r.left.label != "", _sum(r.left, "left")),
                class_name="sums ruled",
            ),
            id="receipt",
            class_name="receipt",
            custom_attrs={"aria-labelledby": "receipt-heading"},
        ),
    )


def print_button() -> rx.Component:
    """Return the button. assets/checkout.js prints, because the page's own script would need a
    policy that allows `eval`."""
    return rx.cond(
        Checkout.receipt.heading != "",
        rx.el.button(
            words("receipt.print"),
            type="button",
            id="receipt-print",
            class_name="secondary",
            custom_attrs={"data-print": "yes"},
        ),
    )


def _fact(row: Row) -> rx.Component:
    return rx.el.div(rx.el.dt(row.label), rx.el.dd(row.value), key=row.label)


def _line(row: Row, place: int) -> rx.Component:
    """Return a line. What was bought has the shop's own name."""
    return rx.el.div(*_label_and_value(row, custom_attrs=AS_IS), key=place)


def _amount(row: Row, place: int) -> rx.Component:
    return rx.el.div(*_label_and_value(row), key=place)


def _sum(row: Row, class_name: str) -> rx.Component:
    return rx.el.div(*_label_and_value(row), class_name=class_name)


def _label_and_value(row: Row, **props: Any) -> tuple[rx.Component, rx.Component]:
    return (
        rx.el.dt(
            rx.cond(
                row.spoken != "",
                rx.fragment(
                    rx.el.span(row.label, custom_attrs={"aria-hidden": "true"}),
                    rx.el.span(row.spoken, class_name="sr-only"),
                ),
                rx.el.span(row.label),
            ),
            rx.cond(row.note != "", rx.el.span(row.note, class_name="muted small block")),
            **props,
        ),
        rx.el.dd(row.value, class_name="amount"),
    )
