"""Phone numbers: read, checked, masked."""

from __future__ import annotations

import phonenumbers
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import configuration_of
from backend.accounts.tables import Profile
from backend.core.context import Backend
from backend.limits.messages import Sms, country_of, goes_to, listed
from backend.rules.countries import country_of_currency
from backend.rules.order import Merchant, SessionConfiguration
from backend.sessions.tables import CheckoutSession

_SHOWN = 2


def home_country(
    currency: str, configuration: SessionConfiguration, merchant: Merchant | None
) -> str | None:
    """Return the country (ISO alpha-2) of a phone number that has no country code, if no address
    tells it. It is the first that is known of: the configuration's preferred country, the only
    country that the configuration allows, the merchant's country, the currency's country."""
    countries = configuration.countries
    only = countries.allowed[0] if len(countries.allowed) == 1 else None
    for country in (countries.preferred, only, merchant.country if merchant else None):
        if country is not None and country.upper() in phonenumbers.SUPPORTED_REGIONS:
            return country.upper()
    return country_of_currency(currency)


def home_of(session: CheckoutSession, profile: Profile | None = None) -> str | None:
    """Return the home country of a session, as `home_country` does. Without the profile, only the
    session's own configuration and merchant are asked."""
    asked = session.content
    if profile is None:
        configuration, merchant = asked.configuration, Merchant.read(asked.merchant)
    else:
        configuration = configuration_of(profile, asked)
        merchant = Merchant.of("", profile.merchant, asked.merchant)
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
    own = SessionConfiguration.read(profile.configuration if profile else None).countries
    asked = session.content.configuration.countries
    allowed = asked.allowed or own.allowed or listed(ctx.settings.sms_countries)
    return goes_to(number, allowed) and country_of(number) not in {*asked.denied, *own.denied}


def sms_to(session: CheckoutSession, number: str) -> Sms:
    """Return a message to this number as the limits count it."""
    return Sms(session.account_id, number, country_of_currency(session.currency))


def calling_code(number: str) -> int | None:
    """Return the country code of a number in E.164, such as 47."""
    try:
        return phonenumbers.parse(number, None).country_code
    except phonenumbers.NumberParseException:
        return None


def payer_phone(number: str) -> str:
    """Return a number (E.164) as the page shows it: `+47 •• •• •• 66`, the country's code and the
    last two digits."""
    code = calling_code(number)
    prefix = f"+{code}" if code else ""
    hidden = len(number) - len(prefix) - _SHOWN
    digits = "•" * max(hidden, 0) + number[-_SHOWN:]
    pairs = [digits[max(end - 2, 0) : end] for end in range(len(digits), 0, -2)][::-1]
    return " ".join([prefix, *pairs]).strip()
