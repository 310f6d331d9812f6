"""How the rest is paid, the one button, and the way back to the shop.

What waits for a provider runs in the background: the page stays responsive, and no lock is held.
"""

from __future__ import annotations

import functools
import logging
from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from backend.core import context
from backend.core.errors import (
    ConsentMissing,
    DetailsMissing,
    GiftCardRefused,
    PaymentOptionNotAllowed,
    PhoneInvalid,
    PushNotAllowed,
    RemainderTooSmall,
    SplitChanged,
)
from backend.payments.attempts import resolve
from backend.payments.attempts.push import phone_to_push_to
from backend.payments.attempts.start import PayResult, Press, pay
from checkout_ui.components.elements import button, icon, problem, step, words
from checkout_ui.components.var_types import has, number_of
from checkout_ui.presenters.checkout_page import Consent, PayLabel, Sums
from checkout_ui.presenters.seen import TO_PAY, Seen
from checkout_ui.presenters.typed import is_text
from checkout_ui.state import following
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps import returning
from checkout_ui.steps.options import MAX_NUMBER, NUMBER, PUSH, options
from checkout_ui.steps.too_little import too_little, unable
from checkout_ui.steps.total import total

log = logging.getLogger(__name__)

_CONSENT = "consent."


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")

    payment_product_type: Annotated[str, StringConstraints(max_length=80)] = ""
    seen: Seen
    """The remaining total that the page showed (minor units); None if it cannot be read."""
    seen_order: Seen
    """The order's total that the page showed. It matters when a gift card pays all, because nothing
    remains then at any price."""


def _ticked(form_data: dict[str, Any]) -> frozenset[str]:
    """Return the ids of the checkboxes that are ticked, since a browser sends no others."""
    return frozenset(
        name.removeprefix(_CONSENT)
        for name, value in form_data.items()
        if is_text(name) and name.startswith(_CONSENT) and value
    )


class PaymentState(Checkout):
    @rx.event(background=True)
    async def press_pay(self, form_data: dict[str, Any]) -> None:
        try:
            form = _Form.model_validate(form_data)
        except ValidationError:
            return
        async with self:
            if not self._begin("pay"):
                return
            language, on_phone = self._language, self.on_phone
        try:
            if form.seen is None or form.seen_order is None:
                raise SplitChanged("the page does not show one amount")
            async with self:
                if not await self._consents_given(form_data):
                    self._end()
                    return
            option, session_id = form.payment_product_type or None, self._session_id()
            wanted = Press(
                option,
                form.seen,
                language,
                on_phone=on_phone,
                order_amount=form.seen_order,
                accepted=_ticked(form_data),
                push_to=await self._push_to(option, form_data),
            )
            press = functools.partial(pay, context.current(), session_id, wanted)
            result = await following.when_unlocked(session_id, press)
        except PhoneInvalid:
            async with self:
                self._end()
                name = f"{NUMBER}{form.payment_product_type}"
                self._set(errors={name: self._text("push.number_wrong")})
                self._move_focus(name)
        except Exception as error:
            if isinstance(error, SplitChanged):
                async with self:
                    # Draw the amounts again, since the payer may see others than we sent.
                    self._set(sums=Sums(), pay_label=PayLabel())
            async with self:
                await self._not_paid(error)
        else:
            known = await self._remembered(form_data, result)
            async with self:
                self._recognise_later(known)
                await self._go_on(result)

    @rx.event(background=True)
    async def change(self) -> None:
        """Go back from the waiting page. The provider says whether anything can still change."""
        async with self:
            if not self._begin("ask"):
                return
            pushed = self.push_heading != ""
        problem: Exception | None = None
        try:
            await resolve.reopen(context.current(), self._session_id())
        except Exception as error:
            problem = error
        async with self:
            self._end()
            if problem is not None:
                await self._fail(problem)
                return
            view = await self._refresh()
            if view is not None and view.state == "paying":
                self._tell("notice.still_paying", calm=True)
            elif view is not None and view.state == "open" and pushed:
                self._tell("push.given_up")
            elif view is not None and view.state == "open":
                self._move_focus("notice" if self.notice else "pay-heading")

    @rx.event(background=True)
    async def cancel(self) -> None:
        """Give the order up, and go back to the shop."""
        async with self:
            if not self._begin("leave"):
                return
        url, problem = "", None
        try:
            url = await resolve.abandon(context.current(), self._session_id())
        except Exception as error:
            problem = error
        async with self:
            self._end()
            if problem is not None:
                await self._fail(problem)
                return
            await self._refresh()
            self._send_to(url)

    async def _push_to(self, option: str | None, form_data: dict[str, Any]) -> str | None:
        """Return the phone to ask on, if that was ticked beside the chosen option."""
        if not form_data.get(f"{PUSH}{option}"):
            return None
        given = form_data.get(f"{NUMBER}{option}")
        number = given[:MAX_NUMBER] if isinstance(given, str) else ""
        # An empty number is wrong too: a payer who ticks this does not want to go to a page.
        return await phone_to_push_to(context.current(), self._session_id(), option, number or "-")

    async def _consents_given(self, form_data: dict[str, Any]) -> bool:
        """Return whether every required checkbox is ticked. If one is not, a message at it says
        so."""
        view = await self._read()
        if view is None:
            return False
        ticked = _ticked(form_data)
        required = [box.id for box in view.checkboxes if box.required]
        return not self._ask_consents([box for box in required if box not in ticked])

    def _ask_consents(self, missing: list[str]) -> bool:
        """Say at each of these checkboxes that it must be ticked. Return whether there are any."""
        names = [f"{_CONSENT}{box}" for box in missing]
        self._set(errors={name: self._text("error.consent") for name in names})
        if names:
            self._move_focus(names[0])
        return bool(names)

    async def _remembered(self, form_data: dict[str, Any], result: PayResult) -> str:
        """Return the address that tells the browser who its payer is, or nothing. A payment never
        fails because of it."""
        if not returning.wants(form_data) or result.state == "refused":
            return ""
        async with self:
            cookie = returning.cookie_of(self.router.headers.cookie, self._session_id())
        try:
            return await returning.keep(self._session_id(), cookie)
        except Exception:
            log.exception("a payer was not remembered")
            return ""

    async def _go_on(self, result: PayResult) -> None:
        """Continue after Pay. With `redirect` and `paid` the browser leaves the page, which stays
        busy, so that the button takes no click meanwhile. With the others the page stays, and
        follows the session."""
        if result.state == "redirect" and result.url:
            self._send_to(result.url)
            return
        view = await self._refresh()
        if result.state == "paid":
            return
        self._end()
        if view is not None and self.notice:
            self._move_focus("notice")
        elif view is not None and view.state in ("paying", "on_hold"):
            self._move_focus("result")

    async def _not_paid(self, error: Exception) -> None:
        self._end()
        if isinstance(error, SplitChanged | GiftCardRefused):
            view = await self._refresh()
            if view is not None:
                self._tell_split_changed(view)
        elif isinstance(error, RemainderTooSmall):
            # The page offers no such option, so the order or the card has changed.
            view = await self._refresh()
            if view is not None and view.remainder.too_small:
                self._move_focus("pay-heading")
            else:
                self._tell("notice.option_gone")
        elif isinstance(error, PaymentOptionNotAllowed | PushNotAllowed):
            await self._refresh()
            self._tell("notice.option_gone")
        elif isinstance(error, DetailsMissing):
            await self._refresh()
            self._tell("notice.details_missing")
        elif isinstance(error, ConsentMissing):
            await self._refresh()
            self._ask_consents([e.field.partition(".")[2] for e in error.errors])
        else:
            await self._fail(error)


