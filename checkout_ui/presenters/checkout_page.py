"""What the page shows, computed from the payer's view: texts in the payer's language, amounts as
they are written. Pure: it takes a view and a language, and returns frozen dataclasses."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from backend.receipts.written import Written, write
from backend.sessions.view import (
    CLOSED,
    AddressView,
    CheckoutView,
    Notice,
    PageState,
)
from checkout_ui import texts
from checkout_ui.presenters import addresses, formats


@dataclass(frozen=True)
class Line:
    key: str
    description: str
    quantity: str
    """Empty for a quantity of one."""
    amount: str
    vat: str
    thumbnail: str
    """The address of a picture; empty if there is none."""


@dataclass(frozen=True)
class Sums:
    """Amounts as they are written; empty if there is none."""

    order: str = "…"
    shipping_title: str = ""
    shipping: str = ""
    vat: str = ""
    card: str = ""
    to_pay: str = ""
    nothing_left: bool = False


@dataclass(frozen=True)
class PayLabel:
    """What the button says. The amount is apart from the words, since no browser may translate
    it."""

    before: str = ""
    amount: str = ""
    """Empty if nothing is left to pay."""
    after: str = ""


@dataclass(frozen=True)
class Address:
    country: str = ""
    """The country of the form. It is one of the allowed ones, even if the address names none."""
    summary: str = ""
    """One line for the folded step; empty if nothing is known."""


@dataclass(frozen=True)
class Contact:
    email: str = ""
    phone_number: str = ""
    name: str = ""


@dataclass(frozen=True)
class Shipping:
    key: str
    title: str
    description: str
    amount: str
    selected: bool


@dataclass(frozen=True)
class Phone:
    """The link to continue on a phone; empty until it is asked for."""

    link: str = ""
    qr: str = ""
    """An image of the link, as a `data:` address."""
    lifetime: str = ""
    sms: str = ""
    """The text of the button that sends it; empty if it cannot be sent."""
    sent: str = ""


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
            thumbnail=line.thumbnail_url or "",
        )
        for place, line in enumerate(view.lines)
    ]


def items(view: CheckoutView, language: str) -> str:
    """Return the number of things, for example `2 varer`; empty for an order without lines. A metre
    of cloth is one thing."""
    quantities = [Decimal(line.quantity) for line in view.lines if line.amount >= 0]
    whole = [int(q) if q == int(q) and q > 0 else 1 for q in quantities]
    return texts.count(language, "count.items", sum(whole)) if whole else ""


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
        nothing_left=view.to_pay == 0,
    )


def address_forms(view: CheckoutView, chosen: Mapping[str, str], language: str) -> dict[str, Any]:
    """Return `shipping_address`, `shipping_fields` and the same for `billing`. `chosen` has, by
    address, the country that the payer has chosen in the form, if it differs from the session's. If
    the address names no country, the form shows the preferred one, and the summary shows none. A
    closed session shows no form, so that its page's state holds no address either."""
    made: dict[str, Any] = {}
    for kind, given in (("shipping", view.shipping_address), ("billing", view.billing_address)):
        known = AddressView() if view.state in CLOSED else given or AddressView()
        # Only a country that can be chosen is shown. Another could not be saved, and nobody would
        # see why.
        shut_out = view.countries and known.country not in view.countries
        begins = "" if shut_out else known.country
        country = chosen.get(f"{kind}_address") or begins or view.preferred_country
        summary = ", ".join(addresses.lines(known, language))
        made[f"{kind}_address"] = Address(country, summary)
        made[f"{kind}_fields"] = addresses.fields(known, country, language)
    return made


def contact(view: CheckoutView) -> Contact:
    """Return the first content of the details' form. It is empty once the session is closed,
    because the state keeps nothing personal that the page does not show."""
    if view.state in CLOSED:
        return Contact()
    name = f"{view.shipping_address.first_name} {view.shipping_address.last_name}".strip()
    return Contact(email=view.email, phone_number=view.phone_number, name=name)


