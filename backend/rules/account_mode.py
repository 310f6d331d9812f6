"""Which providers' addresses and keys an account may have: real money, or test money.

A `P` account takes real money: a profile of it that points to a test host would show a payer a
purchase that nobody pays for. A `T` account says "test" on every page: a profile of it that points
to a live host would take real money there. Hosts and keys are those that the providers publish.

Source: `docs/reference/psp/`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TEST_HOSTS = (
    "playground.klarna.com",
    "externalintegration.payex.com",
    "apitest.vipps.no",
    "mss.cpc.getswish.net",
    "staging.getswish.pub.tds.tieto.com",
)
"""The hosts below them count too."""
LIVE_HOSTS = (
    "api.klarna.com", "api-na.klarna.com", "api-oc.klarna.com", "api.payex.com", "api.vipps.no",
    "cpc.getswish.net",
)  # fmt: skip
KEYED_HOSTS = ("api.stripe.com",)
"""These hosts take both kinds of money; the key says which."""
TEST_KEYS = ("sk_test_", "rk_test_")
LIVE_KEYS = ("sk_live_", "rk_live_")
RESERVED = ("localhost", "test", "invalid", "local", "internal")
"""Top-level names that no provider has (RFC 6761, RFC 6762)."""


@dataclass(frozen=True, slots=True)
class WrongMode:
    """`field` is the credential's name in its connection."""

    field: str
    why: str


def takes_real_money(account_id: str) -> bool:
    return account_id.startswith("P")


def wrong_mode(account_id: str, option: str, credentials: Mapping[str, str]) -> WrongMode | None:
    """Return what in a connection does not fit the account's kind of money, or None."""
    if takes_real_money(account_id):
        return _test_money(option, credentials)
    return _real_money(option, credentials)


def _test_money(option: str, credentials: Mapping[str, str]) -> WrongMode | None:
    for name, value in credentials.items():
        if name.endswith("url") and "://" in value:
            host = _host(value)
            if _is_this_machine(host):
                return WrongMode(name, "an account for real money cannot use a private address")
            if _is_below(host, TEST_HOSTS):
                return WrongMode(
                    name, f"{host} is for test money, and this account is for real money"
                )
    for name in ("secret_key", "access_token"):
        if credentials.get(name, "").startswith(TEST_KEYS):
            return WrongMode(name, "this key is for test money, and this account is for real money")
    if option.startswith("bambora.") and credentials.get("merchant_number", "")[:1] in ("T", "t"):
        text = (
            "a merchant number that begins with T is for test money; this account is for real money"
        )
        return WrongMode("merchant_number", text)
    return None


def _real_money(option: str, credentials: Mapping[str, str]) -> WrongMode | None:
    for name, value in credentials.items():
        if name.endswith("url") and "://" in value:
            host = _host(value)
            if host in LIVE_HOSTS:
                return WrongMode(name, f"{host} takes real money, and this account is for tests")
            key = credentials.get("secret_key", "")
            if host in KEYED_HOSTS and key.startswith(LIVE_KEYS):
                text = "this key takes real money, and this account is for tests"
                return WrongMode("secret_key", text)
    return None


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _is_below(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


def _is_this_machine(host: str) -> bool:
    if _is_below(host, RESERVED):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
