"""The payer's view of a session: what the page shows, without the merchant's data.

All amounts are minor units of `CheckoutView.currency`. The page keeps none of this, and reads it
again at every event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.receipts.facts import Later, Receipt
from backend.rules.remainder import NOTHING_LEFT, Remainder


class PageState(StrEnum):
    OPEN = "open"
    PAYING = "paying"  # a payment is under way at a provider, or its outcome is unknown
    ON_HOLD = "on_hold"  # the payer is done; the provider or a person has to decide
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


CLOSED = (PageState.PAID, PageState.CANCELLED, PageState.EXPIRED)
"""States in which nothing more can be done."""


class Notice(StrEnum):
    """Why the page is open again after an attempt to pay."""

    DECLINED = "declined"
    PAYMENT_EXPIRED = "payment_expired"  # the payer did nothing in time
    PAYMENT_CANCELLED = "payment_cancelled"  # the payer came back from the provider without paying
    PROVIDER_DOWN = "provider_down"
    AMOUNT_REFUSED = "amount_refused"  # the provider does not take this amount
    GIFT_CARD_TAKEN_BACK = (
        "gift_card_taken_back"  # somebody with its number and PIN reclaimed it in another session
    )


@dataclass(frozen=True, slots=True)
class LineView:
    line_id: str
    description: str
    quantity: str
    amount: int
    vat: str | None
    """The percentage as text, for example "25"."""
    thumbnail_url: str | None
    """The picture's address, if `backend.sessions.images` allows it. The same holds for the
    logo."""


@dataclass(frozen=True, slots=True)
class ShippingOptionView:
    key: str
    """What `set_shipping_option` takes. It is unique in the session."""
    title: str
    description: str
    operator: str
    amount: int
    selected: bool


@dataclass(frozen=True, slots=True)
class GiftCardView:
    masked_number: str
    """For example `•••• •••• •••• 1234`."""
    amount: int
    """How much it pays of this order."""
    left: int
    """How much will be left on it afterwards."""
    preset: bool
    expires_at: str | None
    """ISO 8601 date-time."""
    maximum: int
    """How much it could pay of this order. 0 if it cannot be used any more."""
    wanted: int | None
    """How much of it was chosen. It is more than `amount` if the card or the order became smaller.
    None means as much as possible."""
    ending: str | None
    """`soon` or `before_refund` if its last day is near, see `backend.rules.gift_card.Ending`."""
    adjustable: bool
    """Whether the page offers to choose how much of it is used."""
    held: int = 0
    """How much payments that were left open elsewhere hold of it, if it would pay more here without
    them."""
    on_hold: int = 0
    """How much (minor units) all payments hold of it. By this the page notices that one has
    ended."""
    reclaimable: bool = False
    """Whether its PIN can end those payments, see
    `backend.payments.attempts.reclaim_card.reclaim`."""


@dataclass(frozen=True, slots=True)
class OptionView:
    type: str
    """For example `dintero_psp.creditcard`."""
    pushes: bool = False
    """Whether the payer may be asked in the app on their phone instead of going to a page."""
    minimum: int = 1
    """The smallest amount that it takes."""
    payable: bool = True
    """Whether it takes what is left to pay."""


@dataclass(frozen=True, slots=True)
class AddressView:
    first_name: str = ""
    last_name: str = ""
    address_line: str = ""
    address_line_2: str = ""
    postal_code: str = ""
    postal_place: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class CheckboxView:
    id: str
    label: str
    required: bool
    checked: bool
    link_url: str | None
    link_text: str | None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """The receipt as it was when the order was paid, and what has changed since then."""

    facts: Receipt
    later: Later


@dataclass(frozen=True, slots=True)
class CheckoutView:
    session_id: str
    state: PageState
    version: int
    """Grows with every change of the session. The page compares it."""
    merchant_name: str
    merchant_logo_url: str | None
    merchant_terms_url: str | None
    theme: dict[str, str]
    test_mode: bool
    currency: str
    order_amount: int
    """The amount of the order, including shipping, before the gift card."""
    vat_amount: int | None
    shipping_amount: int | None
    shipping_title: str | None
    lines: tuple[LineView, ...]
    express: bool
    """Whether the page asks for the details at all."""
    shipping_required: bool
    """Whether the details include a delivery address."""
    billing_allowed: bool
    details_done: bool
    email: str
    phone_number: str
    """In E.164 if it is valid, else as the merchant gave it."""
    shipping_address: AddressView
    billing_address: AddressView | None
    countries: tuple[str, ...]
    """ISO alpha-2, ordered by code. `preferred_country` is the preselected one."""
    preferred_country: str
    shipping_options: tuple[ShippingOptionView, ...]
    gift_card_offered: bool
    gift_card: GiftCardView | None
    to_pay: int
    """order_amount less the gift card's part: what the payment option is asked for."""
    options: tuple[OptionView, ...]
    """Empty when nothing is left to pay."""
    payable: bool
    """Whether Pay may be pressed: the details are complete, and an option takes what is left, or
    nothing is left to pay."""
    notice: Notice | None
    redirect_url: str | None
    """The provider's page while PAYING, if it is known."""
    app_code: str | None
    """Set if `redirect_url` opens an app and is no page: the content of a QR code for that app."""
    transaction_id: str | None
    """Set if PAID or ON_HOLD."""
    leave_url: str
    """The merchant's return_url with its query, if the session is paid, cancelled or expired."""
    allowed_frame_ancestors: tuple[str, ...]
    """Origins that may frame the page. If it is empty, any https origin may (the Web SDK
    embeds)."""
    remainder: Remainder = NOTHING_LEFT
    """Whether any option takes what is left, and what the payer can do if none does."""
    checkboxes: tuple[CheckboxView, ...] = ()
    language: str | None = None
    """The language that the shop uses with this payer (`configuration.language`), a BCP 47 tag."""
    locked: bool = False
    """The shop is changing the session: nothing can be edited or paid until it is done."""
    discounts_offered: bool = False
    discount_codes: tuple[str, ...] = ()
    pushed_to: str | None = None
    """While PAYING: the masked phone number whose wallet app was asked, such as `+47 ••• ••
    •66`."""
    pushed_with: str | None = None
    """The payment option of that push."""
    receipt: ReceiptView | None = None
    """The receipt of a paid session, if `backend.payments.receipts` reads it."""
    stays: bool = False
    """Whether a payer who sees the payment succeed stays on the receipt instead of going to the
    shop."""
    handed_over: bool = False
    """A phone has taken the session over from a desktop."""
