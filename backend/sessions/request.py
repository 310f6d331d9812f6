"""The bodies of session requests. Unknown fields of merchants are kept and given back; names that
are ours (`own_names`) are dropped.

Source: `docs/reference/dintero-api.md#checkout-sessions`. Amounts are minor units; `29990.0` is
one, `29990.5` is none.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    model_validator,
)

from backend.rules import browser_address
from backend.rules.payment_option import OWN_PRODUCTS, PRODUCTS, STANDALONE
from backend.sessions.own_names import without_ours

MAX_AMOUNT = 10**12
FLOAT_NOISE = 1e-6


def whole_number(value: object) -> object:
    """A JSON number without a fraction, as an int.

    Some clients multiply by 100 in floats: `299.90 * 100` is 29989.999999999996 and means 29990.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be an integer of minor units")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("must be an integer of minor units")
        nearest = round(value)
        if abs(value - nearest) > FLOAT_NOISE:
            raise ValueError("must be an integer of minor units, without a fraction")
        return nearest
    return value


def _known_currency(value: str) -> str:
    if value not in get_global("all_currencies"):
        raise ValueError("must be an ISO 4217 currency code")
    return value


def _whole_address(value: str) -> str:
    """Whatever takes it apart later must not fail: a payment would never end."""
    try:
        parts = urlsplit(value)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise ValueError("must be an address that can be opened") from error
    return value


def _for_browsers(value: str) -> str:
    """A payer's browser goes there. Whether the scheme is allowed is the profile's to say."""
    wrong = browser_address.what_is_wrong(value)
    if wrong is not None:
        raise ValueError(wrong)
    return value


def _picture(value: str) -> str:
    """What is no web address is never shown, but a scheme that browsers run is refused at once."""
    if browser_address.scheme_of(value.strip()) in browser_address.NEVER:
        raise ValueError("must not be an address of this scheme")
    return value


def _moment(value: object) -> object:
    """ISO 8601, in UTC; without a zone it is UTC, as in Dintero's list filters. In a query a `+`
    that nobody encoded arrives as a blank. A bare number is no moment, and the ends of the
    calendar are none either: in another zone they are no dates."""
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 date-time")
    try:
        parsed = datetime.fromisoformat(_BLANK_ZONE.sub("+", value.strip()))
    except ValueError as error:
        raise ValueError("must be an ISO 8601 date-time") from error
    if not 1 < parsed.year < 9999:
        raise ValueError("must be an ISO 8601 date-time of this age")
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _known_zone(value: str) -> str:
    """An IANA name, such as `Europe/Oslo`."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a time zone, such as Europe/Oslo") from error
    return value


_BLANK_ZONE = re.compile(r" (?=\d\d:?\d\d$)")
# The bounds stand first: after the validator, the API's description would not show them.
SignedAmount = Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT), BeforeValidator(whole_number)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT), BeforeValidator(whole_number)]
CardAmount = Annotated[int, Field(ge=1, le=MAX_AMOUNT), BeforeValidator(whole_number)]
"""Of a gift card, what is to be used of it."""
Number = Annotated[int | float, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
"""A quantity, or a percentage: one that can be written."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$"), AfterValidator(_known_currency)]
Text = Annotated[str, Field(max_length=255)]
Flag = Annotated[bool, Strict()]
Noted = str | Annotated[int, Strict()] | Annotated[float, Strict()] | None
"""A value of metadata: a string or a number; `true` is neither."""
Moment = Annotated[datetime, BeforeValidator(_moment)]
HttpUrl = Annotated[
    str,
    Field(max_length=2048, pattern=r"^https?://[^\s/?#]+[^\s]*$"),
    AfterValidator(_whole_address),
]
ReturnUrl = Annotated[
    str,
    Field(max_length=2048, pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^\s]+$"),
    AfterValidator(_whole_address),
    AfterValidator(_for_browsers),
]
PageUrl = Annotated[HttpUrl, AfterValidator(_for_browsers)]
"""A web page that the payer opens."""
PictureUrl = Annotated[str, Field(max_length=2048), AfterValidator(_picture)]