def payment() -> rx.Component:
    return step(
        "pay",
        words("pay.heading"),
        total(),
        rx.cond(
            Checkout.asks_details & ~Checkout.details_done,
            rx.el.p(words("pay.later"), class_name="muted"),
            _form(),
        ),
    )


def _form() -> rx.Component:
    sums = Checkout.sums
    return rx.el.form(
        rx.cond(
            sums.nothing_left,
            rx.el.p(
                icon("check"),
                rx.el.span(rx.cond(Checkout.has_card, words("pay.covered"), words("pay.nothing"))),
                class_name="covered",
                id="pay-covered",
            ),
            rx.cond(
                Checkout.rest.why != "",
                too_little(),
                rx.cond(number_of(Checkout.options) > 0, options(), rx.el.p(words("pay.none"))),
            ),
        ),
        unable(),
        rx.foreach(Checkout.consents, _consent),
        returning.remember(),
        # assets/first.js fills these in when the form is sent, with what the page shows then.
        rx.el.input(type="hidden", name="seen"),
        rx.el.input(type="hidden", name="seen_order"),
        _pay_button(),
        rx.cond(
            sums.nothing_left,
            rx.fragment(),
            rx.el.p(words("pay.redirect"), class_name="muted small centre redirects"),
        ),
        id="pay-form",
        method="post",
        no_validate=True,
        on_submit=PaymentState.press_pay,
    )


def _pay_button() -> rx.Component:
    label = Checkout.pay_label
    return button(
        rx.el.span(
            rx.cond(label.before != "", rx.el.span(label.before)),
            rx.cond(
                label.amount != "",
                rx.el.span(label.amount, class_name="amount", custom_attrs=TO_PAY),
            ),
            rx.cond(label.after != "", rx.el.span(label.after)),
        ),
        Checkout.busy == "pay",
        words("pay.busy"),
        type="submit",
        id="pay-button",
        class_name="primary",
        disabled=~Checkout.payable,
    )


def _consent(box: Consent) -> rx.Component:
    errors = Checkout.errors
    name = f"{_CONSENT}{box.id}"
    error_id = f"{name}-error"
    return rx.el.div(
        rx.el.label(
            rx.el.input(
                type="checkbox",
                id=name,
                name=name,
                default_checked=box.checked,
                custom_attrs={
                    "aria-invalid": rx.cond(has(errors, name), "true", "false"),
                    "aria-describedby": rx.cond(has(errors, name), error_id, ""),
                },
            ),
            rx.el.span(box.label),
            class_name="check",
        ),
        rx.cond(
            box.link_url != "",
            rx.el.a(box.link_text, href=box.link_url, target="_blank", rel="noopener"),
        ),
        problem(errors, name, error_id),
        class_name="consent",
        key=box.id,
    )


def cancel() -> rx.Component:
    """Return the way to cancel. It takes two clicks without a dialog: the first unfolds what the
    second will do."""
    return rx.el.details(
        rx.el.summary(words("pay.cancel")),
        rx.el.p(words("pay.cancel_sure")),
        button(
            words("pay.cancel_yes"),
            Checkout.busy == "leave",
            words("pay.busy"),
            type="button",
            id="cancel-yes",
            class_name="secondary",
            on_click=PaymentState.cancel,
            edits=False,
        ),
        id="cancel",
        class_name="cancel",
    )
