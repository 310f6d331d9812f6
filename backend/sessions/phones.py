"""Phone numbers: read, checked, masked."""

from __future__ import annotations

import phonenumbers
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Profile
from backend.core.context import Backend
from backend.limits.messages import Sms, country_of, goes_to, listed
from backend.sessions.tables import CheckoutSession

REGIONS = {"NOK": "NO", "SEK": "SE", "DKK": "DK", "EUR": "FI"}
"""Where a number without a country code is from, by the session's currency."""
_SHOWN = 2


def read_phone(written: str, currency: str) -> str | None:
    """In E.164; None where it is no phone number."""
    try:
        number = phonenumbers.parse(written, REGIONS.get(currency))
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


async def gets_messages(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, number: str
) -> bool:
    """Whether messages are sent to the country of this number (E.164): one of those that the
    session or its profile allows addresses in, or else of the settings."""
    profile = await db.get(Profile, (session.account_id, session.profile_id))
    own = (profile.configuration if profile is not None else {}).get("countries") or {}
    asked = (session.body.get("configuration") or {}).get("countries") or {}
    named = asked.get("allow_countries") or own.get("allow_countries")
    denied = {*(asked.get("deny_countries") or ()), *(own.get("deny_countries") or ())}
    allowed = named or listed(ctx.settings.sms_countries)
    return goes_to(number, allowed) and country_of(number) not in denied


def sms_to(session: CheckoutSession, number: str) -> Sms:
    """The message as the limits count it."""
    return Sms(session.account_id, number, REGIONS.get(session.currency))


def payer_phone(e164: str) -> str:
    """As the page shows it: `+47 •• •• •• 66`, the country and the last two digits."""
    try:
        code = phonenumbers.parse(e164, None).country_code
    except phonenumbers.NumberParseException:
        code = None
    prefix = f"+{code}" if code else ""
    hidden = len(e164) - len(prefix) - _SHOWN
    digits = "•" * max(hidden, 0) + e164[-_SHOWN:]
    pairs = [digits[max(end - 2, 0) : end] for end in range(len(digits), 0, -2)][::-1]
    return " ".join([prefix, *pairs]).strip()
