"""Returning payers: a code by SMS fills in their details. It also offers to remember a payer, who
may decline.

Nothing shows whether a number is known (`backend.customers.sms_verification`).
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from backend.core import context
from backend.core.errors import CodeNotSent, CodeRefused, DetailsInvalid, ShippingUnavailable
from backend.customers import returning, sms_verification
from backend.sessions import payer
from backend.sessions.express_callbacks import Asked
from checkout_ui.components.elements import button, field, icon, words
from checkout_ui.state.checkout import Checkout

_CODE = "scc"
_REMEMBER = "remember_me"


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")

    scc: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)] = ""


class ReturningState(Checkout):
    can_remember: bool = False
    recognised: bool = False
    """Whether this browser was here before."""
    masked: str = ""
    """The number that a code would go to; empty if none is known."""
    code_sent: bool = False
    filled: int = 0
    """Grows when details were filled in, because the form is another one then."""

    @rx.event(background=True)
    async def arrive(self) -> None:
        """Show with the page what may be offered, and use a code that came with the address
        (`scc`)."""
        async with self:
            if self.stage != "open" or not self.asks_details:
                return
            offer = await returning.offer(context.current(), self._session_id(), self._cookie())
            self._set(
                can_remember=offer.possible,
                recognised=offer.recognised,
                masked=offer.masked,
                code_sent=False,
            )
            code = dict(self.router.url.query_parameters).get(_CODE, "")
            wanted = bool(code) and not self.details_done
        if wanted:
            await self._use(code)

    @rx.event(background=True)
    async def ask(self) -> None:
        async with self:
            if not self._begin("code"):
                return
            cookie, source = self._cookie(), self._source()
        failed: Exception | None = None
        try:
            await sms_verification.send_code(
                context.current(), self._session_id(), None, cookie, source
            )
        except Exception as error:
            failed = error
        async with self:
            self._end()
            if isinstance(failed, CodeNotSent):
                self._tell(f"error.code_not_sent.{failed.reason}")
            elif failed is not None:
                await self._fail(failed)
            else:
                self._set(code_sent=True)
                self._announce("returning.sent", number=self.masked)
                self._move_focus(_CODE)

    @rx.event(background=True)
    async def use(self, form_data: dict[str, Any]) -> None:
        try:
            code = _Form.model_validate(form_data).scc
        except ValidationError:
            code = ""
        await self._use(code)

    @rx.event
    async def forget(self) -> None:
        """Forget this browser, and delete what it was known with."""
        await returning.forget(context.current(), self._session_id(), self._cookie())
        self._set(recognised=False, masked="", code_sent=False)
        self._announce("returning.forgotten")
        self._move_focus("details-heading")

    async def _use(self, code: str) -> None:
        async with self:
            if not code:
                self._refuse()
                return
            if not self._begin("fill"):
                return
            source, session_id = self._source(), self._session_id()
        failed: Exception | None = None
        asked = Asked()
        try:
            details = await sms_verification.confirm_code(
                context.current(), session_id, code, source
            )
            asked = await payer.set_details(context.current(), session_id, details)
        except Exception as error:
            failed = error
        async with self:
            self._end()
            if isinstance(failed, CodeRefused):
                self._refuse()
                return
            if failed is None or isinstance(failed, DetailsInvalid | ShippingUnavailable):
                before = self._order()
                await self._refresh()
                self._set(masked="", code_sent=False, filled=self.filled + 1)
                if failed is None:
                    self._announce("returning.filled")
                    self._move_focus("details-edit")
                    if asked.anew:
                        self._tell_changed(before, "")
                else:
                    self._tell("returning.incomplete")
                return
            await self._fail(failed)

    def _refuse(self) -> None:
        self._set(code_sent=True)
        self.errors = {_CODE: self._text("error.scc")}
        self._move_focus(_CODE)

    def _cookie(self) -> str | None:
        return cookie_of(self.router.headers.cookie, self._session_id())


def cookie_of(header: str, session_id: str) -> str | None:
    """Return our cookie from the connection's own request, since no script can read it."""
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    found = cookies.get(returning.cookie_name(session_id.partition(".")[0]))
    return found.value if found else None


