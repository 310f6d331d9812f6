"""The gift card: a form for number and PIN, or the card that is in use with what it pays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from backend.core import context
from backend.core.errors import GiftCardRefused, InvalidRequest, TooManyAttempts
from backend.payments.attempts import reclaim_card
from backend.sessions import payer
from checkout_ui.components.card_fields import NO_PASSWORD as _NO_PASSWORD
from checkout_ui.components.card_fields import NUMBER as _NUMBER
from checkout_ui.components.card_fields import PIN as _PIN
from checkout_ui.components.elements import (
    LONGEST_PIN,
    Control,
    button,
    field,
    icon,
    problem,
    step,
    words,
)
from checkout_ui.presenters import formats, pin_attempts, typed
from checkout_ui.state.checkout import Checkout
from checkout_ui.steps.gift_card_amount import amount
from checkout_ui.steps.scan import scan


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    gift_card_number: Annotated[str, StringConstraints(max_length=200)] = ""
    gift_card_pin: Annotated[str, StringConstraints(max_length=LONGEST_PIN)] = ""


class GiftCardState(Checkout):
    """The gift card's step. It never keeps number or PIN: they are used in `add` and dropped."""

    @rx.event
    async def add(self, form_data: dict[str, Any]) -> AsyncIterator[None]:
        try:
            form = _Form.model_validate(form_data)
        except ValidationError:
            self._refuse("not_matched", _NUMBER)
            return
        number, pin = typed.number(form.gift_card_number), typed.plain(form.gift_card_pin)
        if not number or not pin:
            self._refuse_missing(number, pin)
            return
        if not self._begin("add"):
            return
        yield
        add = reclaim_card.reclaim_and_add if self.held_elsewhere else reclaim_card.add_gift_card
        try:
            await add(
                context.current(),
                self._session_id(),
                number,
                pin,
                self._source(),
            )
        except TooManyAttempts as error:
            self.errors = {_NUMBER: pin_attempts.sentence(error, self._language)}
            self._move_focus(_NUMBER)
        except GiftCardRefused as error:
            await self._refresh()
            self.held_elsewhere = error.reason in ("held_elsewhere", "still_held")
            if error.reason != "already_added":
                self._refuse(error.reason, _NUMBER)
        except Exception as error:
            await self._fail(error)
        else:
            await self._added()
        finally:
            self._end()

    @rx.event
    async def reclaim(self, form_data: dict[str, Any]) -> AsyncIterator[None]:
        """Reclaim the card in use from a payment that was left open elsewhere, by its PIN."""
        try:
            pin = typed.plain(_Form.model_validate(form_data).gift_card_pin)
        except ValidationError:
            self._refuse("wrong_pin", _PIN)
            return
        if not pin:
            self._refuse("pin_missing", _PIN)
            return
        if not self._begin("reclaim"):
            return
        yield
        try:
            await reclaim_card.reclaim(context.current(), self._session_id(), pin, self._source())
        except TooManyAttempts as error:
            self.errors = {_PIN: pin_attempts.sentence(error, self._language)}
            self._move_focus(_PIN)
        except GiftCardRefused as error:
            await self._not_reclaimed(error.reason)
        except InvalidRequest:
            # The card was removed elsewhere.
            await self._refresh()
        except Exception as error:
            await self._fail(error)
        else:
            await self._added()
        finally:
            self._end()

    async def _not_reclaimed(self, reason: str) -> None:
        view = await self._refresh()
        if view is not None and view.gift_card is not None and view.gift_card.reclaimable:
            self._refuse("wrong_pin" if reason == "not_matched" else reason, _PIN)
            return
        # There is no field any more: the payment there succeeded in the meantime.
        self._announce(f"refused.{reason}")
        self._move_focus("card-remove")

    @rx.event
    async def remove(self) -> AsyncIterator[None]:
        if not self._begin("remove"):
            return
        yield
        try:
            await payer.remove_gift_card(context.current(), self._session_id())
        except Exception as error:
            await self._fail(error)
        else:
            if view := await self._refresh():
                to_pay = formats.money(view.to_pay, view.currency, self._language)
                self._announce("announced.card_removed", amount=to_pay)
                self._move_focus(_NUMBER if view.gift_card_offered else "card-heading")
        finally:
            self._end()

    async def _added(self) -> None:
        self.held_elsewhere = False
        view = await self._refresh()
        if view is None or view.gift_card is None:
            return
        self._announce(
            "announced.card_added",
            card=formats.money(view.gift_card.amount, view.currency, self._language),
            amount=formats.money(view.to_pay, view.currency, self._language),
        )
        self._move_focus("card-remove")

    def _refuse(self, reason: str, name: str) -> None:
        self.errors = {name: self._text(f"refused.{reason}")}
        self._move_focus(name)

    def _refuse_missing(self, number: str, pin: str) -> None:
        missing = {}
        if not number:
            missing[_NUMBER] = self._text("refused.number_missing")
        if not pin:
            missing[_PIN] = self._text("refused.pin_missing")
        self.errors = missing
        self._move_focus(next(iter(missing)))


