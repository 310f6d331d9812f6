"""The remaining total: the order less the gift card is what is left to pay."""

from __future__ import annotations

import reflex as rx

from checkout_ui.components.elements import words
from checkout_ui.presenters.seen import ORDER, TO_PAY
from checkout_ui.state.checkout import Checkout


def total(element_id: str = "total", *, seen: bool = True) -> rx.Component:
    """Return the sums. They may be shown a second time under another id. `seen`: they count as seen
    when Pay is pressed below them."""
    sums = Checkout.sums
    return rx.el.dl(
        rx.cond(
            Checkout.has_card,
            rx.fragment(
                rx.el.div(
                    rx.el.dt(words("total.order")),
                    rx.el.dd(
                        sums.order,
                        class_name="amount",
                        id=f"{element_id}-order",
                        custom_attrs=ORDER if seen else {},
                    ),
                ),
                rx.el.div(
                    rx.el.dt(words("total.card")),
                    rx.el.dd(sums.card, class_name="amount saved", id=f"{element_id}-card"),
                ),
            ),
        ),
        rx.el.div(
            rx.el.dt(words("total.to_pay")),
            rx.el.dd(
                sums.to_pay,
                class_name="amount",
                id=f"{element_id}-to-pay",
                custom_attrs=TO_PAY if seen else {},
            ),
            class_name="grand",
        ),
        class_name="sums total",
        id=element_id,
    )
