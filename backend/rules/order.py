"""An order and what surrounds it, as typed values: read once from the JSON in which they came.

Each keeps that JSON as `raw`: fields that we do not know are in it, untouched, and answers give
them back. Amounts are integers of minor units.

Source: `docs/reference/dintero-api.md#order`, `#configuration`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backend.rules import json_values as values
from backend.rules.json_values import Json
from backend.rules.payment_option import Switches, read_switches


@dataclass(frozen=True, slots=True)
class Address:
    """A shipping or billing address. A field that is not given is empty."""

    first_name: str = ""
    last_name: str = ""
    address_line: str = ""
    address_line_2: str = ""
    postal_code: str = ""
    postal_place: str = ""
    country: str = ""
    email: str = ""
    phone_number: str = ""
    raw: Json = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, value: object) -> Address:
        raw = values.part(value)
        return cls(
            first_name=values.text(raw.get("first_name")) or "",
            last_name=values.text(raw.get("last_name")) or "",
            address_line=values.text(raw.get("address_line")) or "",
            address_line_2=values.text(raw.get("address_line_2")) or "",
            postal_code=values.text(raw.get("postal_code")) or "",
            postal_place=values.text(raw.get("postal_place")) or "",
            country=values.text(raw.get("country")) or "",
            email=values.text(raw.get("email")) or "",
            phone_number=values.text(raw.get("phone_number")) or "",
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order. `divided`: its money goes to several payout destinations. `vat` is a
    percentage, `vat_amount` is in minor units."""

    line_id: str | None
    id: str | None
    description: str | None
    quantity: int | float | None
    amount: int
    vat: int | float | None
    vat_amount: int | None
    type: str | None
    thumbnail_url: str | None
    divided: bool
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> Item:
        return cls(
            line_id=values.text(raw.get("line_id")),
            id=values.text(raw.get("id")),
            description=values.text(raw.get("description")),
            quantity=values.number(raw.get("quantity")),
            amount=values.amount(raw.get("amount")) or 0,
            vat=values.number(raw.get("vat")),
            vat_amount=values.amount(raw.get("vat_amount")),
            type=values.text(raw.get("type")),
            thumbnail_url=values.text(raw.get("thumbnail_url")),
            divided=_is_divided(raw),
            raw=raw,
        )

    @property
    def name(self) -> str:
        """Return the item's description, or else its id."""
        return self.description or self.id or ""

    @property
    def shown_quantity(self) -> str:
        """Return the quantity as text, such as `1` or `1.5`."""
        return "1" if self.quantity is None else f"{self.quantity:g}"

    @property
    def shown_vat(self) -> str | None:
        """Return the percentage as text, such as `25`."""
        return None if self.vat is None else f"{self.vat:g}"


@dataclass(frozen=True, slots=True)
class ShippingOption:
    """A way to ship an order, and what it costs."""

    id: str | None
    line_id: str | None
    title: str
    operator: str | None
    operator_product_id: str | None
    description: str
    amount: int
    vat_amount: int | None
    divided: bool
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> ShippingOption:
        return cls(
            id=values.text(raw.get("id")),
            line_id=values.text(raw.get("line_id")),
            title=values.text(raw.get("title")) or "",
            operator=values.text(raw.get("operator")),
            operator_product_id=values.text(raw.get("operator_product_id")),
            description=values.text(raw.get("description")) or "",
            amount=values.amount(raw.get("amount")) or 0,
            vat_amount=values.amount(raw.get("vat_amount")),
            divided=_is_divided(raw),
            raw=raw,
        )

    def is_same(self, other: ShippingOption) -> bool:
        """Return whether both describe the same option, even if the price differs."""
        return (self.id, self.line_id, self.operator, self.operator_product_id) == (
            other.id, other.line_id, other.operator, other.operator_product_id,
        )  # fmt: skip


def option_of(order: Json) -> ShippingOption | None:
    """Return an order's shipping option; None if it has none."""
    option = values.part(order.get("shipping_option"))
    return ShippingOption.read(option) if option else None


def _is_divided(raw: Json) -> bool:
    return bool(raw.get("splits") or raw.get("fee_split"))


