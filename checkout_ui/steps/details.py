"""The payer's details and the address for the order. Once saved, they are folded to a summary with
Edit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import reflex as rx
from pydantic import ValidationError

from backend.core import context
from backend.core.errors import DetailsInvalid, FieldError, SessionLocked, ShippingUnavailable
from backend.sessions import payer
from backend.sessions.express_callbacks import Asked
from checkout_ui import texts
from checkout_ui.components.elements import (
    AS_IS,
    LONGEST_TYPED,
    Control,
    as_is,
    button,
    field,
    field_id,
    icon,
    problem,
    step,
    words,
)
from checkout_ui.components.var_types import as_text, has
from checkout_ui.presenters.addresses import Field as Part
from checkout_ui.presenters.checkout_page import Address
from checkout_ui.presenters.typed import is_text
from checkout_ui.state import following
from checkout_ui.state.checkout import Checkout
from checkout_ui.state.events import event_of
from checkout_ui.steps.details_form import Form
from checkout_ui.steps.returning import ReturningState

_UNAVAILABLE = "shipping"
"""The key in `errors` for why nothing can be delivered, which belongs to no single field."""
_PROBLEM = "details-problem"


class DetailsState(Checkout):
    @rx.event(background=True)
    async def save(self, form_data: dict[str, Any]) -> None:
        """Save the details, in the background: asking the shop what it can deliver takes time."""
        try:
            form = Form.read(form_data)
        except ValidationError:
            async with self:
                self._tell("error.summary")
            return
        async with self:
            if not self._begin("save"):
                return
            details = form.details(billing_allowed=self.billing_allowed)
        problem: Exception | None = None
        asked = Asked()
        try:
            session_id = self._session_id()
            asked = await following.when_unlocked(
                session_id, lambda: payer.set_details(context.current(), session_id, details)
            )
        except Exception as error:
            problem = error
        async with self:
            self._end()
            if problem is None:
                await self._saved(changed=asked.anew)
            else:
                await self._not_saved(problem)

    async def _saved(self, *, changed: bool = False) -> None:
        """Show that the details are saved. `changed`: while the shop was asked, somebody else
        changed the order."""
        self._set(open_details="")
        self._form_countries = {}
        before = self._order()
        await self._refresh()
        self._announce("announced.details_saved")
        if changed:
            self._tell_changed(before, "")
        self._move_focus("details-edit")

    async def _not_saved(self, error: Exception) -> None:
        if isinstance(error, DetailsInvalid):
            self._show_errors(error.errors)
        elif isinstance(error, ShippingUnavailable):
            # The details are kept. Only whether the shop can deliver there is not known, or the
            # answer is no.
            await self._refresh()
            self._set(errors={_UNAVAILABLE: self._text(f"error.shipping.{error.reason}")})
            self._move_focus(_PROBLEM)
        elif isinstance(error, SessionLocked):
            await self._refresh()
            self._tell("notice.was_locked")
        else:
            await self._fail(error)

    @rx.event
    def edit(self) -> None:
        self._set(open_details=self._session_id(), errors={})
        self._move_focus("email")

    @rx.event
    async def keep(self) -> None:
        """Leave the details as they are saved."""
        self._set(open_details="", errors={})
        self._form_countries = {}
        await self._refresh()
        self._move_focus("details-edit")

    @rx.event
    async def choose_country(self, kind: str, country: str) -> None:
        """Make the form follow the country: order and names of its fields. Nothing is saved yet.
        What was typed stays in the fields that stay."""
        view = await self._read()
        if kind not in ("shipping_address", "billing_address") or view is None:
            return
        if country in view.countries:
            self._form_countries = {**self._form_countries, kind: country}
            self._show(view)

    @rx.event
    async def choose_shipping(self, key: str) -> AsyncIterator[None]:
        if not is_text(key) or len(key) > 500:
            return
        before = self.sums.to_pay
        try:
            await payer.set_shipping_option(context.current(), self._session_id(), key)
        except Exception as error:
            # The browser has marked what was clicked. The page marks the true state again.
            self.shipping_options = [replace(o, selected=False) for o in self.shipping_options]
            yield
            await self._fail(error)
            return
        if view := await self._refresh():
            self._announce_total(view, before)

    def _show_errors(self, errors: tuple[FieldError, ...]) -> None:
        """Show each error at its field, and set the focus to the first of them in the order of the
        page. An error at a field that the page does not show is told at the top, with the field's
        name."""
        self.errors = {error.field: self._message(error) for error in errors}
        asked = self._asked_for()
        first = next((name for name in asked if name in self.errors), None)
        hidden = [error for error in errors if error.field not in asked]
        if hidden:
            said = dict.fromkeys(self._message(error, named=True) for error in hidden)
            self._set(notice=" ".join(said), notice_calm=False)
        if first is not None:
            self._move_focus(field_id(first))
        elif hidden:
            self._move_focus("notice")

    def _asked_for(self) -> list[str]:
        """Return the names of the form's fields, in their order on the page."""
        names = ["email", "phone_number"]
        for kind, parts, shown in (
            ("shipping_address", self.shipping_fields, self.asks_address),
            ("billing_address", self.billing_fields, self.billing_allowed),
        ):
            if shown:
                # If there is only one country, its field is hidden.
                country = [f"{kind}.country"] if self.country_choices else []
                names += [*country, *(f"{kind}.{part.name}" for part in parts)]
        return names

    def _message(self, error: FieldError, *, named: bool = False) -> str:
        """Return what is wrong. `named`: the text is understood away from its field."""
        name = error.field.rpartition(".")[2]
        known = texts.catalogue(self._language)
        said = known.get(f"error.{name}.{error.code}")
        if said is not None or not named:
            return said or known["error.field"]
        return f"{known.get(f'details.{name}', name)}: {known['error.field']}"


