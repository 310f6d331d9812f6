"""Small elements that several steps use. They are plain HTML, without a component library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from checkout_ui.components.var_types import has
from checkout_ui.state.checkout import Checkout

_ICONS = {
    "lock": "M7 10V7a5 5 0 0 1 10 0v3m-11 0h12v10H6z",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "chevron": "M6 9l6 6 6-6",
    "card": "M3 6.5h18v11H3zM3 10h18M6.5 14.5h4",
    "gift": "M4 11h16v9H4zM3 7h18v4H3zM12 7v13M12 7c-2-4-6-4-6-1.5S9 7 12 7zm0 0c2-4 6-4 6-1.5S15 7 12 7z",  # noqa: E501
    "phone": "M8 3h8v18H8zM11 18h2",
    "invoice": "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
    "alert": "M12 4l9 16H3zM12 10v4.5M12 17v.5",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
    "globe": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18",
    "cross": "M6 6l12 12M18 6L6 18",
    "scan": "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M8 8v8M12 8v8M16 8v8",
}

LONGEST_TYPED, LONGEST_PIN = 200, 100
"""How many characters a field takes. A longer text would be refused where it arrives, and the payer
would not be told. So the browser takes no more."""


def words(key: str) -> str:
    """Return the text of a catalogue key, in the payer's language."""
    return Checkout.t[key]


AS_IS = {"translate": "no"}
"""The attribute of elements that no browser may translate: names, numbers, addresses, codes and the
shop's own words. Elements with a class of `own_texts.NUMBERS` get it automatically."""


def as_is(text: str, **props: Any) -> rx.Component:
    """Return a text that no browser may translate."""
    return rx.el.span(text, custom_attrs={**AS_IS, **props.pop("custom_attrs", {})}, **props)


def icon(name: str) -> rx.Component:
    return rx.el.svg(
        rx.el.path(d=_ICONS[name]),
        view_box="0 0 24 24",
        class_name=f"icon icon-{name}",
        custom_attrs={"aria-hidden": "true", "focusable": "false"},
    )