def country_choices(view: CheckoutView, language: str, *, chosen_only: bool = False) -> str:
    """Return the options of the country's select, as HTML: by name, with the preferred one first.
    It is empty if no address is asked for, or if there is no choice. With `chosen_only` it has only
    what the selects show before anybody opens them."""
    if not (view.shipping_required or view.billing_allowed) or len(view.countries) < 2:
        return ""
    options = _options(view.countries, view.preferred_country, language)
    if chosen_only:
        given = (view.shipping_address, view.billing_address)
        first = next(iter(options))
        chosen = {first, *(address.country for address in given if address is not None)}
        return "".join(option for code, option in options.items() if code in chosen)
    return _all_options(view.countries, view.preferred_country, language)


@lru_cache(maxsize=64)
def _all_options(countries: tuple[str, ...], preferred: str, language: str) -> str:
    """Return one string for the states of all pages: it is ten times as long as the rest of what
    such a state keeps."""
    return "".join(_options(countries, preferred, language).values())


@lru_cache(maxsize=64)
def _options(countries: tuple[str, ...], preferred: str, language: str) -> Mapping[str, str]:
    """Return code to option, in order. The result is cached: it is needed at every event, and
    sorting 250 names by an alphabet takes about a millisecond."""
    named = [(formats.country(code, language), code) for code in countries]
    named.sort(
        key=lambda known: (known[1] != preferred, formats.alphabetical(known[0], language)),
    )
    return {
        code: f'<option value="{html.escape(code)}">{html.escape(name)}</option>'
        for name, code in named
    }


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


def pay_label(view: CheckoutView, language: str) -> PayLabel:
    if view.to_pay:
        before, _, after = texts.catalogue(language)["pay.button"].partition("{amount}")
        return PayLabel(before, formats.money(view.to_pay, view.currency, language), after)
    key = "pay.button_card" if view.gift_card else "pay.button_nothing"
    return PayLabel(texts.text(language, key))


def title(state: PageState, merchant: str, language: str) -> str:
    return texts.text(language, f"title.{state.value}", merchant=merchant)


_WITH_CARD = {
    Notice.DECLINED: "notice.declined_with_card",
    Notice.AMOUNT_REFUSED: "notice.amount_refused_with_card",
}


def notice(view: CheckoutView) -> str:
    """Return the key of the text for `view.notice`. The text mentions the gift card if there is
    one."""
    if view.gift_card is not None and view.notice in _WITH_CARD:
        return _WITH_CARD[view.notice]
    return f"notice.{view.notice.value}" if view.notice is not None else ""


def paid_lead(view: CheckoutView, language: str) -> str:
    amount = formats.money(view.order_amount, view.currency, language)
    return texts.text(language, "paid.lead", merchant=view.merchant_name, amount=amount)


def phone_again(shown: Phone, before: str, language: str) -> Phone:
    """Return the same link, described in another language."""
    return replace(
        shown,
        lifetime=texts.again(shown.lifetime, before, language),
        sms=texts.again(shown.sms, before, language),
        sent=texts.again(shown.sent, before, language),
    )


def receipt(view: CheckoutView, language: str) -> Written:
    """Return the receipt. It has no heading if there is none."""
    if view.receipt is None:
        return Written()
    return write(view.receipt.facts, language, view.receipt.later)


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    """The name in the language itself."""


def language(wanted: str | None, accepted: str | None, view: CheckoutView | None) -> str:
    """Return the payer's language, by the address, the browser (Accept-Language) and what the shop
    knows."""
    if view is None:
        return texts.choose(wanted, accepted)
    hint, country = view.language, view.preferred_country
    return texts.choose(wanted, accepted, hint=hint, country=country)


def languages() -> list[Language]:
    """Return all languages, by their names."""
    named = [Language(code, texts.catalogue(code)["_name"]) for code in texts.languages()]
    return sorted(named, key=lambda one: one.name.casefold())
