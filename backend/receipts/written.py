"""A receipt in a language: every amount, date and label as people read it, for page and mail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, get_currency_precision

from backend.receipts import texts
from backend.receipts.facts import GiftCardPart, Later, OtherPart, Receipt

_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")
MASK = "•••• {}"


@dataclass(frozen=True)
class Row:
    """A label with its value. `note` is in small print below the label. `spoken` replaces the label
    for a screen reader. Both may be empty."""

    label: str
    value: str
    note: str = ""
    spoken: str = ""


@dataclass(frozen=True)
class Written:
    heading: str = ""
    subject: str = ""
    intro: str = ""
    merchant: str = ""
    test: str = ""
    """A note for a payment without real money, else empty."""
    became: str = ""
    """What happened to it since, else empty."""
    facts: tuple[Row, ...] = ()
    lines_heading: str = ""
    lines: tuple[Row, ...] = ()
    sums: tuple[Row, ...] = ()
    total: Row = Row("", "")
    vat: str = ""
    """`Of which VAT`; empty if it is not known."""
    vat_amount: str = ""
    paid_heading: str = ""
    paid: tuple[Row, ...] = ()
    left: Row = Row("", "")
    """What is left on the gift card; empty if none was used."""
    link: str = ""
    link_lead: str = ""
    footer: str = ""


def write(receipt: Receipt, language: str, later: Later | None = None) -> Written:
    def said(key: str, **values: str) -> str:
        return texts.text(language, key, **values)

    vat = receipt.vat_amount
    return Written(
        heading=said("heading"),
        subject=said("subject", merchant=receipt.merchant, reference=receipt.reference),
        intro=said("intro", merchant=receipt.merchant),
        merchant=receipt.merchant,
        test=said("test") if receipt.is_test else "",
        became=_became(receipt, language, later),
        facts=(
            Row(said("merchant"), receipt.merchant),
            Row(said("reference"), receipt.reference),
            Row(said("paid_at"), moment(receipt.paid_at, receipt.time_zone, language)),
            Row(said("transaction"), receipt.transaction_id),
        ),
        lines_heading=said("lines"),
        lines=_lines(receipt, language),
        sums=_shipping(receipt, language),
        total=Row(said("total"), money(receipt.amount, receipt.currency, language)),
        vat="" if vat is None else said("vat"),
        vat_amount="" if vat is None else money(vat, receipt.currency, language),
        paid_heading=said("paid_with"),
        paid=_paid(receipt, language),
        left=_left(receipt.gift_card, receipt.currency, language),
        link=said("link"),
        link_lead=said("link_lead"),
        footer=said("footer", merchant=receipt.merchant),
    )


def _became(receipt: Receipt, language: str, later: Later | None) -> str:
    if later is None:
        return ""
    if later.cancelled:
        return texts.text(language, "cancelled")
    if later.refunded >= receipt.amount > 0:
        return texts.text(language, "refunded_all")
    if later.refunded:
        amount = money(later.refunded, receipt.currency, language)
        return texts.text(language, "refunded", amount=amount)
    return ""


def _lines(receipt: Receipt, language: str) -> tuple[Row, ...]:
    rows = []
    for line in receipt.lines:
        label = line.description
        if line.quantity not in ("", "1"):
            quantity = _decimal(line.quantity, language)
            label = texts.text(language, "quantity", description=label, quantity=quantity)
        note = ""
        if line.vat not in (None, "", "0"):
            percent = _decimal(str(line.vat), language)
            note = texts.text(language, "line_vat", percent=percent)
        rows.append(Row(label, money(line.amount, receipt.currency, language), note))
    return tuple(rows)


def _shipping(receipt: Receipt, language: str) -> tuple[Row, ...]:
    if receipt.shipping_amount is None:
        return ()
    cost = money(receipt.shipping_amount, receipt.currency, language)
    value = cost if receipt.shipping_amount else texts.text(language, "free")
    return (Row(texts.text(language, "shipping"), value, receipt.shipping_title or ""),)


def _paid(receipt: Receipt, language: str) -> tuple[Row, ...]:
    rows = []
    if (card := receipt.gift_card) is not None:
        label = texts.text(language, "gift_card", number=MASK.format(card.last4))
        spoken = texts.text(language, "gift_card_spoken", digits=card.last4)
        rows.append(Row(label, money(card.amount, receipt.currency, language), spoken=spoken))
    if (other := receipt.other) is not None:
        label = option_name(other, language)
        value = money(other.amount, receipt.currency, language)
        rows.append(Row(label, value, other.card or ""))
    if not rows:
        zero = money(0, receipt.currency, language)
        rows.append(Row(texts.text(language, "nothing"), zero))
    return tuple(rows)


def _left(card: GiftCardPart | None, currency: str, language: str) -> Row:
    if card is None:
        return Row("", "")
    until = day(card.expires_at, language) if card.expires_at else ""
    note = texts.text(language, "expires", date=until) if until else ""
    return Row(texts.text(language, "left"), money(card.left, currency, language), note)


def option_name(other: OtherPart, language: str) -> str:
    """Return the name of the option. `payex.vipps` is Vipps, whichever provider serves it."""
    known = texts.catalogue(language)
    return known.get(f"option.{other.option.rpartition('.')[2]}", known["option.other"])


def sms_text(receipt: Receipt, language: str, link: str) -> str:
    """Return one message. It has only the merchant, the order, the amount and the link."""
    return texts.text(
        language,
        "sms",
        merchant=receipt.merchant[:40],
        amount=money(receipt.amount, receipt.currency, language).replace("\u00a0", " "),
        reference=receipt.reference[:40],
        link=link,
    )


# --- as the language writes it -----------------------------------------------------------------


def _locale(language: str) -> str:
    return texts.catalogue(language)["_locale"]


def money(amount: int, currency: str, language: str) -> str:
    """Return an amount (minor units) as the receipt's language writes it."""
    return written_amount(amount, currency, _locale(language))


def written_amount(amount: int, currency: str, locale: str) -> str:
    """Return an amount (minor units), for example `300,00 kr` (nb_NO) or `NOK 300.00` (en), with
    spaces that do not break."""
    major = Decimal(amount).scaleb(-get_currency_precision(currency))
    written = format_currency(major, currency, locale=locale)
    # Babel leaves out CLDR's space between a currency's letters and the digits. A hyphen is not a
    # minus sign.
    return _LETTER_BEFORE_DIGIT.sub("\u00a0", written).replace("-", "\u2212")


def moment(at: str, time_zone: str, language: str) -> str:
    """Return day, time and zone, for example `25. november 2026, 20:10:56 CET`."""
    return str(
        format_datetime(
            datetime.fromisoformat(at), "long", tzinfo=zone(time_zone), locale=_locale(language)
        )
    )


def day(at: str, language: str) -> str:
    return str(format_date(datetime.fromisoformat(at), "medium", locale=_locale(language)))


def zone(name: str) -> tzinfo:
    """Return the time zone; UTC if the machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _decimal(number: str, language: str) -> str:
    return number.replace(
        ".", str(Locale.parse(_locale(language)).number_symbols["latn"]["decimal"])
    )
