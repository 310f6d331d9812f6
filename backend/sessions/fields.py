"""The types of the single values in a request: which values count as an amount, a text, a phone
number, a country, a moment or a web address. Amounts are integers of minor units: `29990.0` is read
as 29990, and `29990.5` is refused.

Source: `docs/reference/dintero-api.md#checkout-sessions`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from backend.rules import browser_address, countries, numbers
from backend.sessions.reading import without_nothing, without_nulls

MAX_AMOUNT = numbers.MAXIMUM
_BLANK_ZONE = re.compile(r" (?=\d\d:?\d\d$)")
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_BETWEEN_DIGITS = re.compile(r"[\s()./\u2010-\u2015\u2212-]")
_TRUNK = re.compile(r"^(\+\d{1,3}\s*)\(0\)")
_COUNTRY = re.compile(r"[A-Z]{2}")


def whole_number(value: object) -> object:
    """Return a JSON number without a fraction as an int. The noise of a float is no fraction."""
    number = _finite(value)
    if numbers.has_fraction(number):
        raise ValueError("must be an integer of minor units, without a fraction")
    return numbers.nearest(number)


def rounded(value: object) -> object:
    """Return the nearest integer. It is for amounts that are only shown, such as a share of VAT."""
    return numbers.nearest(_finite(value))


def _finite(value: object) -> int | float:
    wrong = "must be an integer of minor units"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(wrong)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(wrong)
    return value


def as_text(value: object) -> object:
    """Return a number as text, for fields such as an order's number that some shops send as a
    number. Any other value is returned as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def as_phone(value: object) -> object:
    """Return a phone number as digits, with a `+` if it had one or began with `00`. Blanks and
    signs between the digits are dropped. A value that is no phone number is returned as it was
    typed, and the page asks the payer for it again."""
    typed = as_text(value)
    if not isinstance(typed, str):
        return typed
    text = typed.strip().removeprefix("tel:")
    for escaped, plain in (("%2B", "+"), ("%2b", "+"), ("%20", " ")):
        text = text.replace(escaped, plain)
    number = _BETWEEN_DIGITS.sub("", _TRUNK.sub(r"\1", text))
    if number.startswith("00"):
        number = "+" + number[2:]
    return number if _PHONE.fullmatch(number) else typed


def _one_can_call(value: str) -> str:
    if not _PHONE.fullmatch(value):
        raise ValueError("must be a phone number, such as +4799887766")
    return value


def as_country(value: object) -> object:
    """Return a country as its ISO 3166-1 code of two letters. The code of three letters and the
    number are accepted too."""
    if not isinstance(value, str):
        return value
    code = countries.two_letters(value.strip().upper())
    if not _COUNTRY.fullmatch(code):
        raise ValueError("must be a country's code of two letters (ISO 3166-1), such as NO")
    return code


def _as_currency(value: object) -> object:
    if not isinstance(value, str):
        return value
    code = value.strip().upper()
    if not countries.is_currency(code):
        raise ValueError("must be an ISO 4217 currency code, such as NOK")
    return code


def _as_line(value: object) -> object:
    """Return the number of a discount line as an int. Some shops send it as text."""
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else value


def _trimmed(value: object) -> object:
    """Return an address as somebody pasted it into a shop's settings, without the blanks around
    it."""
    return value.strip() if isinstance(value, str) else value


def _whole_address(value: str) -> str:
    """Refuse an address that cannot be parsed. If it failed later, the payment could not end."""
    try:
        parts = urlsplit(value)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise ValueError("must be an address that can be opened") from error
    return value


def _for_browsers(value: str) -> str:
    """Refuse an address to which a payer's browser must not go. Whether its scheme is allowed is
    decided later, by the profile."""
    wrong = browser_address.what_is_wrong(value)
    if wrong is not None:
        raise ValueError(wrong)
    return value


def _picture(value: str) -> str:
    """Refuse a scheme that browsers execute. Any other text is kept; if it is no web address, it is
    never shown."""
    if browser_address.scheme_of(value.strip()) in browser_address.NEVER:
        raise ValueError("must not be an address of this scheme")
    return value


