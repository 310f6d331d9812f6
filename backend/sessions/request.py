"""The bodies of session requests. Unknown fields of merchants are kept, and answers have them too.
Names that are ours (`own_names`) are dropped, and so are values that say nothing (`reading`).

Source: `docs/reference/dintero-api.md#checkout-sessions`. Amounts are minor units.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from backend.rules.payment_option import OWN_PRODUCTS, PRODUCTS, STANDALONE
from backend.sessions.fields import (
    MAX_AMOUNT,
    Amount,
    CardAmount,
    Country,
    Currency,
    Flag,
    HttpUrl,
    Metadata,
    Moment,
    Number,
    PageUrl,
    Part,
    Phone,
    PictureUrl,
    ReturnUrl,
    SignedAmount,
    Text,
    Words,
    Zone,
    whole_number,
)
from backend.sessions.order_request import (
    Address,
    Item,
    Order,
    OrderParts,
    PayerAddress,
    ShippingOption,
    Store,
)
from backend.sessions.own_names import without_ours
from backend.sessions.reading import Known, Loose

__all__ = [
    "MAX_AMOUNT", "Address", "Amount", "CardAmount", "Currency", "Flag", "HttpUrl", "Item", "Known",
    "Loose", "Moment", "Number", "OrderParts", "PageUrl", "PayerAddress", "PictureUrl", "ReturnUrl",
    "ShippingOption", "SignedAmount", "Store", "Text", "whole_number",
]  # fmt: skip


class UrlPart(Loose):
    return_url: ReturnUrl
    callback_url: HttpUrl | None = None
    merchant_terms_url: PageUrl | None = None


class WalletsCard(Loose):
    card_id: Annotated[Words, Field(min_length=1)]
    amount: CardAmount | None = None
    """How much of it is to be used; without it, as much as can be. Dintero knows no such field."""


class GiftCards(Loose):
    wallets: Annotated[list[WalletsCard], Field(max_length=1)] | None = Field(
        default=None, alias="dintero.wallets"
    )


class Customer(Loose):
    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"gift_cards", "tokens"})

    customer_id: Words | None = None
    email: Words | None = None
    phone_number: Phone | None = None
    gift_cards: GiftCards | None = None
    tokens: Part | None = None


class Countries(Loose):
    preferred_country: Country | None = None
    allow_countries: list[Country] | None = None
    deny_countries: list[Country] | None = None

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
    time_zone: Zone | None = None


class Configuration(Loose):
    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"receipt", "countries", "theme"})
    all_fields_are_known: ClassVar[bool] = True

    receipt: Receipt | None = None
    publish: Annotated[list[Publish], Field(max_length=5)] | None = None
    active_payment_types: Part | None = None
    auto_capture: Flag | None = None
    channel: Literal["ecommerce", "in_app", "in_store"] | None = None
    countries: Countries | None = None
    allow_different_billing_shipping_address: list[Literal["b2c", "b2b"]] | None = None
    theme: Part | None = None
    discounts: Part | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    """Our own field: the language of the payer's page (a BCP 47 tag), if its address does not name
    one."""
    default_payment_type: Text | None = None
    default_customer_type: Literal["b2c", "b2b"] | None = None
    allow_express_wallet_payment: Flag | None = None
    refund_to_unusable_gift_card: Literal["refuse", "new_card"] | None = None
    """Our own field: what happens with a refund to a gift card that was deleted or has expired."""
    strict_items: Flag | None = None
    """Our own field: whether `items` of captures, refunds and updates have to fit what is left of
    their lines."""

    @model_validator(mode="after")
    def _switches(self) -> Configuration:
        """Return the switches of the known payment types. Other values stay as they came."""
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
    """Check that a switch is `{"enabled": bool, …}`. A null counts as not given."""
    if value is None:
        return
    enabled = value.get("enabled") if isinstance(value, dict) else ""
    if not (enabled is None or isinstance(enabled, bool)):
        raise ValueError(f'{name} must be an object, its "enabled" true or false')


class ExpressDiscountCodes(Loose):
    max_count: Annotated[int, Field(ge=0, le=100), BeforeValidator(whole_number)] | None = None
    callback_url: HttpUrl | None = None


class Express(Loose):
    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"discount_codes"})

    shipping_options: list[ShippingOption] | None = None
    shipping_address_callback_url: HttpUrl | None = None
    discount_codes: ExpressDiscountCodes | None = None
    shipping_mode: Literal["shipping_required", "shipping_not_required"] | None = None
    customer_types: list[Literal["b2c", "b2b"]] | None = None
    default_different_billing_shipping_address: list[Literal["b2c", "b2b"]] | None = None


class CheckboxLink(Loose):
    url: PageUrl
    text: Words


class Checkbox(Loose):
    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"link"})

    id: Words
    label: Annotated[str, Field(min_length=2, max_length=99)]
    checked: Flag = False
    required: Flag = False
    link: CheckboxLink | None = None


class Merchant(Loose):
    name: Words | None = None
    logo_url: PictureUrl | None = None
    website: Words | None = None
    email: Words | None = None
    phone_number: Words | None = None
    merchant_category_code: Words | None = None
    platform_type: Words | None = None
    country: Country | None = None
    postal_code: Words | None = None
    postal_place: Words | None = None
    address_line: Words | None = None
    address_line_2: Words | None = None


class SessionRequest(Loose):
    """`POST /sessions-profile` and `POST /sessions`."""

    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset({"customer", "merchant"})

    url: UrlPart
    order: Order
    profile_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    customer: Customer | None = None
    configuration: Configuration | None = None
    express: Express | None = None
    expires_at: Moment | None = None
    checkboxes: Annotated[list[Checkbox], Field(max_length=2)] | None = None
    merchant: Merchant | None = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _channel(self) -> SessionRequest:
        channel = self.configuration.channel if self.configuration else None
        if channel == "in_app" and self.express is not None:
            raise ValueError("the channel in_app cannot be used with express")
        return self

    def as_body(self) -> dict[str, Any]:
        """Return what was sent, with amounts as integers. Fields that were not sent are absent, and
        so are names that only our answers use."""
        return without_ours(self.model_dump(mode="json", by_alias=True, exclude_unset=True))
