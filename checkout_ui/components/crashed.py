"""The page that the payer sees when the page's own script has failed. It has calm words and a way
to continue, in place of the framework's page with its stack trace.

Nothing on our side depends on the page. The session and its payment continue, and a page that is
loaded again shows how they stand. The texts come with the page, since the state may be part of what
failed. If the state still has its texts, we use those: they are in the language that the payer
chose.

If this page cannot be drawn either, `last_resort.js` draws one.
"""

from __future__ import annotations

import json

import reflex as rx
from reflex_components_core.base.error_boundary import ErrorBoundary

from checkout_ui import texts
from checkout_ui.components.elements import icon
from checkout_ui.components.own_texts import in_own_elements
from checkout_ui.state.checkout import Checkout

ID = "if-it-fails"
"""The id of the data block. It has the texts by their keys, and the shop's address as `href`."""
SERVED = f'JSON.parse(document.getElementById("{ID}")?.textContent ?? "{{}}")'
HERE = "location.pathname+location.search"
KEYS = ("crash.heading", "crash.lead", "crash.reload", "end.back")


def served(text: str, language: str, back: str) -> str:
    """Write into the page's HTML what it says when it fails. `back` is the shop's address, empty
    if there is none. The block holds only data: it runs nothing, and React leaves it there."""
    known = texts.catalogue(language)
    said = {key: known[key] for key in KEYS} | {"href": back}
    # `<` could end the block.
    block = json.dumps(said, ensure_ascii=False).replace("<", "\\u003c")
    script = f'<script type="application/json" id="{ID}">{block}</script>'
    return text.replace("</head>", f"{script}</head>", 1)


def boundary(*children: rx.Component) -> rx.Component:
    """Return Reflex's error boundary with our page. It sends the server nothing about the failure,
    since a stack trace may hold what the payer has typed."""
    return ErrorBoundary.create(*children, fallback_render=_page(), on_error=rx.noop())


def _said(key: str) -> rx.Var[str]:
    spoken = rx.Var.create(Checkout.t[key])
    return rx.Var(
        _js_expr=f'({spoken!s} || {SERVED}["{key}"])',
        _var_type=str,
        _var_data=spoken._get_all_var_data(),
    ).to(str)


def _back() -> rx.Var[str]:
    """Return the shop's address. It is empty while a payment is under way, since that address would
    say that the payment was cancelled."""
    served_one = rx.Var(_js_expr=f'({SERVED}.href ?? "")', _var_type=str).to(str)
    return rx.cond(
        Checkout.stage == "loading",
        served_one,
        rx.cond(Checkout.stage == "paying", "", Checkout.leave_url),
    )


@in_own_elements
def _page() -> rx.Component:
    again = rx.Var(_js_expr=f"({HERE})", _var_type=str).to(str)
    return rx.el.div(
        rx.el.title(_said("crash.heading")),
        rx.el.main(
            rx.el.section(
                rx.el.span(icon("alert"), class_name="badge"),
                rx.el.h1(_said("crash.heading"), id="crashed", tab_index=-1),
                rx.el.p(_said("crash.lead")),
                rx.el.a(
                    _said("crash.reload"),
                    href=again,
                    id="crashed-reload",
                    class_name="button primary",
                    custom_attrs={"reloadDocument": True},
                ),
                rx.cond(
                    _back() != "",
                    rx.el.a(
                        _said("end.back"),
                        href=_back(),
                        id="crashed-back",
                        class_name="button secondary",
                        target="_top",
                    ),
                ),
                role="alert",
                class_name="panel",
            ),
        ),
        class_name="page",
    )