def wants(form_data: dict[str, Any]) -> bool:
    """Return whether the payer has ticked the box of `remember`."""
    return bool(form_data.get(_REMEMBER))


async def keep(session_id: str, cookie: str | None) -> str:
    """Remember the payer. Return the address that gives their browser its cookie; empty if there
    was nothing to keep."""
    customer = await returning.remember(context.current(), session_id, cookie)
    return f"/v1/view/{session_id}/session/remember" if customer is not None else ""


def remember() -> rx.Component:
    """Return the checkbox, which is never ticked beforehand."""
    return rx.cond(
        Checkout.asks_details & ReturningState.can_remember,
        rx.el.div(
            rx.el.label(
                rx.el.input(
                    type="checkbox",
                    id=_REMEMBER,
                    name=_REMEMBER,
                    custom_attrs={"aria-describedby": "remember-note"},
                ),
                rx.el.span(words("returning.remember")),
                class_name="check",
            ),
            rx.el.p(words("returning.remember_note"), id="remember-note", class_name="muted small"),
            class_name="remember",
        ),
    )


def welcome() -> rx.Component:
    """Return the welcome before the details, for a browser that was here before. For a number that
    the shop has given it is folded."""
    return rx.cond(
        Checkout.asks_details & ~Checkout.details_done & (ReturningState.masked != ""),
        rx.el.section(
            rx.cond(
                ReturningState.recognised,
                rx.fragment(
                    rx.el.h2(words("returning.heading"), id="returning-heading"),
                    _offer(),
                ),
                rx.el.details(
                    rx.el.summary(rx.el.span(words("returning.before")), icon("chevron")),
                    _offer(),
                ),
            ),
            id="returning",
            class_name="step returning",
            custom_attrs={"aria-label": words("returning.heading")},
        ),
    )


def _offer() -> rx.Component:
    return rx.el.div(
        rx.cond(
            ReturningState.code_sent,
            rx.fragment(
                _with_number(
                    rx.cond(
                        ReturningState.recognised,
                        words("returning.on_its_way"),
                        words("returning.sent_to"),
                    ),
                    " " + words("returning.good"),
                ),
                _form(),
            ),
            _with_number(words("returning.lead")),
        ),
        rx.el.div(
            button(
                rx.cond(
                    ReturningState.code_sent, words("returning.again"), words("returning.send")
                ),
                Checkout.busy == "code",
                words("returning.sending"),
                type="button",
                id="returning-send",
                class_name=rx.cond(ReturningState.code_sent, "quiet", "secondary"),
                on_click=ReturningState.ask,
            ),
            rx.cond(
                ReturningState.recognised,
                rx.el.button(
                    words("returning.forget"),
                    type="button",
                    id="returning-forget",
                    class_name="quiet",
                    on_click=ReturningState.forget,
                ),
            ),
            class_name="actions",
        ),
    )


def _with_number(before: str, after: str = "") -> rx.Component:
    """Return a sentence that ends with the number, and what follows it."""
    return rx.el.p(
        rx.el.span(before + " "),
        rx.el.span(ReturningState.masked, class_name="strong digits"),
        rx.el.span("." + after),
    )


def _form() -> rx.Component:
    return rx.el.form(
        field(
            _CODE,
            words("returning.code"),
            Checkout.errors,
            class_name="grow",
            auto_complete="one-time-code",
            input_mode="numeric",
            max_length=20,
        ),
        button(
            words("returning.use"),
            Checkout.busy == "fill",
            words("returning.using"),
            type="submit",
            id="returning-use",
            class_name="secondary",
        ),
        id="returning-form",
        class_name="code",
        method="post",
        no_validate=True,
        on_submit=ReturningState.use,
    )
