"""Count messages to phones and mailboxes, since they cost money and disturb people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.limits import rules
from backend.limits.limiter import Guarded, spend_in

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS. `to` is in E.164. `home` is the country of the shop's currency: messages to it count
    only for the account."""

    account_id: str
    to: str
    home: str | None


def country_of(number: str) -> str:
    """Return the ISO 3166 code of an E.164 number's country; `ZZ` if it has none."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return "ZZ"
    return phonenumbers.region_code_for_number(parsed) or "ZZ"


def listed(countries: str) -> tuple[str, ...]:
    """Read `GAVEKORT_SMS_COUNTRIES`: codes separated by commas."""
    return tuple(code.strip().upper() for code in countries.split(",") if code.strip())


def goes_to(number: str, countries: Iterable[str]) -> bool:
    """Return whether messages to this number's country are allowed."""
    allowed = set(countries)
    return EVERYWHERE in allowed or country_of(number) in allowed


async def spend_sms(ctx: Guarded, db: AsyncSession, sms: Sms) -> None:
    """Count one message in the caller's unit of work. TooManyRequests: then it must not be sent."""
    await spend_in(ctx, db, rules.SMS_PHONE, sms.to)
    await spend_in(ctx, db, rules.SMS_PHONE_DAY, sms.to)
    country = country_of(sms.to)
    if country != sms.home:
        await spend_in(ctx, db, rules.SMS_COUNTRY, sms.account_id, country)
    await spend_in(ctx, db, rules.SMS_MERCHANT, sms.account_id)


async def spend_mail(ctx: Guarded, db: AsyncSession, account_id: str, to: str) -> None:
    """Count one mail in the caller's unit of work. TooManyRequests: then it must not be sent."""
    await spend_in(ctx, db, rules.MAIL_ADDRESS, to.casefold())
    await spend_in(ctx, db, rules.MAIL_MERCHANT, account_id)