def details() -> rx.Component:
    return rx.cond(
        Checkout.asks_details,
        step(
            "details",
            words("details.heading"),
            rx.cond(Checkout.details_done & ~Checkout.editing, _folded(), _form()),
            aside=rx.cond(
                Checkout.details_done & ~Checkout.editing,
                rx.el.button(
                    words("details.edit"),
                    id="details-edit",
                    type="button",
                    class_name="quiet",
                    on_click=DetailsState.edit,
                    custom_attrs={"aria-label": words("details.edit_label")},
                ),
            ),
        ),
    )


def _folded() -> rx.Component:
    contact, address = Checkout.contact, Checkout.shipping_address
    return rx.el.div(
        icon("check"),
        rx.el.div(
            rx.cond(
                contact.name != "", rx.el.p(contact.name, class_name="strong", custom_attrs=AS_IS)
            ),
            rx.el.p(
                as_is(contact.email),
                rx.cond(contact.phone_number != "", as_is(" · " + contact.phone_number)),
            ),
            rx.cond(
                Checkout.asks_address & (address.summary != ""),
                rx.el.p(address.summary, class_name="muted", custom_attrs=AS_IS),
            ),
            rx.cond(
                Checkout.billing_differs,
                rx.el.p(
                    rx.el.span(words("details.billing") + ": "),
                    as_is(Checkout.billing_address.summary),
                    class_name="muted",
                ),
            ),
        ),
        class_name="folded",
    )


def _form() -> rx.Component:
    errors = Checkout.errors
    return rx.el.form(
        rx.el.div(
            field(
                "email",
                words("details.email"),
                errors,
                value=Checkout.contact.email,
                type="email",
                auto_complete="email",
                input_mode="email",
                class_name="half",
                custom_attrs={"autocapitalize": "off", "spellcheck": "false"},
            ),
            field(
                "phone_number",
                words("details.phone"),
                errors,
                value=Checkout.contact.phone_number,
                type="tel",
                auto_complete="tel",
                input_mode="tel",
                class_name="half",
            ),
            class_name="fields",
        ),
        rx.cond(
            Checkout.asks_address,
            rx.el.fieldset(
                rx.el.legend(words("details.address"), class_name="sub"),
                _address("shipping_address", "shipping", Checkout.shipping_address),
            ),
        ),
        rx.cond(Checkout.billing_allowed, _billing()),
        rx.cond(
            has(errors, _UNAVAILABLE),
            rx.el.div(
                icon("alert"),
                rx.el.p(errors[_UNAVAILABLE]),
                id=_PROBLEM,
                class_name="notice bad",
                tab_index=-1,
            ),
        ),
        rx.el.div(
            button(
                words("details.save"),
                Checkout.busy == "save",
                words("details.saving"),
                type="submit",
                id="details-save",
                class_name="primary",
            ),
            rx.cond(
                Checkout.details_done,
                rx.el.button(
                    words("details.keep"),
                    type="button",
                    class_name="quiet",
                    on_click=DetailsState.keep,
                ),
            ),
            class_name="actions",
        ),
        id="details-form",
        key=as_text(ReturningState.filled),
        method="post",
        no_validate=True,
        on_submit=DetailsState.save,
    )


def _billing() -> rx.Component:
    """Return the billing address. Its checkbox unfolds it by CSS alone, so that it works on a bad
    line."""
    return rx.el.div(
        rx.el.label(
            rx.el.input(
                type="checkbox",
                id="billing-differs",
                name="billing_differs",
                default_checked=Checkout.billing_differs,
            ),
            rx.el.span(words("details.billing_different")),
            class_name="check",
        ),
        rx.el.fieldset(
            rx.el.legend(words("details.billing"), class_name="sub"),
            _address("billing_address", "billing", Checkout.billing_address),
            class_name="disclosed",
        ),
        class_name="billing",
    )


def _address(kind: str, section: str, known: Address) -> rx.Component:
    """Return an address form. `section` is HTML's autofill section: shipping or billing. The
    country comes first, because the other fields follow it. If there is only one, nobody has to
    choose."""
    name = f"{kind}.country"
    fields = Checkout.shipping_fields if section == "shipping" else Checkout.billing_fields
    return rx.el.div(
        rx.cond(
            Checkout.country_choices == "",
            rx.el.input(type="hidden", name=name, value=known.country),
            field(
                name,
                words("details.country"),
                Checkout.errors,
                value=known.country,
                control=Control(choices=Checkout.country_choices),
                auto_complete=f"{section} country",
                on_change=lambda country: event_of(DetailsState.choose_country, kind, country),
            ),
        ),
        rx.foreach(fields, lambda part: _part(kind, section, part)),
        class_name="fields",
    )


def _part(kind: str, section: str, part: Part) -> rx.Component:
    """Return a field with its name as key, so that a field that moves keeps what was typed in
    it."""
    errors = Checkout.errors
    name, element_id = f"{kind}.{part.name}", f"{kind}-{part.name}"
    error_id = f"{kind}-{part.name}-error"
    return rx.el.div(
        rx.el.label(part.label, html_for=element_id),
        rx.el.input(
            type="text",
            id=element_id,
            name=name,
            max_length=LONGEST_TYPED,
            default_value=part.value,
            auto_complete=f"{section} {part.autofill}",
            custom_attrs={
                "aria-invalid": rx.cond(has(errors, name), "true", "false"),
                "aria-describedby": rx.cond(has(errors, name), error_id, ""),
                "aria-required": rx.cond(part.name == "address_line_2", "false", "true"),
            },
        ),
        problem(errors, name, error_id),
        class_name=rx.cond(part.half, "field half", "field"),
        key=part.name,
    )
