"""Phone numbers: read, checked, masked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import phonenumbers
from babel.core import get_global
from babel.numbers import get_territory_currencies
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Profile
from backend.core.context import Backend
from backend.limits.messages import Sms, country_of, goes_to, listed
from backend.sessions.tables import CheckoutSession

_SEVERAL = {
    "NOK": "NO", "DKK": "DK", "EUR": "FI", "GBP": "GB", "USD": "US", "CHF": "CH", "AUD": "AU",
    "NZD": "NZ",
}  # fmt: skip
"""Several countries use these currencies. This is the country that is meant."""
_SHOWN = 2


@cache
def country_of_currency(currency: str) -> str | None:
    """Return the country (ISO alpha-2) of a currency. None if several countries use it and none of
    them is usual here."""
    if currency in _SEVERAL:
        return _SEVERAL[currency]
    known = get_global("territory_currencies")
    using = [c for c in known if len(c) == 2 and currency in get_territory_currencies(c)]
    return using[0] if len(using) == 1 else None


def home_country(
    currency: str, configuration: Mapping[str, Any], merchant: Mapping[str, Any]
) -> str | None:
    """Return the country (ISO alpha-2) of a phone number that has no country code, if no address
    tells it. It is the first that is known of: the configuration's preferred country, the only
    country that the configuration allows, the merchant's country, the currency's country."""
    rules = configuration.get("countries") or {}
    allowed = list(rules.get("allow_countries") or ())
    only = allowed[0] if len(allowed) == 1 else None
    for country in (rules.get("preferred_country"), only, merchant.get("country")):
        if isinstance(country, str) and country.upper() in phonenumbers.SUPPORTED_REGIONS:
            return country.upper()
    return country_of_currency(currency)


def home_of(session: CheckoutSession, profile: Profile | None = None) -> str | None:
    """Return the home country of a session, as `home_country` does. Without the profile, only the
    session's own configuration and merchant are asked."""
    configuration = {
        **(profile.configuration if profile is not None else {}),
        **(session.body.get("configuration") or {}),
    }
    merchant = {
        **(profile.merchant if profile is not None else {}),
        **(session.body.get("merchant") or {}),
    }
    return home_country(session.currency, configuration, merchant)


def read_phone(written: str, home: str | None) -> str | None:
    """Return the number in E.164; None if it is no phone number. `home` (ISO alpha-2) is the
    country of a number without a country code."""
    try:
        number = phonenumbers.parse(written, home)
    except phonenumbers.NumberParseException:
        return None
    return e164(number)


def e164(number: phonenumbers.PhoneNumber | None) -> str | None:
    """Return a valid number in E.164, such as `+4799887766`; None for every other."""
    if number is None or not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


async def gets_messages(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, number: str
) -> bool:
    """Return whether messages are sent to the country of this number (E.164). They go to the
    countries in which the session, or else its profile, allows addresses. If neither names any, the
    settings do."""
    profile = await db.get(Profile, (session.account_id, session.profile_id))
    own = (profile.configuration if profile is not None else {}).get("countries") or {}
    asked = (session.body.get("configuration") or {}).get("countries") or {}
    named = asked.get("allow_countries") or own.get("allow_countries")
    denied = {*(asked.get("deny_countries") or ()), *(own.get("deny_countries") or ())}
    allowed = named or listed(ctx.settings.sms_countries)
    return goes_to(number, allowed) and country_of(number) not in denied


def sms_to(session: CheckoutSession, number: str) -> Sms:
    """Return a message to this number as the limits count it."""
    return Sms(session.account_id, number, country_of_currency(session.currency))


def payer_phone(number: str) -> str:
    """Return a number (E.164) as the page shows it: `+47 •• •• •• 66`, the country's code and the
    last two digits."""
    try:
        code = phonenumbers.parse(number, None).country_code
    except phonenumbers.NumberParseException:
        code = None
    prefix = f"+{code}" if code else ""
    hidden = len(number) - len(prefix) - _SHOWN
    digits = "•" * max(hidden, 0) + number[-_SHOWN:]
    pairs = [digits[max(end - 2, 0) : end] for end in range(len(digits), 0, -2)][::-1]
    return " ".join([prefix, *pairs]).strip()
