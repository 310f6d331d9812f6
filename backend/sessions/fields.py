"""The types of the single values in a request: what is taken for an amount, a text, a phone number,
a country, a moment, an address of the web. Amounts are minor units; `29990.0` is one, `29990.5` is
none.

Source: `docs/reference/dintero-api.md#checkout-sessions`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global
from pydantic import AfterValidator, BeforeValidator, Field, Strict

from backend.rules import browser_address
from backend.sessions.reading import without_nothing, without_nulls

MAX_AMOUNT = 10**12
FLOAT_NOISE = 1e-6
_BLANK_ZONE = re.compile(r" (?=\d\d:?\d\d$)")
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_BETWEEN_DIGITS = re.compile(r"[\s()./\u2010-\u2015\u2212-]")
_TRUNK = re.compile(r"^(\+\d{1,3}\s*)\(0\)")
_COUNTRY = re.compile(r"[A-Z]{2}")
_MORE_COUNTRIES = {"XKX": "XK"}


def whole_number(value: object) -> object:
    """A JSON number without a fraction, as an int.

    Some clients multiply by 100 in floats: `299.90 * 100` is 29989.999999999996 and means 29990.
    """
    number = _finite(value)
    if isinstance(number, float):
        nearest = round(number)
        if abs(number - nearest) > FLOAT_NOISE:
            raise ValueError("must be an integer of minor units, without a fraction")
        return nearest
    return number


def rounded(value: object) -> object:
    """An amount that is shown and binds nobody, such as a share of VAT: a fraction is rounded."""
    number = _finite(value)
    return round(number) if isinstance(number, float) else number


def _finite(value: object) -> int | float:
    wrong = "must be an integer of minor units"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(wrong)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(wrong)
    return value


def as_text(value: object) -> object:
    """A number where a text is meant, such as the number of an order, as that text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def as_phone(value: object) -> object:
    """A phone number as `+` and digits, whatever stands between them. What is no phone number is
    kept as it was typed: the payer is asked for it again."""
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
    """A country as its code of two letters. Its code of three letters, and its number, are known
    too."""
    if not isinstance(value, str):
        return value
    code = value.strip().upper()
    named = get_global("territory_aliases").get(code) or []
    code = _MORE_COUNTRIES.get(code) or (named[0] if len(named) == 1 else code)
    if not _COUNTRY.fullmatch(code):
        raise ValueError("must be a country's code of two letters (ISO 3166-1), such as NO")
    return code


def _as_currency(value: object) -> object:
    if not isinstance(value, str):
        return value
    code = value.strip().upper()
    if code not in get_global("all_currencies"):
        raise ValueError("must be an ISO 4217 currency code, such as NOK")
    return code


def _as_line(value: object) -> object:
    """The number of a line of discounts is an integer; some shops send it as text."""
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else value


def _trimmed(value: object) -> object:
    """An address as somebody pasted it into a shop's settings, without the blanks around it."""
    return value.strip() if isinstance(value, str) else value


def _whole_address(value: str) -> str:
    """Whatever takes it apart later must not fail: a payment would never end."""
    try:
        parts = urlsplit(value)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise ValueError("must be an address that can be opened") from error
    return value


def _for_browsers(value: str) -> str:
    """A payer's browser goes there. Whether the scheme is allowed is the profile's to say."""
    wrong = browser_address.what_is_wrong(value)
    if wrong is not None:
        raise ValueError(wrong)
    return value


def _picture(value: str) -> str:
    """What is no web address is never shown, but a scheme that browsers run is refused at once."""
    if browser_address.scheme_of(value.strip()) in browser_address.NEVER:
        raise ValueError("must not be an address of this scheme")
    return value


def _moment(value: object) -> object:
    """ISO 8601, in UTC; without a zone it is UTC, as in Dintero's list filters. In a query a `+`
    that nobody encoded arrives as a blank. A bare number is no moment, and the ends of the
    calendar are none either: in another zone they are no dates."""
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
    """An IANA name, such as `Europe/Oslo`."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a time zone, such as Europe/Oslo") from error
    return value


def _as_metadata(value: object) -> object:
    """PHP writes an empty object as a list."""
    return {} if value == [] else without_nulls(value)


def _number_too(longest: int) -> Any:
    return Field(max_length=longest, json_schema_extra={"type": ["string", "number"]})


# The bounds stand first: after the validator, the API's description would not show them.
SignedAmount = Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT), BeforeValidator(whole_number)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT), BeforeValidator(whole_number)]
CardAmount = Annotated[int, Field(ge=1, le=MAX_AMOUNT), BeforeValidator(whole_number)]
"""Of a gift card, what is to be used of it."""
ShownAmount = Annotated[
    int,
    Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, json_schema_extra={"type": "number"}),
    BeforeValidator(rounded),
]
"""An amount that is only shown."""
Number = Annotated[int | float, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
"""A quantity, or a percentage: one that can be written."""
Currency = Annotated[
    str, Field(pattern=r"^\s*[A-Za-z]{3}\s*$"), BeforeValidator(_as_currency)
]  # fmt: skip
Country = Annotated[str, BeforeValidator(as_country)]
Text = Annotated[str, Field(max_length=255)]
Words = Annotated[str, _number_too(255), BeforeValidator(as_text)]
"""A text that some shops send as a number, such as the number of an order."""
LongText = Annotated[str, _number_too(4096), BeforeValidator(as_text)]
Phone = Annotated[str, _number_too(255), BeforeValidator(as_phone)]
PayerPhone = Annotated[Phone, AfterValidator(_one_can_call)]
"""Of a payer, who can be asked at once for another one."""
LineNumber = Annotated[
    Annotated[int, Field(ge=-(10**9), le=10**9)] | Annotated[str, Field(max_length=255)],
    BeforeValidator(_as_line),
]
Flag = Annotated[bool, Strict()]
Noted = str | Annotated[int, Strict()] | Annotated[float, Strict()] | None
"""A value of metadata: a string or a number; `true` is neither."""
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
