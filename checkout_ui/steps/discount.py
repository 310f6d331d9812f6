"""Discount codes: those that the shop has accepted, and a field for another one behind a
disclosure.

The shop is asked what a code does to the order (`backend.sessions.express_callbacks`), which takes
time, so the events run in the background.
"""

from __future__ import annotations

from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from backend.core import context
from backend.core.errors import DiscountRefused
from backend.sessions.express_callbacks import Asked, ChooseCodes, set_discount_codes
from checkout_ui.components.elements import Control, as_is, button, field, icon, problem, words
from checkout_ui.components.var_types import as_text, number_of
from checkout_ui.presenters import changes
from checkout_ui.presenters.typed import is_text
from checkout_ui.state.checkout import Checkout
from checkout_ui.state.events import event_of

_CODE = "discount_code"

_LONGEST = 100
"""Characters of a code."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")

    discount_code: Annotated[str, StringConstraints(strip_whitespace=True, max_length=_LONGEST)] = (
        ""
    )


class DiscountState(Checkout):
    @rx.event(background=True)
    async def apply(self, form_data: dict[str, Any]) -> None:
        try:
            code = _Form.model_validate(form_data).discount_code
        except ValidationError:
            async with self:
                self._refuse("not_taken")
            return
        async with self:
            if not code:
                self._refuse("required")
                return
            if not self._begin("discount"):
                return
            view = await self._read()
            before = [] if view is None else list(view.discount_codes)
            if any(_same(code, known) for known in before):
                self._end()
                self._refuse("in_use")
                return
        answer = await self._ask(lambda in_use: [*in_use, code])
        if answer is None:
            return
        after, shown = answer
        async with self:
            # The shop may spell the code in its own way.
            if any(_same(code, known) for known in after) or set(after) - set(before):
                self._announce("announced.discount_added", amount=self.sums.to_pay)
                self._move_focus(_CODE)
            else:
                self._refuse("not_taken")
            if shown is not None:
                self._tell_changed(shown, "")

    @rx.event(background=True)
    async def remove(self, code: str) -> None:
        if not is_text(code) or code not in self.discount_codes:
            return
        async with self:
            if not self._begin(f"discount {code}"):
                return
        answer = await self._ask(lambda in_use: [known for known in in_use if known != code])
        if answer is None:
            return
        after, shown = answer
        async with self:
            if code in after:
                self._refuse("callback_failed")
            else:
                self._announce("announced.discount_removed", amount=self.sums.to_pay)
                self._move_focus("discount-summary")
            if shown is not None:
                self._tell_changed(shown, "")

    async def _ask(self, codes: ChooseCodes) -> tuple[list[str], changes.Order | None] | None:
        """Return the codes in use after the shop was asked and, if somebody else changed the order
        in the meantime, the order as it was shown before. None if the shop could not be asked,
        which the page says. Then the action is over."""
        failed: Exception | None = None
        asked = Asked()
        try:
            asked = await set_discount_codes(
                context.current(), self._session_id(), codes, source=self._source()
            )
        except Exception as error:
            failed = error
        async with self:
            self._end()
            before = self._order()
            if isinstance(failed, DiscountRefused):
                await self._refresh()
                self._refuse(failed.reason)
            elif failed is not None:
                await self._fail(failed)
            else:
                view = await self._refresh()
                shown = before if asked.anew else None
                return None if view is None else (list(view.discount_codes), shown)
        return None

    def _refuse(self, reason: str) -> None:
        self.errors = {_CODE: self._text(f"error.discount.{reason}")}
        self._move_focus(_CODE)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def discount() -> rx.Component:
    """Return the discount codes, if the shop accepts any. Those in use stay in sight when the field
    is folded."""
    errors = Checkout.errors
    return rx.cond(
        Checkout.discounts_offered,
        rx.el.section(
            rx.cond(
                number_of(Checkout.discount_codes) > 0,
                rx.el.ul(
                    rx.foreach(Checkout.discount_codes, _in_use),
                    id="discount-codes",
                    class_name="codes",
                    custom_attrs={"aria-label": words("discount.in_use")},
                ),
            ),
            rx.el.details(
                rx.el.summary(
                    rx.el.span(words("discount.heading")), icon("chevron"), id="discount-summary"
                ),
                _form(),
                id="discount",
            ),
            # It is outside of what folds, because removing a code may fail as well.
            problem(errors, _CODE, f"{_CODE}-error"),
            class_name="step discount",
            custom_attrs={"aria-label": words("discount.heading")},
        ),
    )


def _in_use(code: str) -> rx.Component:
    return rx.el.li(
        icon("check"),
        as_is(code, class_name="strong"),
        button(
            words("discount.remove"),
            Checkout.busy == f"discount {code}",
            words("discount.removing"),
            type="button",
            class_name="quiet",
            on_click=event_of(DiscountState.remove, code),
            aria_label=words("discount.remove") + " " + code,
        ),
        key=code,
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            # This is another element once the codes have changed, because what was typed is in use
            # now.
            rx.el.div(
                field(
                    _CODE,
                    words("discount.code"),
                    Checkout.errors,
                    control=Control(error_beneath=False),
                    max_length=_LONGEST,
                    auto_complete="off",
                    custom_attrs={"spellcheck": "false", "autocapitalize": "off"},
                ),
                class_name="grow",
                key=as_text(number_of(Checkout.discount_codes)),
            ),
            button(
                words("discount.apply"),
                Checkout.busy == "discount",
                words("discount.applying"),
                type="submit",
                id="discount-apply",
                class_name="secondary",
            ),
            class_name="code",
        ),
        id="discount-form",
        method="post",
        no_validate=True,
        on_submit=DiscountState.apply,
    )
