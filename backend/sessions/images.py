"""Which of a shop's pictures the payer's page shows: the logo, and those of the items.

The payer's browser loads them from the shop's own address, which the page's policy then names
(docs/looks.md says why). So only a plain https address counts as a picture.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_MAX_LENGTH = 2048


def shown_image(url: object, base_url: str) -> str | None:
    """Return `url` if the page may show it, else None.

    Only https is allowed, as for the page itself. Plain http is allowed if we are on http ourselves
    (development).
    """
    if not isinstance(url, str) or not url.isprintable() or len(url) > _MAX_LENGTH:
        return None
    origin = origin_of(url)
    if origin is None:
        return None
    insecure = base_url.startswith("http://")
    return url if origin.startswith("https://") or insecure else None


def origin_of(url: str) -> str | None:
    """Return `scheme://host[:port]` as a policy needs it. None if it is no web address."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        return None
    if ":" in host:
        host = f"[{host}]"
    if parts.scheme not in ("http", "https") or parts.username or not _HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