@dataclass(frozen=True, slots=True)
class Order:
    """`amount` includes the shipping option. `discount_codes` are those in use. `store` and
    `payout_destination_id` only travel through."""

    amount: int
    currency: str
    merchant_reference_2: str | None
    event_reference: str | None
    vat_amount: int | None
    items: tuple[Item, ...]
    shipping_option: ShippingOption | None
    shipping_address: Address | None
    billing_address: Address | None
    discount_codes: tuple[str, ...]
    partial_payment: bool
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Order:
        raw = values.part(value)
        return cls(
            amount=values.amount(raw.get("amount")) or 0,
            currency=values.text(raw.get("currency")) or "",
            merchant_reference_2=values.text(raw.get("merchant_reference_2")),
            event_reference=values.text(raw.get("event_reference")),
            vat_amount=values.amount(raw.get("vat_amount")),
            items=tuple(map(Item.read, values.parts(raw.get("items")))),
            shipping_option=option_of(raw),
            shipping_address=_address(raw.get("shipping_address")),
            billing_address=_address(raw.get("billing_address")),
            discount_codes=values.texts(raw.get("discount_codes")),
            partial_payment=raw.get("partial_payment") is True,
            raw=raw,
        )

    @property
    def items_amount(self) -> int:
        """Return the sum of the items (minor units), without shipping."""
        return sum(item.amount for item in self.items)

    @property
    def shipping_amount(self) -> int:
        """Return what the shipping option costs (minor units); 0 without an option."""
        return self.shipping_option.amount if self.shipping_option else 0

    @property
    def is_divided(self) -> bool:
        """Return whether an item or the shipping option is divided between payout destinations."""
        option = self.shipping_option
        return any(item.divided for item in self.items) or (option is not None and option.divided)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Return the shipping address, then the billing address, as far as they are given."""
        given = (self.shipping_address, self.billing_address)
        return tuple(address for address in given if address is not None)


def _address(value: object) -> Address | None:
    return Address.read(value) if values.part(value) else None


@dataclass(frozen=True, slots=True)
class Countries:
    """The countries (ISO alpha-2) that are allowed or denied, and the one that is preselected."""

    preferred: str | None = None
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: object) -> Countries:
        raw = values.part(value)
        return cls(
            values.text(raw.get("preferred_country")),
            values.texts(raw.get("allow_countries")),
            values.texts(raw.get("deny_countries")),
        )


@dataclass(frozen=True, slots=True)
class ReceiptSwitches:
    """Whether the receipt is shown and sent. None means that neither session nor profile says
    so."""

    show: bool | None = None
    email: bool | None = None
    sms: bool | None = None
    time_zone: str | None = None

    @classmethod
    def read(cls, value: object) -> ReceiptSwitches:
        raw = values.part(value)
        return cls(
            values.switch(raw.get("show")),
            values.switch(raw.get("email")),
            values.switch(raw.get("sms")),
            values.text(raw.get("time_zone")),
        )

    def over(self, other: ReceiptSwitches) -> ReceiptSwitches:
        """Return each switch of this, or else the other's."""
        return ReceiptSwitches(
            other.show if self.show is None else self.show,
            other.email if self.email is None else self.email,
            other.sms if self.sms is None else self.sms,
            self.time_zone or other.time_zone,
        )


@dataclass(frozen=True, slots=True)
class Publication:
    """A message that the shop wants sent: by which `channel`, and of which `kind`."""

    channel: str
    kind: str


THEME_KEYS = ("primary", "backdrop", "cardRadius", "buttonRadius")


@dataclass(frozen=True, slots=True)
class SessionConfiguration:
    """A configuration: a profile's, a request's, or the request's over the profile's."""

    auto_capture: bool | None
    strict_items: bool | None
    refund_to_unusable_gift_card: str | None
    channel: str | None
    language: str | None
    default_payment_type: str | None
    default_customer_type: str | None
    separate_billing_for: tuple[str, ...]
    """The types of customers (`b2c`, `b2b`) that may give another billing address."""
    countries: Countries
    receipt: ReceiptSwitches
    publish: tuple[Publication, ...]
    theme: Mapping[str, str]
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, value: object) -> SessionConfiguration:
        raw = values.part(value)
        separate = raw.get("allow_different_billing_shipping_address")
        return cls(
            auto_capture=values.switch(raw.get("auto_capture")),
            strict_items=values.switch(raw.get("strict_items")),
            refund_to_unusable_gift_card=values.text(raw.get("refund_to_unusable_gift_card")),
            channel=values.text(raw.get("channel")),
            language=values.text(raw.get("language")),
            default_payment_type=values.text(raw.get("default_payment_type")),
            default_customer_type=values.text(raw.get("default_customer_type")),
            separate_billing_for=values.texts(separate),
            countries=Countries.read(raw.get("countries")),
            receipt=ReceiptSwitches.read(raw.get("receipt")),
            publish=tuple(
                Publication(str(one.get("channel")), str(one.get("type")))
                for one in values.parts(raw.get("publish"))
            ),
            theme=_theme(raw.get("theme")),
            raw=raw,
        )

    @property
    def switches(self) -> Switches:
        return read_switches(self.raw)

    def over(self, profile: SessionConfiguration) -> SessionConfiguration:
        """Return this configuration over a profile's. A field that is given here is taken whole;
        of `receipt` and `theme` each part is taken alone."""
        given = {name: value for name, value in self.raw.items() if value is not None}
        merged = SessionConfiguration.read({**profile.raw, **given})
        return replace(
            merged,
            receipt=self.receipt.over(profile.receipt),
            theme={**profile.theme, **self.theme},
        )


def _theme(value: object) -> dict[str, str]:
    raw = values.part(value)
    return {key: str(raw[key]) for key in THEME_KEYS if isinstance(raw.get(key), str | int | float)}


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who sells. `name` is empty only in what a single profile or request says."""

    name: str
    logo_url: str | None
    country: str | None
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, value: object) -> Merchant:
        raw = values.part(value)
        return cls(
            values.text(raw.get("name")) or "",
            values.text(raw.get("logo_url")),
            values.text(raw.get("country")),
            raw,
        )

    @classmethod
    def of(cls, account_name: str, profile: object, request: object = None) -> Merchant:
        """Return what a request says of the merchant over what the profile says. Without a name
        there, the merchant is called as its account."""
        layers = ({"name": account_name}, values.part(profile), values.part(request))
        return cls.read({k: v for layer in layers for k, v in layer.items() if values.text(v)})
