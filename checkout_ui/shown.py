"""What the page shows, worked out from the payer's view: texts in the payer's language, amounts
as they are written. Pure: a view and a language in, frozen dataclasses out.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from backend.receipts.written import Written, write
from backend.sessions.view import (
    AddressView,
    CheckoutView,
    GiftCardView,
    OptionView,
    PageState,
)
from checkout_ui import formats, texts


@dataclass(frozen=True)
class Line:
    key: str
    description: str
    quantity: str
    """Empty for one."""
    amount: str
    vat: str


@dataclass(frozen=True)
class Sums:
    """Amounts as written; empty where there is none."""

    order: str = "…"
    shipping_title: str = ""
    shipping: str = ""
    vat: str = ""
    card: str = ""
    to_pay: str = ""
    to_pay_minor: int = 0
    """What the payer has seen, sent back with Pay (minor units)."""
    nothing_left: bool = False


@dataclass(frozen=True)
class Address:
    first_name: str = ""
    last_name: str = ""
    address_line: str = ""
    address_line_2: str = ""
    postal_code: str = ""
    postal_place: str = ""
    country: str = ""
    summary: str = ""
    """In one line, for the folded step; empty where nothing is known."""


@dataclass(frozen=True)
class Contact:
    email: str = ""
    phone_number: str = ""
    name: str = ""


@dataclass(frozen=True)
class Country:
    code: str
    name: str


@dataclass(frozen=True)
class Shipping:
    key: str
    title: str
    description: str
    amount: str
    selected: bool


@dataclass(frozen=True)
class Card:
    masked: str = ""
    spoken: str = ""
    """The same for a screen reader."""
    pays: str = ""
    left: str = ""
    preset: bool = False
    expires: str = ""


@dataclass(frozen=True)
class Phone:
    """The link to go on on a phone; empty until it is asked for."""

    link: str = ""
    qr: str = ""
    """An image of it, as a `data:` address."""
    lifetime: str = ""
    sms: str = ""
    """What the button to send it says; empty where it cannot be sent."""
    sent: str = ""


@dataclass(frozen=True)
class Option:
    type: str
    title: str
    note: str
    icon: str
    """Names a mark of the style sheet: card, invoice or phone."""


@dataclass(frozen=True)
class Consent:
    id: str
    label: str
    checked: bool
    link_url: str
    link_text: str


def lines(view: CheckoutView, language: str) -> list[Line]:
    def vat(percent: str | None) -> str:
        if not percent or percent == "0":
            return ""
        written = formats.percent(percent, language)
        return texts.text(language, "order.line_vat", percent=written)

    return [
        Line(
            key=f"{place}-{line.line_id}",
            description=line.description,
            quantity="" if line.quantity in ("", "1") else formats.percent(line.quantity, language),
            amount=formats.money(line.amount, view.currency, language),
            vat=vat(line.vat),
        )
        for place, line in enumerate(view.lines)
    ]


def sums(view: CheckoutView, language: str) -> Sums:
    def money(amount: int) -> str:
        return formats.money(amount, view.currency, language)

    free = texts.text(language, "order.free")
    card = view.gift_card
    return Sums(
        order=money(view.order_amount),
        shipping_title=view.shipping_title or "",
        shipping=""
        if view.shipping_amount is None
        else money(view.shipping_amount)
        if view.shipping_amount
        else free,
        vat="" if view.vat_amount is None else money(view.vat_amount),
        card="" if card is None else formats.money(-card.amount, view.currency, language),
        to_pay=money(view.to_pay),
        to_pay_minor=view.to_pay,
        nothing_left=view.to_pay == 0,
    )


def address(view: AddressView | None, language: str, preferred_country: str = "") -> Address:
    """`preferred_country` stands in where the address names none, but not in its summary."""
    if view is None:
        return Address(country=preferred_country)
    place = f"{view.postal_code} {view.postal_place}".strip()
    parts = (view.address_line, view.address_line_2, place)
    written = [part for part in parts if part]
    if view.country and written:
        written.append(formats.country(view.country, language))
    return Address(
        first_name=view.first_name,
        last_name=view.last_name,
        address_line=view.address_line,
        address_line_2=view.address_line_2,
        postal_code=view.postal_code,
        postal_place=view.postal_place,
        country=view.country or preferred_country,
        summary=", ".join(written),
    )


def contact(view: CheckoutView) -> Contact:
    name = f"{view.shipping_address.first_name} {view.shipping_address.last_name}".strip()
    return Contact(email=view.email, phone_number=view.phone_number, name=name)


def countries(view: CheckoutView, language: str) -> list[Country]:
    """By name, the preferred one first. None where no address is asked for."""
    if not (view.shipping_required or view.billing_allowed):
        return []
    named = [Country(code, formats.country(code, language)) for code in view.countries]
    return sorted(named, key=lambda known: (known.code != view.preferred_country, known.name))


def shipping(view: CheckoutView, language: str) -> list[Shipping]:
    free = texts.text(language, "order.free")
    return [
        Shipping(
            key=option.key,
            title=option.title,
            description=option.description,
            amount=formats.money(option.amount, view.currency, language) if option.amount else free,
            selected=option.selected,
        )
        for option in view.shipping_options
    ]


def card(view: GiftCardView | None, currency: str, language: str) -> Card:
    if view is None:
        return Card()
    until = formats.date(view.expires_at, language) if view.expires_at else ""
    return Card(
        masked=view.masked_number,
        spoken=texts.text(language, "card.ending", digits=view.masked_number[-4:]),
        pays=formats.money(view.amount, currency, language),
        left=formats.money(view.left, currency, language),
        preset=view.preset,
        expires=texts.text(language, "card.expires", date=until) if until else "",
    )


def options(view: tuple[OptionView, ...], language: str) -> list[Option]:
    known = texts.catalogue(language)
    return [
        Option(
            type=option.type,
            title=known.get(f"option.{option.type}", known["option.other"]),
            note=known.get(f"option.{option.type}.note", ""),
            icon=_icon(option.type),
        )
        for option in view
    ]


def _icon(option: str) -> str:
    if option.endswith(".creditcard"):
        return "card"
    return "invoice" if option.startswith("klarna") else "phone"


def consents(view: CheckoutView) -> list[Consent]:
    return [
        Consent(
            id=box.id,
            label=box.label,
            checked=box.checked,
            link_url=box.link_url or "",
            link_text=(box.link_text or box.link_url) if box.link_url else "",
        )
        for box in view.checkboxes
    ]


def pay_label(view: CheckoutView, language: str) -> str:
    if view.to_pay:
        amount = formats.money(view.to_pay, view.currency, language)
        return texts.text(language, "pay.button", amount=amount)
    key = "pay.button_card" if view.gift_card else "pay.button_nothing"
    return texts.text(language, key)


def title(state: PageState, merchant: str, language: str) -> str:
    return texts.text(language, f"title.{state.value}", merchant=merchant)


def paid_lead(view: CheckoutView, language: str) -> str:
    amount = formats.money(view.order_amount, view.currency, language)
    return texts.text(language, "paid.lead", merchant=view.merchant_name, amount=amount)


def receipt(view: CheckoutView, language: str) -> Written:
    """Without a heading where there is none."""
    if view.receipt is None:
        return Written()
    return write(view.receipt.facts, language, view.receipt.later)


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    href: str
    current: bool


def languages(query: str, current: str) -> list[Language]:
    """Links to this page in each language; `query` is the address' own, which is kept."""
    kept = [(name, value) for name, value in parse_qsl(query) if name != "language"]
    return [
        Language(
            code=code,
            name=texts.catalogue(code)["_name"],
            href="?" + urlencode([*kept, ("language", code)]),
            current=code == current,
        )
        for code in texts.languages()
    ]