def step(
    element_id: str,
    heading: str,
    *children: rx.Component,
    aside: rx.Component | None = None,
    class_name: str = "",
) -> rx.Component:
    """Return a section with its heading, and maybe something beside the heading."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(heading, id=f"{element_id}-heading", tab_index=-1),
            *([aside] if aside is not None else []),
            class_name="step-head",
        ),
        *children,
        id=element_id,
        class_name=f"step {class_name}".strip(),
        custom_attrs={"aria-labelledby": f"{element_id}-heading"},
    )


@dataclass(frozen=True, slots=True)
class Control:
    """What a field is made of: an input, or a select of `choices`, which is HTML.

    `required` is said to screen readers; what is optional says so in its label. Without
    `error_beneath` the caller places `problem(errors, name, f"{field_id(name)}-error")`.
    """

    choices: str | None = None
    required: bool = True
    error_beneath: bool = True


def field(
    name: str,
    label: str,
    errors: dict[str, str],
    *,
    value: str | None = None,
    class_name: str = "",
    control: Control = Control(),  # it is frozen
    **props: Any,
) -> rx.Component:
    """A labelled, uncontrolled control with its error beneath.

    What the payer types is never in the state: `value` is only what the field begins with. The
    browser takes no more than LONGEST_TYPED characters, unless `max_length` says otherwise.
    """
    element_id = field_id(name)
    error_id = f"{element_id}-error"
    attributes = {
        "aria-invalid": rx.cond(has(errors, name), "true", "false"),
        "aria-describedby": rx.cond(has(errors, name), error_id, ""),
        **({"aria-required": "true"} if control.required else {}),
        **props.pop("custom_attrs", {}),
    }
    common = {"id": element_id, "name": name, "custom_attrs": attributes, **props}
    if value is not None:
        common["default_value"] = value
    drawn = (
        rx.el.input(**{"type": "text", "max_length": LONGEST_TYPED, **common})
        if control.choices is None
        else _select(control.choices, common)
    )
    return rx.el.div(
        rx.el.label(label, html_for=element_id),
        drawn,
        *([problem(errors, name, error_id)] if control.error_beneath else []),
        class_name=f"field {class_name}".strip(),
    )


def _select(choices: str, props: dict[str, Any]) -> rx.Component:
    """Return a select. If its choices are replaced, assets/checkout.js keeps the chosen one, else
    the one that the select began with."""
    attributes = {
        **props.pop("custom_attrs"),
        "data-value": props["default_value"],
        "dangerouslySetInnerHTML": {"__html": choices},
    }
    return rx.el.select(**props, custom_attrs=attributes)


def problem(errors: dict[str, str], name: str, element_id: str) -> rx.Component:
    """Return the error of one field, if it has one."""
    return rx.cond(
        has(errors, name),
        rx.el.p(errors[name], id=element_id, class_name="error"),
    )


def field_id(name: str) -> str:
    """Return the id of a field. A name is for example `shipping_address.country`, and a dot in an
    id would need escaping in CSS."""
    return name.replace(".", "-")


def notice() -> rx.Component:
    """Return what the payer has to know before anything else. It takes the focus."""
    return rx.cond(
        Checkout.notice != "",
        rx.el.div(
            icon("alert"),
            rx.el.p(Checkout.notice),
            id="notice",
            class_name=rx.cond(Checkout.notice_calm, "notice calm", "notice bad"),
            tab_index=-1,
        ),
    )


def locked() -> rx.Component:
    """Return the notice that the shop is changing the order. It disappears when the shop is done,
    and then shows what has changed. The region is always there, so that a screen reader notices it.
    Both stay in sight wherever the payer is on the page."""
    return rx.el.div(
        rx.el.div(
            rx.cond(
                Checkout.locked,
                rx.el.p(
                    rx.el.span(class_name="spinner", aria_hidden="true"),
                    rx.el.span(words("head.locked")),
                    id="locked",
                    class_name="notice calm",
                ),
            ),
            role="status",
        ),
        rx.cond(Checkout.changed != "", _changed()),
        class_name="locked",
    )


def _changed() -> rx.Component:
    """Return the notice of a change. The announcer says it aloud, with the remaining total."""
    return rx.el.div(
        rx.el.p(Checkout.changed, class_name="grow"),
        rx.el.button(
            icon("cross"),
            type="button",
            id="changed-close",
            class_name="quiet",
            aria_label=words("page.changed_close"),
            on_click=Checkout.seen_change,
        ),
        id="changed",
        class_name="notice calm",
    )


def button(
    label: str | rx.Component,
    busy: bool | None = None,
    busy_label: str | None = None,
    *,
    edits: bool = True,
    waits: bool | None = None,
    **props: Any,
) -> rx.Component:
    """Return a button that says what it is doing. It takes no second click while it works, nor one
    while another action works (`waits`, which is the checkout's by default).

    A button that `edits` the session takes no click while the shop has the session locked either.
    It is not `disabled` then, because that would take the focus away from the payer.
    """
    if busy is None:
        return rx.el.button(label, **props)
    waits = Checkout.busy != "" if waits is None else waits
    attributes = {
        "aria-busy": rx.cond(busy, "true", "false"),
        "aria-disabled": rx.cond(waits | Checkout.locked if edits else waits, "true", "false"),
    }
    return rx.el.button(
        rx.cond(busy, rx.el.span(class_name="spinner", aria_hidden="true")),
        _label(label, busy, busy_label),
        custom_attrs=attributes,
        **props,
    )


def _label(label: str | rx.Component, busy: bool, busy_label: str | None) -> rx.Component:
    if isinstance(label, rx.Component):
        return label if busy_label is None else rx.cond(busy, rx.el.span(busy_label), label)
    return rx.el.span(rx.cond(busy, label if busy_label is None else busy_label, label))
