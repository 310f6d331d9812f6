"""How the rest is paid, the one button, and the way back to the shop.

What waits for a provider runs in the background: the page stays alive, and no lock is held.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from backend import context
from backend.errors import (
    ConsentMissing,
    DetailsMissing,
    GiftCardRefused,
    PaymentOptionNotAllowed,
    PhoneInvalid,
    PushNotAllowed,
    RemainderTooSmall,
    SplitChanged,
)
from backend.payments import attempts
from backend.payments.pay import PayResult, pay
from backend.payments.push import phone_to_push_to
from checkout_ui.parts import button, icon, problem, step, words
from checkout_ui.payment_options import Option
from checkout_ui.seen import TO_PAY, Seen
from checkout_ui.shown import Consent, PayLabel, Sums
from checkout_ui.state import Checkout
from checkout_ui.steps import returning
from checkout_ui.steps.too_little import too_little, unable
from checkout_ui.steps.total import total

log = logging.getLogger(__name__)

_CONSENT = "consent."
_PUSH, _NUMBER = "push.", "push_number."
"""Before the option's name: whether to send it to the phone, and to which."""
MAX_NUMBER = 40


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")

    payment_product_type: Annotated[str, StringConstraints(max_length=80)] = ""
    seen: Seen
    """The remaining total that stood on the page, minor units; None where it cannot be told."""
    seen_order: Seen
    """And the order's: with a gift card that pays it all, nothing remains whatever it costs."""


def _ticked(form_data: dict[str, Any]) -> frozenset[str]:
    """The ids of the checkboxes that are ticked: a browser sends no others."""
    return frozenset(
        name.removeprefix(_CONSENT)
        for name, value in form_data.items()
        if isinstance(name, str) and name.startswith(_CONSENT) and value
    )


class PaymentState(Checkout):
    @rx.event(background=True)
    async def press_pay(self, form_data: dict[str, Any]):
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
            option = form.payment_product_type or None
            result = await pay(
                context.current(),
                self._session_id(),
                option,
                form.seen,
                language,
                on_phone=on_phone,
                expected_order=form.seen_order,
                accepted=_ticked(form_data),
                push_to=await self._push_to(option, form_data),
            )
        except PhoneInvalid:
            async with self:
                self._end()
                name = f"{_NUMBER}{form.payment_product_type}"
                self._set(errors={name: self._text("push.number_wrong")})
                self._move_focus(name)
        except Exception as error:
            if isinstance(error, SplitChanged):
                async with self:
                    # Drawn anew, should what the payer sees have come apart from what we show.
                    self._set(sums=Sums(), pay_label=PayLabel())
            async with self:
                await self._not_paid(error)
        else:
            known = await self._remembered(form_data, result)
            async with self:
                self._recognise_later(known)
                await self._go_on(result)

    @rx.event(background=True)
    async def change(self):
        """Back from the waiting page: the provider says whether anything can still change."""
        async with self:
            if not self._begin("ask"):
                return
            pushed = self.push_heading != ""
        problem: Exception | None = None
        try:
            await attempts.reopen(context.current(), self._session_id())
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
    async def cancel(self):
        """Give the order up and go back to the shop."""
        async with self:
            if not self._begin("leave"):
                return
        url, problem = "", None
        try:
            url = await attempts.abandon(context.current(), self._session_id())
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
        """The phone to ask on, where that was ticked beside the chosen option."""
        if not form_data.get(f"{_PUSH}{option}"):
            return None
        given = form_data.get(f"{_NUMBER}{option}")
        number = given[:MAX_NUMBER] if isinstance(given, str) else ""
        # An empty one is as wrong as any other: who ticks it does not want to be sent to a page.
        return await phone_to_push_to(context.current(), self._session_id(), option, number or "-")

    async def _consents_given(self, form_data: dict[str, Any]) -> bool:
        """Whether every required checkbox is ticked; where not, each says so."""
        view = await self._read()
        if view is None:
            return False
        ticked = _ticked(form_data)
        required = [box.id for box in view.checkboxes if box.required]
        return not self._ask_consents([box for box in required if box not in ticked])

    def _ask_consents(self, missing: list[str]) -> bool:
        """Say at each of these checkboxes that it is to be ticked; whether there are any."""
        names = [f"{_CONSENT}{box}" for box in missing]
        self._set(errors={name: self._text("error.consent") for name in names})
        if names:
            self._move_focus(names[0])
        return bool(names)

    async def _remembered(self, form_data: dict[str, Any], result: PayResult) -> str:
        """Where the browser is told who its payer is; a payment never fails for that."""
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
        """`redirect` and `paid` leave the page, still busy: the button takes no click while the
        browser is on its way. The others stay, and the page follows."""
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
            # The page offers no such option: the order or the card has become another one.
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
                rx.cond(Checkout.options.length() > 0, _options(), rx.el.p(words("pay.none"))),
            ),
        ),
        unable(),
        rx.foreach(Checkout.consents, _consent),
        returning.remember(),
        # assets/first.js fills them in as the form is sent, from what is on the page then.
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