class Loose(BaseModel):
    """Knows some fields, keeps the others."""

    model_config = ConfigDict(extra="allow")


class Known(BaseModel):
    """What a payer sends: what is not known is passed over, and never stored."""

    model_config = ConfigDict(extra="ignore")


class UrlPart(Loose):
    return_url: ReturnUrl
    callback_url: HttpUrl | None = None
    merchant_terms_url: PageUrl | None = None


class Address(Loose):
    first_name: Text | None = None
    last_name: Text | None = None
    address_line: Text | None = None
    address_line_2: Text | None = None
    co_address: Text | None = None
    business_name: Text | None = None
    postal_code: Text | None = None
    postal_place: Text | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    phone_number: Annotated[str, Field(pattern=r"^\+?\d{5,15}$")] | None = None
    email: Text | None = None


class PayerAddress(Known):
    """All the fields that an address has in Dintero's description of it."""

    first_name: Text | None = None
    last_name: Text | None = None
    address_line: Text | None = None
    address_line_2: Text | None = None
    co_address: Text | None = None
    business_name: Text | None = None
    postal_code: Text | None = None
    postal_place: Text | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    phone_number: Annotated[str, Field(pattern=r"^\+?\d{5,15}$")] | None = None
    email: Text | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    comment: Annotated[str, Field(max_length=1024)] | None = None
    organization_number: Text | None = None
    organization_type: Text | None = None
    customer_reference: Text | None = None
    cost_center: Text | None = None


class Item(Loose):
    id: Text | None = None
    line_id: Text | None = None
    description: Annotated[str, Field(max_length=1024)] | None = None
    quantity: Number | None = None
    amount: SignedAmount | None = None
    vat_amount: SignedAmount | None = None
    vat: Number | None = None
    splits: list[dict[str, Any]] | None = None
    fee_split: dict[str, Any] | None = None
    thumbnail_url: PictureUrl | None = None


class ShippingOption(Loose):
    id: Text
    line_id: Text
    amount: Amount
    operator: Text
    title: Text
    description: Annotated[str, Field(max_length=1024)] | None = None
    vat_amount: Amount | None = None
    vat: Number | None = None
    splits: list[dict[str, Any]] | None = None
    fee_split: dict[str, Any] | None = None


class Store(Loose):
    id: Text


class OrderParts(Loose):
    """What an order has besides its amount, wherever it is sent."""

    merchant_reference_2: Text | None = None
    event_reference: Text | None = None
    vat_amount: SignedAmount | None = None
    items: Annotated[list[Item], Field(max_length=1000)] | None = None
    shipping_option: ShippingOption | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    store: Store | None = None
    discount_codes: Annotated[list[Text], Field(max_length=100)] | None = None
    discount_lines: list[dict[str, Any]] | None = None
    payout_destination_id: Annotated[str, Field(max_length=40)] | None = None


class Order(OrderParts):
    amount: Amount
    currency: Currency
    merchant_reference: Annotated[str, Field(min_length=1, max_length=255)]
    partial_payment: Flag = False


class WalletsCard(Loose):
    card_id: Annotated[str, Field(min_length=1, max_length=255)]
    amount: CardAmount | None = None
    """How much of it is to be used; without it, as much as can be. Dintero knows no such field."""


class GiftCards(Loose):
    wallets: Annotated[list[WalletsCard], Field(max_length=1)] | None = Field(
        default=None, alias="dintero.wallets"
    )


class Customer(Loose):
    customer_id: Text | None = None
    email: Text | None = None
    phone_number: Text | None = None
    gift_cards: GiftCards | None = None


class Countries(Loose):
    preferred_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    allow_countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] | None = None
    deny_countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] | None = None

    @model_validator(mode="after")
    def _not_both(self) -> Countries:
        both = sorted({*(self.allow_countries or ())} & {*(self.deny_countries or ())})
        if both:
            raise ValueError(f"allowed and denied at once: {', '.join(both)}")
        return self


