"""The headers that every answer carries, whoever makes it."""

from __future__ import annotations

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of an answer that is no page: it loads nothing and stands in no frame."""


def common_headers(*, https: bool) -> dict[str, str]:
    """Return the headers, with names in lower case. A page that needs another policy sends its own
    instead."""
    headers = {
        "content-security-policy": NOTHING,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
    if https:
        headers["strict-transport-security"] = "max-age=31536000"
    return headers