def _options() -> rx.Component:
    """Many would bury the button: the rest is one step away, and stays open once one is chosen."""
    return rx.el.fieldset(
        rx.el.legend(words("pay.choose")),
        rx.foreach(
            Checkout.options, lambda option, place: _option(option, default_checked=place == 0)
        ),
        rx.cond(
            Checkout.more_options.length() > 0,
            rx.el.details(
                rx.el.summary(rx.el.span(Checkout.more_label), icon("chevron")),
                rx.el.div(rx.foreach(Checkout.more_options, _option), class_name="choices"),
                id="more-options",
                class_name="more",
            ),
        ),
        class_name="choices ways",
    )


def _option(option: rx.Var[Option], **props: Any) -> rx.Component:
    return rx.el.div(
        _choice(option, **props),
        rx.cond(option.pushes, _push(option)),
        class_name="choice-group",
        key=option.type,
    )


def _choice(option: rx.Var[Option], **props: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name="payment_product_type", value=option.type, **props),
        rx.el.span(
            rx.el.span(
                option.title,
                class_name="strong block",
                custom_attrs={"translate": rx.cond(option.is_name, "no", "yes")},
            ),
            rx.cond(option.note != "", rx.el.span(option.note, class_name="muted small block")),
        ),
        rx.el.span(rx.foreach(option.marks, _mark), class_name="marks"),
        rx.el.span(option.next, class_name="small next"),
        class_name="choice",
    )


def _push(option: rx.Var[Option]) -> rx.Component:
    """Unfolds beneath the option that is chosen, and the number beneath the tick: by CSS alone."""
    errors, tick, name = Checkout.errors, f"{_PUSH}{option.type}", f"{_NUMBER}{option.type}"
    error_id, hint_id = f"{name}-error", f"{name}-hint"
    return rx.el.div(
        rx.el.label(
            rx.el.input(type="checkbox", id=tick, name=tick),
            rx.el.span(words("push.tick")),
            class_name="check",
        ),
        rx.el.div(
            rx.el.label(words("push.number"), html_for=name),
            rx.el.input(
                type="tel",
                id=name,
                name=name,
                default_value=Checkout.contact.phone_number,
                input_mode="tel",
                auto_complete="tel",
                max_length=MAX_NUMBER,
                custom_attrs={
                    "aria-invalid": rx.cond(errors.contains(name), "true", "false"),
                    "aria-describedby": rx.cond(errors.contains(name), error_id, hint_id),
                },
            ),
            problem(errors, name, error_id),
            rx.el.p(words("push.hint"), id=hint_id, class_name="muted small"),
            class_name="field push-number",
        ),
        class_name="push",
    )


def _mark(address: rx.Var[str]) -> rx.Component:
    """Drawn in assets/marks.svg; the name stands beside it."""
    return rx.el.svg(
        rx.el.svg.use(href=address),
        view_box="0 0 48 32",
        class_name="mark",
        custom_attrs={"aria-hidden": "true", "focusable": "false"},
        key=address,
    )


def _consent(box: rx.Var[Consent]) -> rx.Component:
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
                    "aria-invalid": rx.cond(errors.contains(name), "true", "false"),
                    "aria-describedby": rx.cond(errors.contains(name), error_id, ""),
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
    """Two clicks without a dialog: the first unfolds what the second will do."""
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
