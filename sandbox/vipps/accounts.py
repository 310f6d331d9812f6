"""Who calls: sales units, known by the keys that they first used, and their access tokens.

Source: `docs/reference/psp/vipps.md#base-and-access`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from sandbox.common.storage import Json
from sandbox.vipps.world import ApiError, GatewayError, World, iso

_GATEWAY = "Access denied due to missing or invalid subscription key."


def give_token(world: World, headers: Mapping[str, str]) -> Json:
    """Return a new access token. An unknown `client_id` makes a new sales unit. With another secret
    or key than before it is refused."""
    client_id, secret = headers.get("client_id", ""), headers.get("client_secret", "")
    key, number = _key_and_number(headers)
    if not client_id or not secret or not number:
        raise ApiError(401, "Unauthorized", "client_id, client_secret and serial number are needed")
    account_id = _digest("account", client_id)
    known = world.storage.get("", "account", account_id)
    if known is None:
        known = {
            "id": account_id,
            "object": "account",
            "secret": _digest(secret),
            "key": _digest(key),
            "number": number,
            "merchant": _digest(client_id, number)[:32],
        }
        world.storage.put("", known)
    if known["key"] != _digest(key):
        raise GatewayError(401, _GATEWAY)
    if known["secret"] != _digest(secret):
        raise ApiError(401, "Unauthorized", "The client_id and client_secret do not match.")
    token = secrets.token_urlsafe(48)
    now, lifetime = world.now(), int(world.setting("token_seconds"))
    world.storage.put(
        known["merchant"],
        {
            "id": _digest("token", token),
            "object": "token",
            "account": account_id,
            "expires": now + lifetime,
        },
    )
    numbers: dict[str, int] = {
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "expires_on": now + lifetime,
        "not_before": now,
    }
    as_text = bool(world.setting("numbers_as_text"))
    return {
        "token_type": "Bearer",
        **{name: str(value) if as_text else value for name, value in numbers.items()},
        "resource": "00000002-0000-0000-c000-000000000000",
        "access_token": token,
        "issued_at": iso(now),
    }


def merchant_of(world: World, headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the sales unit of a call, and its number. GatewayError or ApiError if the call does
    not say who it is."""
    key, number = _key_and_number(headers)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    found = world.storage.find("token", _digest("token", token)) if scheme == "Bearer" else None
    if found is None or found[1]["expires"] <= world.now():
        raise ApiError(401, "Unauthorized", "The access token is not valid.")
    account = world.storage.get("", "account", found[1]["account"])
    if account is None or account["key"] != _digest(key):
        raise GatewayError(401, _GATEWAY)
    if account["number"] != number:
        raise ApiError(403, "Forbidden", "This sales unit is not yours.")
    return found[0], number


def _key_and_number(headers: Mapping[str, str]) -> tuple[str, str]:
    key = headers.get("ocp-apim-subscription-key", "")
    if not key:
        raise GatewayError(401, _GATEWAY)
    return key, headers.get("merchant-serial-number", "")


def _digest(*parts: str) -> str:
    """Return a digest. No secret is stored as it is."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
