"""What the two forms that take a gift card's number and PIN have in common."""

from __future__ import annotations

NUMBER, PIN = "gift_card_number", "gift_card_pin"

# Password managers take a number with a PIN for a login. These are the words of the common ones.
NO_PASSWORD = {
    "data-1p-ignore": "true",
    "data-lpignore": "true",
    "data-bwignore": "true",
    "data-form-type": "other",
    "spellcheck": "false",
    "autocapitalize": "off",
}
