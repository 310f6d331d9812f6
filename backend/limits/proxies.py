"""Recognize a set-up in which all payers look like one."""

from __future__ import annotations

from urllib.parse import urlsplit


def proxy_warning(base_url: str, trusted_proxy_hops: int) -> str | None:
    """Return a warning for the operator, or None if nothing is wrong.

    We speak no TLS ourselves. Where payers reach us by https, there is a proxy in front of us, and
    unless we trust it, all payers have its address.
    """
    if urlsplit(base_url).scheme != "https" or trusted_proxy_hops > 0:
        return None
    return (
        "GAVEKORT_BASE_URL is https, so a proxy stands in front of this process, but"
        " GAVEKORT_TRUSTED_PROXY_HOPS is 0. All payers count as one address: a stranger who spends"
        " its limits keeps everybody out. Set it to the number of your proxies that append to"
        " X-Forwarded-For (see docs/limits.md)."
    )
