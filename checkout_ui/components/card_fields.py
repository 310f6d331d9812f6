"""What the two forms with a gift card's number and PIN share."""

from __future__ import annotations

NUMBER, PIN = "gift_card_number", "gift_card_pin"

# Password managers take a number and a PIN for a login. These attributes tell the common ones not
# to.
NO_PASSWORD = {
    "data-1p-ignore": "true",
    "data-lpignore": "true",
    "data-bwignore": "true",
    "data-form-type": "other",
    "spellcheck": "false",
    "autocapitalize": "off",
}
