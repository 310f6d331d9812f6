"""The balance page: the payer enters number and PIN, and sees what is on the card."""

from __future__ import annotations

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from checkout_ui import texts
from checkout_ui.balance.shown import Held, Language, Movement
from checkout_ui.balance.state import Balance
from checkout_ui.components.card_fields import NO_PASSWORD, NUMBER, PIN
from checkout_ui.components.elements import (
    AS_IS,
    LONGEST_PIN,
    Control,
    button,
    field,
    icon,
    problem,
)
from checkout_ui.components.own_texts import in_own_elements
from checkout_ui.components.var_types import number_of

_SERVED_TEXT = {"suppressHydrationWarning": True}
"""For elements whose text `balance.hosted` writes into the prerendered HTML."""

DESCRIPTION = texts.text(texts.DEFAULT, "balance.description")


def words(key: str) -> str:
    return Balance.t[key]


@in_own_elements
def page() -> rx.Component:
    return rx.fragment(
        _lost_connection(),
        rx.el.div(
            _header(),
            rx.el.noscript(
                rx.el.p(
                    rx.el.span("…", id="first-no-script", custom_attrs=_SERVED_TEXT),
                    class_name="notice bad",
                )
            ),
            rx.el.main(
                rx.match(
                    Balance.stage,
                    ("loading", _loading()),
                    ("ask", _ask()),
                    ("shown", _shown()),
                    _missing(),
                ),
                id="main",
                custom_attrs={"data-stage": Balance.stage},
            ),
            _footer(),
            class_name="page narrow",
        ),
        rx.el.p(Balance.announcement, id="announcer", class_name="sr-only", aria_live="polite"),
        rx.el.div(
            id="bridge",
            hidden=True,
            custom_attrs={"data-focus": Balance.focus},
        ),
    )


def _header() -> rx.Component:
    return rx.el.header(
        rx.el.h1(
            rx.el.span(
                "…", id="first-heading", class_name="eyebrow block", custom_attrs=_SERVED_TEXT
            ),
            rx.el.span(
                Balance.merchant_name,
                id="first-merchant",
                class_name="merchant block",
                custom_attrs=_SERVED_TEXT,
            ),
        ),
        rx.cond(
            Balance.test_mode,
            rx.el.p(rx.el.strong(words("head.test")), class_name="test-mode"),
        ),
        class_name="head",
    )


def _loading() -> rx.Component:
    return rx.el.div(
        rx.el.p("…", id="first-loading", class_name="sr-only", custom_attrs=_SERVED_TEXT),
        *[rx.el.div(class_name="bone", aria_hidden="true") for _ in range(4)],
        class_name="step skeleton",
        aria_busy="true",
    )


def _ask() -> rx.Component:
    errors = Balance.errors
    return rx.el.section(
        rx.el.h2(words("balance.ask"), id="ask-heading"),
        rx.el.p(words("balance.lead"), class_name="muted lead"),
        rx.el.form(
            rx.el.div(
                field(
                    NUMBER,
                    words("card.number"),
                    errors,
                    class_name="two-thirds",
                    control=Control(error_beneath=False),
                    auto_complete="off",
                    input_mode="numeric",
                    custom_attrs={**NO_PASSWORD, "data-group": "4"},
                ),
                field(
                    PIN,
                    words("card.pin"),
                    errors,
                    max_length=LONGEST_PIN,
                    class_name="third",
                    control=Control(error_beneath=False),
                    auto_complete="off",
                    input_mode="numeric",
                    custom_attrs=NO_PASSWORD,
                ),
                class_name="fields",
            ),
            problem(errors, NUMBER, f"{NUMBER}-error"),
            problem(errors, PIN, f"{PIN}-error"),
            button(
                words("balance.look"),
                Balance.busy,
                words("card.adding"),
                edits=False,
                waits=Balance.busy,
                type="submit",
                id="balance-look",
                class_name="primary",
            ),
            id="balance-form",
            method="post",
            no_validate=True,
            on_submit=Balance.look,
        ),
        _back(),
        class_name="step",
        custom_attrs={"aria-labelledby": "ask-heading"},
    )


