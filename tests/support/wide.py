"""Wider limits for servers that many tests or one busy client call from one address."""

from __future__ import annotations

from backend.limits.rules import RULES

WIDE = {rule.name: "1000000/60" for rule in RULES}
"""For a server that one client asks as fast as it can: `GAVEKORT_LIMITS`, or the setting."""

ONE_PAYER = dict.fromkeys(("sms.phone", "sms.phone_day", "sms.source", "mail.address"), "1000/1")
"""For a server that lives for many tests, in all of which the payer is the same person. The
window is short, so that counts of a clock that a test has set back are too far ahead to matter."""
