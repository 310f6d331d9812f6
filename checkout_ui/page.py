"""The page itself: what is around the steps, and which steps are shown."""

from __future__ import annotations

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from checkout_ui import texts
from checkout_ui.components.elements import AS_IS, icon, locked, notice, words
from checkout_ui.components.own_texts import in_own_elements
from checkout_ui.embed import view as embed
from checkout_ui.presenters.checkout_page import Language
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps import (
    app,
    details,
    discount,
    gift_card,
    order_summary,
    payment,
    phone,
    result,
    returning,
    shipping,
)

_SERVED_TEXT = {"suppressHydrationWarning": True}
"""For elements whose text `hosted_page` writes into the prerendered HTML. React keeps it until the
state comes."""


@in_own_elements
def page() -> rx.Component:
    return rx.fragment(
        _lost_connection(),
        rx.el.div(
            _header(),
            # `hosted_page` writes `no_script.content` here. It is an element and no text, because
            # React leaves elements within it alone.
            rx.el.noscript(rx.el.span("…")),
            rx.el.main(
                rx.match(
                    Checkout.stage,
                    ("loading", _loading()),
                    ("open", _open()),
                    ("paying", rx.cond(Checkout.app_qr != "", app.go_on(), result.waiting())),
                    ("on_hold", result.on_hold()),
                    ("paid", result.paid()),
                    ("cancelled", result.cancelled()),
                    ("expired", result.expired()),
                    result.missing(),
                ),
                id="main",
                custom_attrs={"data-stage": Checkout.stage},
            ),
            _footer(),
            class_name="page",
        ),
        rx.el.p(Checkout.announcement, id="announcer", class_name="sr-only", aria_live="polite"),
        _page_actions(),
        embed.line(),
    )


def _header() -> rx.Component:
    return rx.el.header(
        _logo(),
        rx.el.h1(
            rx.el.span(
                "…", id="first-heading", class_name="eyebrow block", custom_attrs=_SERVED_TEXT
            ),
            rx.el.span(
                Checkout.merchant_name,
                id="first-merchant",
                class_name="merchant block",
                custom_attrs=_SERVED_TEXT,
            ),
        ),
        rx.cond(
            Checkout.test_mode,
            rx.el.p(
                rx.el.strong(words("head.test")),
                rx.el.span(words("head.test_note"), class_name="sr-only"),
                class_name="test-mode",
            ),
        ),
        class_name="head",
    )


def _logo() -> rx.Component:
    """Return the logo. It is always there, so that the served HTML can have the shop's own. Without
    one it takes no room. Its height is fixed and it has a line of its own, so that nothing moves
    when it arrives."""
    return rx.el.img(
        src=Checkout.logo_url,
        alt=Checkout.merchant_name,
        id="first-logo",
        class_name="logo",
        decoding="async",
        referrer_policy="no-referrer",
        custom_attrs=_SERVED_TEXT,
    )


def _loading() -> rx.Component:
    """Return what is shown first. It has about the size of what comes, so that little moves. If
    nothing comes (a script is blocked or lost), the style sheet shows after a while what the payer
    can do."""
    return rx.el.div(
        order_summary.order_summary(),
        rx.el.div(
            rx.el.p("…", id="first-loading", class_name="sr-only", custom_attrs=_SERVED_TEXT),
            *[rx.el.div(class_name="bone", aria_hidden="true") for _ in range(5)],
            rx.el.div(
                rx.el.p("…", id="first-slow", custom_attrs=_SERVED_TEXT),
                # Only `hosted_page` knows where it leads.
                rx.el.a(
                    "…",
                    id="first-back",
                    href="#",
                    target="_top",
                    hidden=True,
                    class_name="button secondary",
                    custom_attrs=_SERVED_TEXT,
                ),
                class_name="notice calm slow",
            ),
            class_name="step skeleton",
            aria_busy="true",
        ),
        class_name="columns",
    )


def _open() -> rx.Component:
    return rx.fragment(
        locked(),
        rx.el.div(
            order_summary.order_summary(),
            rx.el.div(
                notice(),
                phone.phone(),
                embed.launcher(),
                returning.welcome(),
                details.details(),
                shipping.shipping(),
                gift_card.gift_card(),
                discount.discount(),
                payment.payment(),
                payment.cancel(),
                class_name="steps",
            ),
            class_name="columns",
        ),
    )


def _footer() -> rx.Component:
    return rx.el.footer(
        rx.cond(
            Checkout.stage != "loading",
            rx.fragment(
                rx.cond(
                    (Checkout.stage == "open") | (Checkout.stage == "paying"),
                    rx.el.p(icon("lock"), rx.el.span(words("head.secure"))),
                ),
                rx.cond(
                    Checkout.merchant_terms_url != "",
                    rx.el.a(
                        words("head.terms"),
                        href=Checkout.merchant_terms_url,
                        target="_blank",
                        rel="noopener",
                    ),
                ),
                _languages(),
            ),
        ),
        class_name="foot",
    )


def _languages() -> rx.Component:
    """Return a select of the browser's own, which every phone, keyboard and screen reader knows.
    Its value follows the state, so that it is right too if the page around us has changed the
    language."""
    return rx.el.div(
        rx.el.label(icon("globe"), rx.el.span(words("head.language")), html_for="language"),
        rx.el.select(
            rx.foreach(Checkout.languages, _language),
            id="language",
            value=Checkout.language,
            on_change=Checkout.set_language,
            auto_complete="off",
            custom_attrs=AS_IS,
        ),
        class_name="language",
    )


def _language(language: Language) -> rx.Component:
    return rx.el.option(language.name, value=language.code, lang=language.code, key=language.code)


def _lost_connection() -> rx.Component:
    """Return our banner for a lost connection, because Reflex's own shows the payer the address of
    the websocket. The browser knows sooner than the socket that it is offline, and
    assets/checkout.js follows that."""
    return rx.el.div(
        rx.cond(
            Checkout.stage != "loading",
            rx.fragment(
                rx.cond(
                    has_connection_errors,
                    rx.el.p(words("head.lost"), id="lost", class_name="lost"),
                ),
                rx.el.p(words("page.offline"), id="offline", class_name="lost"),
            ),
        ),
        role="status",
    )


def _page_actions() -> rx.Component:
    """Return the elements that assets/checkout.js acts on. They need no `eval`, which a strict CSP
    forbids."""
    return rx.el.div(
        id="bridge",
        hidden=True,
        custom_attrs={
            "data-focus": Checkout.focus,
            "data-remember": Checkout.remember,
            "data-go": Checkout.go_to,
            "data-language": Checkout.language,
        },
    )


DESCRIPTION = texts.text(texts.DEFAULT, "head.description")