def _shown() -> rx.Component:
    card = Balance.card
    return rx.el.section(
        rx.el.h2(
            rx.el.span(card.masked, aria_hidden="true", class_name="digits"),
            rx.el.span(words("card.heading") + " " + card.spoken, class_name="sr-only"),
            id="balance-heading",
            tab_index=-1,
        ),
        rx.cond(
            card.available != "",
            rx.el.p(
                rx.el.span(words("balance.available"), class_name="muted block"),
                rx.el.span(card.available, id="balance-available", class_name="amount"),
                class_name="balance-big",
            ),
        ),
        rx.cond(
            card.note != "",
            rx.el.p(
                icon("clock"),
                rx.el.span(card.note),
                id="balance-note",
                class_name="card-ending",
            ),
        ),
        rx.el.dl(
            _sum(card.balance, words("balance.on_card"), "balance-on-card"),
            _sum(card.held, words("balance.held"), "balance-held"),
            class_name="sums",
        ),
        rx.cond(
            number_of(Balance.holds) > 0,
            rx.el.ul(rx.foreach(Balance.holds, _held), id="balance-holds", class_name="holds"),
        ),
        rx.el.p(
            rx.cond(card.expires != "", rx.el.span(card.expires + " · ")),
            rx.el.span(card.as_of),
            class_name="muted small",
            id="balance-expires",
        ),
        rx.cond(number_of(Balance.movements) > 0, _movements()),
        _actions(),
        class_name="step",
        id="balance",
        custom_attrs={"aria-labelledby": "balance-heading"},
    )


def _sum(amount: str, label: str, element_id: str) -> rx.Component:
    return rx.cond(
        amount != "",
        rx.el.div(rx.el.dt(label), rx.el.dd(amount, class_name="amount", id=element_id)),
    )


def _held(held: Held) -> rx.Component:
    return rx.el.li(
        rx.el.span(held.amount, class_name="amount strong block"),
        rx.el.span(held.why, class_name="muted small"),
        key=held.key,
    )


def _movements() -> rx.Component:
    return rx.el.table(
        rx.el.caption(words("balance.movements")),
        rx.el.thead(
            rx.el.tr(
                rx.el.th(words("balance.when"), scope="col"),
                rx.el.th(words("balance.what"), scope="col"),
                rx.el.th(words("balance.amount"), scope="col", class_name="number"),
            ),
            class_name="sr-only",
        ),
        rx.el.tbody(rx.foreach(Balance.movements, _movement)),
        id="balance-movements",
        class_name="movements",
    )


def _movement(moved: Movement) -> rx.Component:
    return rx.el.tr(
        rx.el.td(moved.at, class_name="muted"),
        rx.el.td(moved.kind),
        rx.el.td(moved.amount, class_name="amount number"),
        key=moved.key,
    )


def _actions() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.button(
                words("balance.print"),
                type="button",
                id="balance-print",
                class_name="secondary",
                custom_attrs={"data-print": "true"},
            ),
            rx.el.button(
                words("balance.done"),
                type="button",
                id="balance-done",
                class_name="secondary",
                on_click=Balance.done,
            ),
            class_name="actions",
        ),
        _back(),
    )


def _back() -> rx.Component:
    return rx.cond(
        Balance.back_url != "",
        rx.el.p(
            rx.el.a(
                words("balance.back"),
                href=Balance.back_url,
                id="balance-back",
                target="_top",
                rel="noreferrer",
            ),
            class_name="back",
        ),
    )


def _missing() -> rx.Component:
    return rx.el.section(
        rx.el.h2(words("balance.missing"), id="missing-heading"),
        rx.el.p(words("balance.missing_lead"), class_name="muted"),
        class_name="panel",
        custom_attrs={"aria-labelledby": "missing-heading"},
    )


def _footer() -> rx.Component:
    return rx.el.footer(
        rx.cond(
            Balance.stage != "loading",
            rx.fragment(
                rx.el.p(icon("lock"), rx.el.span(words("balance.private"))),
                rx.el.nav(
                    rx.foreach(Balance.languages, _language),
                    custom_attrs={**AS_IS, "aria-label": words("head.language")},
                ),
            ),
        ),
        class_name="foot",
    )


def _language(language: Language) -> rx.Component:
    """Return the links to other languages. Each loads the page again, without the card that was
    shown."""
    return rx.el.a(
        language.name,
        href=language.href,
        lang=language.code,
        custom_attrs={
            "hrefLang": language.code,
            "reloadDocument": True,
            "aria-current": rx.cond(language.current, "true", "false"),
        },
        key=language.code,
    )


def _lost_connection() -> rx.Component:
    return rx.el.div(
        rx.cond(
            has_connection_errors & (Balance.stage != "loading"),
            rx.el.p(words("balance.lost"), id="lost", class_name="lost"),
        ),
        role="status",
    )
