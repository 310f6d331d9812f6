"""Continue on a phone: a code to scan, and a desktop that follows what is done there.

The desktop continues to the shop when the session is paid, since the shop's tab is on it; the phone
stays on the receipt. It is offered only if there is a mouse and room, which only the style sheet
knows.
"""

from __future__ import annotations

import reflex as rx

from backend.core import context
from backend.sessions import device_handoff
from backend.sessions.qr_code import qr_code
from checkout_ui.components.elements import button, icon, words
from checkout_ui.components.var_types import opposite
from checkout_ui.presenters import checkout_page
from checkout_ui.state.checkout import Checkout


class PhoneState(Checkout):
    @rx.event
    async def show_code(self) -> None:
        await self._make(by_sms=False)

    @rx.event
    async def send_link(self) -> None:
        await self._make(by_sms=True)

    @rx.event
    async def hide_code(self) -> None:
        self._set(phone=checkout_page.Phone())
        self._move_focus("phone-show")

    async def _make(self, *, by_sms: bool) -> None:
        """Make a new link each time, because nobody here knows the earlier one any more."""
        if not self._begin("phone"):
            return
        try:
            link = await device_handoff.make_link(
                context.current(),
                self._session_id(),
                self._language,
                by_sms=by_sms,
                source=self._source(),
            )
        except Exception as error:
            self._end()
            await self._fail(error)
            return
        self._end()
        minutes = str(link.minutes)
        sms = self._text("hosted.phone_sms", digits=link.number) if link.number else ""
        sent = self._text("announced.phone_sent", digits=link.number) if link.sent else ""
        self._set(
            handed_over=False,
            phone=checkout_page.Phone(
                link=link.url,
                qr=qr_code(link.url),
                lifetime=self._text("hosted.phone_lifetime", minutes=minutes),
                sms="" if link.sent else sms,
                sent=sent,
            ),
        )
        if link.sent:
            self._announce("announced.phone_sent", digits=link.number)
        else:
            self._announce("announced.phone_code", minutes=minutes)
            self._move_focus("phone-scan")


def phone() -> rx.Component:
    return rx.cond(
        Checkout.offers_phone,
        rx.cond(Checkout.handed_over, _following(), _offer()),
    )


def _offer() -> rx.Component:
    return rx.el.section(
        rx.cond(Checkout.phone.link == "", _closed(), _code()),
        id="phone",
        class_name="step phone",
        custom_attrs={"aria-labelledby": "phone-heading"},
    )


def _closed() -> rx.Component:
    return rx.el.div(
        icon("phone"),
        rx.el.div(
            rx.el.h2(words("phone.heading"), id="phone-heading"),
            rx.el.p(words("phone.lead"), class_name="muted small"),
            class_name="grow",
        ),
        _ask("phone.show", "phone-show", "secondary"),
        class_name="phone-row",
    )


def _ask(key: str, element_id: str, class_name: str) -> rx.Component:
    return button(
        words(key),
        Checkout.busy == "phone",
        words("phone.busy"),
        type="button",
        id=element_id,
        class_name=class_name,
        on_click=PhoneState.show_code,
        edits=False,
    )


def _code() -> rx.Component:
    known = Checkout.phone
    return rx.el.div(
        rx.el.img(
            src=known.qr,
            alt=words("phone.alt"),
            class_name="qr",
            custom_attrs={"width": "208", "height": "208"},
        ),
        rx.el.div(
            rx.el.h2(words("phone.heading"), id="phone-heading", class_name="sr-only"),
            rx.el.p(words("phone.scan"), id="phone-scan", class_name="strong", tab_index=-1),
            rx.el.p(words("phone.how") + " " + known.lifetime, class_name="muted small"),
            rx.el.div(
                rx.el.label(words("phone.link"), html_for="phone-link"),
                rx.el.input(
                    type="text",
                    id="phone-link",
                    read_only=True,
                    value=known.link,
                    class_name="link",
                ),
                class_name="field",
            ),
            rx.el.div(
                rx.el.button(
                    words("phone.copy"),
                    type="button",
                    id="phone-copy",
                    class_name="secondary",
                    custom_attrs={"data-copy": "phone-link", "data-said": words("phone.copied")},
                ),
                rx.cond(
                    known.sms != "",
                    button(
                        known.sms,
                        Checkout.busy == "phone",
                        words("phone.busy"),
                        type="button",
                        id="phone-sms",
                        class_name="secondary",
                        on_click=PhoneState.send_link,
                        edits=False,
                    ),
                ),
                class_name="phone-ways",
            ),
            rx.el.p(id="phone-copied", class_name="small good", role="status"),
            rx.cond(
                known.sent != "", rx.el.p(known.sent, id="phone-sent", class_name="small good")
            ),
            rx.el.div(
                _ask("phone.renew", "phone-renew", "quiet"),
                rx.el.button(
                    words("phone.hide"),
                    type="button",
                    id="phone-hide",
                    class_name="quiet",
                    on_click=PhoneState.hide_code,
                ),
                class_name="phone-ways",
            ),
            class_name="grow",
        ),
        class_name="phone-open",
    )


def _following() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            icon("phone"),
            rx.el.div(
                rx.el.h2(words("phone.following"), id="phone-heading"),
                rx.el.p(words("phone.following_lead"), class_name="muted small"),
                class_name="grow",
            ),
            _ask("phone.again", "phone-again", "quiet"),
            class_name="phone-row",
        ),
        followed_steps(),
        id="phone-following",
        class_name="step phone following",
        custom_attrs={"aria-labelledby": "phone-heading"},
    )


def followed_steps() -> rx.Component:
    """Return what is done on the phone so far. The rest of the page shows it as well."""
    details_done = opposite(Checkout.asks_details) | Checkout.details_done
    return rx.el.ol(
        rx.cond(Checkout.asks_details, _step("phone.step_details", details_done)),
        rx.cond(Checkout.has_card, _step("phone.step_card", True)),
        rx.el.li(
            icon("clock"),
            rx.el.span(words("phone.step_pay")),
            rx.el.span(
                rx.cond(
                    Checkout.stage == "paying",
                    words("phone.step_now"),
                    words("phone.step_not_yet"),
                ),
                class_name="muted small",
            ),
        ),
        class_name="followed",
    )


def _step(key: str, done: bool) -> rx.Component:
    return rx.el.li(
        rx.cond(done, icon("check"), icon("clock")),
        rx.el.span(words(key)),
        rx.el.span(
            rx.cond(done, words("phone.step_done"), words("phone.step_not_yet")),
            class_name="muted small",
        ),
        class_name=rx.cond(done, "done", ""),
    )
