"""Addresses that a shop gives and a payer's browser follows.

A browser runs some addresses (`javascript:`), makes a page of others (`data:`), and reads some in
another way than we do (a backslash is a slash to it). None of these may come from a request.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

WEB = frozenset({"http", "https"})
NEVER = frozenset(
    {
        "about", "blob", "chrome", "chrome-extension", "content", "data", "feed", "file",
        "filesystem", "ftp", "jar", "javascript", "livescript", "mhtml", "mocha",
        "moz-extension", "ms-appx", "resource", "vbscript", "view-source", "ws", "wss",
    }
)  # fmt: skip
"""Schemes that no profile can allow: a browser runs or reads them itself."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")


def scheme_of(address: str) -> str:
    """Return the scheme in lower case; empty if the address has none."""
    head, colon, _ = address.partition(":")
    return head.lower() if colon and _SCHEME.fullmatch(head.lower()) else ""


def is_app_scheme(scheme: str) -> bool:
    """Return whether a profile may allow this scheme, such as `myshop`, for a shop's own app."""
    return _SCHEME.fullmatch(scheme) is not None and scheme not in WEB | NEVER


def what_is_wrong(address: str) -> str | None:
    """Return why no browser may be sent to the address, or None. It does not check whether a
    profile allows the scheme."""
    if not address.isprintable() or " " in address:
        return "must not contain blanks or control characters"
    if "\\" in address:
        return "must not contain a backslash"
    scheme = scheme_of(address)
    if not scheme or scheme in NEVER:
        return "must begin with http://, https:// or the scheme of an app that the profile allows"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "must be an address that can be opened"
    if "@" in parts.netloc:
        return "must not contain a user name or a password"
    if scheme in WEB and not parts.hostname:
        return "must name a host"
    return None
