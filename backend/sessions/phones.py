"""Phone numbers: read, checked, masked."""

from __future__ import annotations

import phonenumbers

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