class Publish(Loose):
    channel: Literal["sms", "push"]
    type: Literal["checkout-link", "app", "terminal"]


class Receipt(Loose):
    show: Flag | None = None
    email: Flag | None = None
    sms: Flag | None = None
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] | None = None


class Configuration(Loose):
    receipt: Receipt | None = None
    publish: Annotated[list[Publish], Field(max_length=5)] | None = None
    active_payment_types: dict[str, Any] | None = None
    auto_capture: Flag | None = None
    channel: Literal["ecommerce", "in_app", "in_store"] | None = None
    countries: Countries | None = None
    allow_different_billing_shipping_address: list[Literal["b2c", "b2b"]] | None = None
    theme: dict[str, Any] | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    """Ours: of the payer's page, where its address says nothing (a BCP 47 tag)."""
    default_payment_type: Text | None = None
    default_customer_type: Literal["b2c", "b2b"] | None = None
    allow_express_wallet_payment: Flag | None = None
    refund_to_unusable_gift_card: Literal["refuse", "new_card"] | None = None
    """Ours: what becomes of a refund to a gift card that was deleted or has expired."""
    strict_items: Flag | None = None
    """Ours: `items` of captures, refunds and updates have to fit what is left of their lines."""

    @model_validator(mode="after")
    def _switches(self) -> Configuration:
        """Of the payment types that are known; what else stands here is kept as it came."""
        given = self.model_extra or {}
        _check_switch("active_payment_types", self.active_payment_types)
        for name in STANDALONE:
            _check_switch(name, given.get(name))
        for name, products in (*PRODUCTS.items(), ("dintero", OWN_PRODUCTS)):
            group = given.get(name)
            if group is not None and not isinstance(group, dict):
                raise ValueError(f"{name} must be an object of its products")
            for product in products:
                _check_switch(f"{name}.{product}", (group or {}).get(product))
        return self


def _check_switch(name: str, value: object) -> None:
    """`{"enabled": bool, …}`; null says nothing."""
    if value is None:
        return
    enabled = value.get("enabled") if isinstance(value, dict) else ""
    if not (enabled is None or isinstance(enabled, bool)):
        raise ValueError(f'{name} must be an object, its "enabled" true or false')


class ExpressDiscountCodes(Loose):
    max_count: Annotated[int, Strict(), Field(ge=0, le=100)] | None = None
    callback_url: HttpUrl | None = None


class Express(Loose):
    shipping_options: list[ShippingOption] | None = None
    shipping_address_callback_url: HttpUrl | None = None
    discount_codes: ExpressDiscountCodes | None = None
    shipping_mode: Literal["shipping_required", "shipping_not_required"] | None = None
    customer_types: list[Literal["b2c", "b2b"]] | None = None
    default_different_billing_shipping_address: list[Literal["b2c", "b2b"]] | None = None


class CheckboxLink(Loose):
    url: PageUrl
    text: Text


class Checkbox(Loose):
    id: Text
    label: Annotated[str, Field(min_length=2, max_length=99)]
    checked: Flag = False
    required: Flag = False
    link: CheckboxLink | None = None


class Merchant(Loose):
    name: Text
    logo_url: PictureUrl


class SessionRequest(Loose):
    """`POST /sessions-profile` and `POST /sessions`."""

    url: UrlPart
    order: Order
    profile_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    customer: Customer | None = None
    configuration: Configuration | None = None
    express: Express | None = None
    expires_at: Moment | None = None
    checkboxes: Annotated[list[Checkbox], Field(max_length=2)] | None = None
    merchant: Merchant | None = None
    metadata: dict[str, Noted] | None = None

    @model_validator(mode="after")
    def _channel(self) -> SessionRequest:
        channel = self.configuration.channel if self.configuration else None
        if channel == "in_app" and self.express is not None:
            raise ValueError("the channel in_app does not go with express")
        return self

    def as_body(self) -> dict[str, Any]:
        """What was sent, with amounts as ints; fields that were not sent are not there, nor what
        only our answers say."""
        return without_ours(self.model_dump(mode="json", by_alias=True, exclude_unset=True))
