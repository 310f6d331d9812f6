"""The form of the details as the browser sends it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.sessions.details import Details
from backend.sessions.view import AddressView
from checkout_ui.components.elements import LONGEST_TYPED

_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TYPED)]
_ADDRESS_FIELDS = (
    "country",
    "first_name",
    "last_name",
    "address_line",
    "address_line_2",
    "postal_code",
    "postal_place",
)


class Form(BaseModel):
    """The form as the browser sends it. Every field of it comes from a stranger."""

    model_config = ConfigDict(extra="ignore")

    email: _Text = ""
    phone_number: _Text = ""
    billing_differs: bool = False
    addresses: dict[str, dict[str, _Text]] = Field(default_factory=dict)

    @classmethod
    def read(cls, form_data: object) -> Form:
        """Read the form. ValidationError if it cannot be read."""
        given: dict[str, Any] = form_data if isinstance(form_data, dict) else {}
        addresses = {
            kind: {name: given.get(f"{kind}.{name}") or "" for name in _ADDRESS_FIELDS}
            for kind in ("shipping_address", "billing_address")
        }
        return cls(
            email=given.get("email") or "",
            phone_number=given.get("phone_number") or "",
            billing_differs=bool(given.get("billing_differs")),
            addresses=addresses,
        )

    def details(self, *, billing_allowed: bool) -> Details:
        billing = self.billing_differs and billing_allowed
        return Details(
            email=self.email,
            phone_number=self.phone_number,
            shipping=AddressView(**self.addresses["shipping_address"]),
            billing=AddressView(**self.addresses["billing_address"]) if billing else None,
        )


def read_form(form_data: object, *, billing_allowed: bool) -> Details:
    """Return the details as they were typed. ValidationError if the form is not one of ours."""
    return Form.read(form_data).details(billing_allowed=billing_allowed)
