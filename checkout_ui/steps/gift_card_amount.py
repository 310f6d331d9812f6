"""How much of the gift card to use. It is behind a disclosure, since most payers use all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from backend.core import context
from backend.core.errors import GiftCardAmountRefused, InvalidRequest
from backend.rules.gift_card import MIN_AMOUNT
from backend.rules.remainder import Remainder, Verdict
from backend.sessions import payer
from checkout_ui.components.elements import Control, button, field, problem, words
from checkout_ui.components.var_types import has
from checkout_ui.presenters import formats, remainder_view, typed_amount
from checkout_ui.state.checkout import Checkout

_AMOUNT = "gift_card_amount"
_HINT = "card-amount-hint"


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")

    gift_card_amount: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class GiftCardAmountState(Checkout):
    @rx.event
    async def set_amount(self, form_data: dict[str, Any]) -> AsyncIterator[None]:
        """Use the amount that was typed, in whatever form."""
        try:
            typed = _Form.model_validate(form_data).gift_card_amount
        except ValidationError:
            self._refuse("required")
            return
        if not self._begin("amount"):
            return
        yield
        try:
            view = await self._read()
            if view is None:
                return
            example = typed_amount.written(12345, view.currency, self._language)
            wanted = typed_amount.read(typed, view.currency, self._language)
            maximum = view.gift_card.maximum if view.gift_card is not None else None
            if not typed:
                self._refuse("required")
            elif wanted is None:
                self._refuse("invalid", example=example)
            elif wanted < MIN_AMOUNT:
                self._refuse("too_small", amount=self._money(MIN_AMOUNT, view.currency))
            elif maximum is not None and wanted > maximum:
                # The page first shows the amounts because of which it is refused.
                self._show(view)
                self._refuse("too_much", amount=self._money(maximum, view.currency))
            else:
                await self._choose(wanted)
        finally:
            self._end()

    @rx.event
    async def use_all(self) -> AsyncIterator[None]:
        if not self._begin("all"):
            return
        yield
        try:
            await self._choose(None)
        finally:
            self._end()

    @rx.event
    async def use_less(self) -> AsyncIterator[None]:
        """Use less of the card, so that exactly the smallest amount is left to pay. The session as
        it is now says how much that is, not the page."""
        if not self._begin("less"):
            return
        yield
        try:
            view = await self._read()
            if view is None:
                return
            if view.remainder.verdict is Verdict.USE_LESS:
                await self._choose(view.remainder.usable, focus="pay-heading")
            else:
                self._show(view)
                self._tell_split_changed(view)
        finally:
            self._end()

    async def _choose(self, wanted: int | None, focus: str = "card-amount-summary") -> None:
        try:
            await payer.set_gift_card_amount(context.current(), self._session_id(), wanted)
        except GiftCardAmountRefused as error:
            await self._refuse_remainder(error, wanted)
            return
        except InvalidRequest:
            # The card was removed elsewhere.
            view = await self._refresh()
            if view is not None:
                self._tell_split_changed(view)
            return
        except Exception as error:
            await self._fail(error)
            return
        view = await self._refresh()
        if view is None or view.gift_card is None:
            return
        self._announce(
            "announced.card_amount",
            card=self._money(view.gift_card.amount, view.currency),
            amount=self._money(view.to_pay, view.currency),
        )
        self._move_focus(focus)

    async def _refuse_remainder(self, error: GiftCardAmountRefused, wanted: int | None) -> None:
        """Say beside the field what would work, because no option takes what would be left."""
        view = await self._refresh()
        if view is None:
            return
        told = error.details
        if told["reason"] == Verdict.USE_LESS:
            self._refuse(
                "use_less",
                rest=self._money(told["amount"], view.currency),
                minimum=self._money(told["minimum"], view.currency),
                amount=self._money(told["gift_card_amount"], view.currency),
            )
            return
        judged = Remainder(told["amount"], Verdict(told["reason"]), minimum=told["minimum"])
        self.errors = {_AMOUNT: remainder_view.why(view, judged, self._language)}
        self._move_focus(_AMOUNT)

    def _money(self, amount: int, currency: str) -> str:
        return formats.money(amount, currency, self._language)

    def _refuse(self, reason: str, **values: str) -> None:
        self.errors = {_AMOUNT: self._text(f"error.card_amount.{reason}", **values)}
        self._move_focus(_AMOUNT)


def amount() -> rx.Component:
    """Return the amount's form. It is another element once the amount has changed: it is folded
    again, and what was typed is in use."""
    card = Checkout.card
    return rx.el.details(
        rx.el.summary(
            rx.el.span(card.use, class_name="grow", id="card-use"),
            rx.el.span(words("use.change"), class_name="change"),
            id="card-amount-summary",
        ),
        _form(),
        id="card-amount",
        class_name="card-amount",
        key=card.use,
    )


def _form() -> rx.Component:
    card, errors = Checkout.card, Checkout.errors
    error_id = f"{_AMOUNT}-error"
    described = rx.cond(has(errors, _AMOUNT), f"{error_id} {_HINT}", _HINT)
    return rx.el.form(
        field(
            _AMOUNT,
            words("use.field"),
            errors,
            value=card.typed,
            control=Control(error_beneath=False),
            auto_complete="off",
            input_mode="decimal",
            custom_attrs={"aria-describedby": described, "spellcheck": "false"},
        ),
        problem(errors, _AMOUNT, error_id),
        rx.el.p(card.hint, id=_HINT, class_name="muted small"),
        rx.el.div(
            button(
                words("use.set"),
                Checkout.busy == "amount",
                words("details.saving"),
                type="submit",
                id="card-amount-set",
                class_name="secondary",
            ),
            button(
                card.maximum,
                Checkout.busy == "all",
                words("details.saving"),
                type="button",
                id="card-amount-all",
                class_name="quiet",
                on_click=GiftCardAmountState.use_all,
            ),
            class_name="actions",
        ),
        id="card-amount-form",
        method="post",
        no_validate=True,
        on_submit=GiftCardAmountState.set_amount,
    )
