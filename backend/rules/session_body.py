"""What a session's request says, as it stands now: read once when the session is loaded.

`raw` is the JSON in which it came, with all that we do not know. See `backend.rules.order`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.rules import json_values as values
from backend.rules.json_values import Json
from backend.rules.order import Address, Order, SessionConfiguration, ShippingOption

_CUSTOMER_TYPES = ("b2c", "b2b")


@dataclass(frozen=True, slots=True)
class Express:
    """`given`: the request has an `express` object. Without one, the defaults hold."""

    given: bool
    shipping_required: bool
    """Whether the payer is asked where the goods go."""
    shipping_options: tuple[ShippingOption, ...]
    offers_nothing: bool
    """The list of shipping options is given, and it is empty: the shop does not ship there."""
    shipping_callback_url: str | None
    discount_callback_url: str | None
    most_discount_codes: int
    customer_types: tuple[str, ...]

    @classmethod
    def read(cls, value: object) -> Express:
        raw = values.part(value)
        codes = values.part(raw.get("discount_codes"))
        return cls(
            given=value is not None,
            shipping_required=raw.get("shipping_mode") != "shipping_not_required",
            shipping_options=tuple(
                map(ShippingOption.read, values.parts(raw.get("shipping_options")))
            ),
            offers_nothing=raw.get("shipping_options") == [],
            shipping_callback_url=values.text(raw.get("shipping_address_callback_url")),
            discount_callback_url=values.text(codes.get("callback_url")),
            most_discount_codes=values.amount(codes.get("max_count")) or 1,
            customer_types=values.texts(raw.get("customer_types")) or _CUSTOMER_TYPES,
        )


@dataclass(frozen=True, slots=True)
class PresetCard:
    """The gift card that the merchant presets, by its own `card_id`. `amount` is how much of it is
    to be used (minor units), None for as much as can be."""

    card_id: str
    amount: int | None


@dataclass(frozen=True, slots=True)
class Customer:
    """A field that is not given is empty."""

    customer_id: str
    email: str
    phone_number: str
    preset_card: PresetCard | None

    @classmethod
    def read(cls, value: object) -> Customer:
        raw = values.part(value)
        wallets = values.parts(values.part(raw.get("gift_cards")).get("dintero.wallets"))
        preset = [
            PresetCard(str(c.get("card_id")), values.amount(c.get("amount"))) for c in wallets
        ]
        return cls(
            values.text(raw.get("customer_id")) or "",
            values.text(raw.get("email")) or "",
            values.text(raw.get("phone_number")) or "",
            preset[0] if preset else None,
        )


@dataclass(frozen=True, slots=True)
class Checkbox:
    id: str
    label: str
    required: bool
    checked: bool
    link_url: str | None
    link_text: str | None
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> Checkbox:
        link = values.part(raw.get("link"))
        return cls(
            id=values.text(raw.get("id")) or "",
            label=values.text(raw.get("label")) or "",
            required=bool(raw.get("required")),
            checked=bool(raw.get("checked")),
            link_url=values.text(link.get("url")),
            link_text=values.text(link.get("text")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class Urls:
    return_url: str
    callback_url: str | None
    merchant_terms_url: str | None

    @classmethod
    def read(cls, value: object) -> Urls:
        raw = values.part(value)
        return cls(
            values.text(raw.get("return_url")) or "",
            values.text(raw.get("callback_url")),
            values.text(raw.get("merchant_terms_url")),
        )


@dataclass(frozen=True, slots=True)
class SessionBody:
    """`configuration` and `merchant` are what the request says alone, without its profile."""

    order: Order
    express: Express
    configuration: SessionConfiguration
    customer: Customer
    checkboxes: tuple[Checkbox, ...]
    urls: Urls
    merchant: Json
    metadata: Json
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> SessionBody:
        return cls(
            order=Order.read(raw.get("order")),
            express=Express.read(raw.get("express")),
            configuration=SessionConfiguration.read(raw.get("configuration")),
            customer=Customer.read(raw.get("customer")),
            checkboxes=tuple(map(Checkbox.read, values.parts(raw.get("checkboxes")))),
            urls=Urls.read(raw.get("url")),
            merchant=values.part(raw.get("merchant")),
            metadata=values.part(raw.get("metadata")),
            raw=raw,
        )

    @property
    def phone_number(self) -> str | None:
        """Return the phone number as it was written: the customer's, or else an address's."""
        addresses = (address.phone_number for address in self.order.addresses)
        return next((number for number in (self.customer.phone_number, *addresses) if number), None)

    @property
    def email(self) -> str | None:
        """Return the e-mail address as it was written: the customer's, or else an address's, the
        billing address first."""
        addresses = (address.email for address in reversed(self.order.addresses))
        return next((email for email in (self.customer.email, *addresses) if email), None)

    @property
    def has_own_billing(self) -> bool:
        """Return whether the order has a billing address that differs from its shipping address."""
        shipping, billing = self.order.shipping_address, self.order.billing_address
        known, own = _given(shipping), _given(billing)
        if not own:
            return False
        for name, customers in (
            ("email", self.customer.email),
            ("phone_number", self.customer.phone_number),
        ):
            # An e-mail address or phone number makes a difference only if both are known.
            ours, theirs = known.pop(name, None) or customers, own.pop(name, None)
            if theirs and ours and theirs != ours:
                return True
        return own != known

    @property
    def required_consents(self) -> frozenset[str]:
        """Return the ids of the checkboxes that have to be ticked before the order is paid."""
        return frozenset(box.id for box in self.checkboxes if box.required)

    @property
    def is_divided(self) -> bool:
        """Return whether there are splits, in the order or in an option that can be chosen."""
        return self.order.is_divided or any(o.divided for o in self.express.shipping_options)

    def is_shipping_fixed(self, chosen: str | None) -> bool:
        """Return whether the shop has chosen an option for the payer: the order has one that is
        none of those that the session offers. It stays until the shop changes it. `chosen` is the
        key of the payer's choice."""
        return chosen is None and self.order.shipping_option is not None

    def is_shipping_missing(self, chosen: str | None) -> bool:
        """Return whether an option has to be chosen before the session can be paid."""
        offered = bool(self.express.shipping_options)
        return offered and chosen is None and not self.is_shipping_fixed(chosen)

    def separate_billing(self, configuration: SessionConfiguration) -> bool:
        """Return whether the payer may give a billing address that differs from the shipping
        address. `configuration` is the request's over the profile's."""
        types = self.express.customer_types
        default = configuration.default_customer_type or _CUSTOMER_TYPES[0]
        kind = default if default in types else types[0]
        return kind in configuration.separate_billing_for


def _given(address: Address | None) -> dict[str, object]:
    """Return the fields of an address that are not empty."""
    raw = address.raw if address is not None else {}
    return {name: value for name, value in raw.items() if value is not None and value != ""}