def _moment(value: object) -> object:
    """Return an ISO 8601 date-time in UTC. Without a zone it is read as UTC, as in Dintero's list
    filters. A `+` that was not encoded in a query arrives as a blank and is understood. A bare
    number is refused. So are the first and the last year of the calendar, because such a moment may
    not exist in another zone."""
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 date-time")
    try:
        parsed = datetime.fromisoformat(_BLANK_ZONE.sub("+", value.strip()))
    except ValueError as error:
        raise ValueError("must be an ISO 8601 date-time, such as 2026-12-31T23:59:59Z") from error
    if not 1 < parsed.year < 9999:
        raise ValueError("must be an ISO 8601 date-time of this age")
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _known_zone(value: str) -> str:
    """Refuse a name that is no IANA time zone. `Europe/Oslo` is one."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a time zone, such as Europe/Oslo") from error
    return value


def _as_metadata(value: object) -> object:
    """Return metadata without nulls. PHP writes an empty object as a list."""
    return {} if value == [] else without_nulls(value)


def _number_too(longest: int) -> Any:
    return Field(max_length=longest, json_schema_extra={"type": ["string", "number"]})


# The bounds stand first: after the validator, the API's description would not show them.
SignedAmount = Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT), BeforeValidator(whole_number)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT), BeforeValidator(whole_number)]
CardAmount = Annotated[int, Field(ge=1, le=MAX_AMOUNT), BeforeValidator(whole_number)]
"""How much of a gift card is used."""
ShownAmount = Annotated[
    int,
    Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, json_schema_extra={"type": "number"}),
    BeforeValidator(rounded),
]
"""An amount that is only shown."""
Number = Annotated[int | float, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
"""A quantity or a percentage."""
Currency = Annotated[str, Field(pattern=r"^\s*[A-Za-z]{3}\s*$"), BeforeValidator(_as_currency)]
Country = Annotated[str, BeforeValidator(as_country)]
Text = Annotated[str, Field(max_length=255)]
Words = Annotated[str, _number_too(255), BeforeValidator(as_text)]
"""A text that some shops send as a number, such as the number of an order."""
LongText = Annotated[str, _number_too(4096), BeforeValidator(as_text)]
Phone = Annotated[str, _number_too(255), BeforeValidator(as_phone)]
PayerPhone = Annotated[Phone, AfterValidator(_one_can_call)]
"""A payer's phone number. Any other text is refused, since the payer can correct it at once."""
LineNumber = Annotated[
    Annotated[int, Field(ge=-(10**9), le=10**9)] | Annotated[str, Field(max_length=255)],
    BeforeValidator(_as_line),
]
Flag = Annotated[bool, Strict()]
Noted = str | Annotated[int, Strict()] | Annotated[float, Strict()] | None
"""A value of metadata: a string, a number or null. A boolean is refused."""
Metadata = Annotated[dict[str, Noted], BeforeValidator(_as_metadata)]
Part = Annotated[dict[str, Any], BeforeValidator(without_nothing)]
"""An object whose fields we do not read."""
Moment = Annotated[datetime, BeforeValidator(_moment)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
HttpUrl = Annotated[
    str,
    Field(max_length=2048, pattern=r"^\s*https?://[^\s/?#]+[^\s]*\s*$"),
    BeforeValidator(_trimmed),
    AfterValidator(_whole_address),
]
ReturnUrl = Annotated[
    str,
    Field(max_length=2048, pattern=r"^\s*[a-zA-Z][a-zA-Z0-9+.-]*://[^\s]+\s*$"),
    BeforeValidator(_trimmed),
    AfterValidator(_whole_address),
    AfterValidator(_for_browsers),
]
PageUrl = Annotated[HttpUrl, AfterValidator(_for_browsers)]
"""A web page that the payer opens."""
PictureUrl = Annotated[str, Field(max_length=2048), AfterValidator(_picture)]