def gift_card() -> rx.Component:
    """Return the step. It comes after the details, and only if the rules allow a gift card. A card
    in use is shown."""
    return rx.cond(
        Checkout.has_card | Checkout.card_offered,
        step(
            "card",
            words("card.heading"),
            rx.cond(Checkout.has_card, _in_use(), rx.fragment(_form(), scan())),
        ),
    )


def _in_use() -> rx.Component:
    card = Checkout.card
    return rx.el.div(
        rx.el.div(
            icon("gift"),
            rx.el.div(
                rx.el.p(
                    rx.el.span(card.masked, aria_hidden="true", class_name="digits"),
                    rx.el.span(words("card.heading") + " " + card.spoken, class_name="sr-only"),
                    class_name="strong",
                    id="card-number",
                ),
                rx.el.p(
                    rx.el.span(rx.cond(card.preset, words("card.preset"), words("card.active"))),
                    rx.cond(card.expires != "", rx.el.span(" · " + card.expires)),
                    class_name="muted small",
                ),
                class_name="grow",
            ),
            button(
                words("card.remove"),
                Checkout.busy == "remove",
                type="button",
                id="card-remove",
                class_name="quiet",
                on_click=GiftCardState.remove,
                aria_label=words("card.remove_label"),
            ),
            class_name="card-row",
        ),
        rx.el.dl(
            rx.el.div(
                rx.el.dt(words("use.now")),
                rx.el.dd(card.now, class_name="amount", id="card-now"),
                class_name="muted",
            ),
            rx.el.div(
                rx.el.dt(words("card.pays")),
                rx.el.dd(card.pays, class_name="amount strong", id="card-pays"),
            ),
            rx.el.div(
                rx.el.dt(words("card.left")),
                rx.el.dd(card.left, class_name="amount", id="card-left"),
                class_name="muted",
            ),
            class_name="sums",
        ),
        rx.cond(
            card.held != "",
            rx.el.p(
                icon("clock"), rx.el.span(card.held), id="card-held", class_name="small card-ending"
            ),
        ),
        rx.cond(card.reclaim != "", _reclaim()),
        rx.cond(card.note != "", rx.el.p(card.note, id="card-note", class_name="small card-note")),
        rx.cond(
            card.ending != "",
            rx.el.p(
                icon("clock"),
                rx.el.span(card.ending),
                id="card-ending",
                class_name="small card-ending",
            ),
        ),
        rx.cond(card.adjustable, amount()),
        class_name="in-use",
        id="card-in-use",
    )


def _pin_field() -> rx.Component:
    return field(
        _PIN,
        words("card.pin"),
        Checkout.errors,
        max_length=LONGEST_PIN,
        class_name="third",
        control=Control(error_beneath=False),
        auto_complete="off",
        input_mode="numeric",
        custom_attrs=_NO_PASSWORD,
    )


def _reclaim() -> rx.Component:
    """Return the form for the PIN. The card is known, so its PIN alone ends the payment that holds
    it."""
    errors = Checkout.errors
    return rx.el.form(
        rx.el.p(Checkout.card.reclaim, id="card-reclaim-lead", class_name="small"),
        rx.el.div(
            _pin_field(),
            class_name="fields",
        ),
        problem(errors, _PIN, f"{_PIN}-error"),
        rx.el.div(
            button(
                words("card.reclaim"),
                Checkout.busy == "reclaim",
                words("card.taking_back"),
                type="submit",
                id="card-reclaim",
                class_name="secondary",
            ),
            class_name="actions",
        ),
        id="card-reclaim-form",
        method="post",
        no_validate=True,
        on_submit=GiftCardState.reclaim,
    )


def _form() -> rx.Component:
    errors = Checkout.errors
    return rx.el.form(
        rx.el.p(words("card.lead"), class_name="muted"),
        rx.el.div(
            field(
                _NUMBER,
                words("card.number"),
                errors,
                class_name="two-thirds",
                control=Control(error_beneath=False),
                auto_complete="off",
                input_mode="numeric",
                custom_attrs={**_NO_PASSWORD, "data-group": "4"},
            ),
            _pin_field(),
            class_name="fields",
        ),
        # It goes across both fields, because the most common message is about both.
        problem(errors, _NUMBER, f"{_NUMBER}-error"),
        problem(errors, _PIN, f"{_PIN}-error"),
        rx.el.div(
            button(
                rx.cond(Checkout.held_elsewhere, words("card.reclaim"), words("card.add")),
                Checkout.busy == "add",
                rx.cond(Checkout.held_elsewhere, words("card.taking_back"), words("card.adding")),
                type="submit",
                id="card-add",
                class_name="secondary",
            ),
            class_name="actions",
        ),
        id="card-form",
        method="post",
        no_validate=True,
        on_submit=GiftCardState.add,
    )
