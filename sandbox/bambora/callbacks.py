"""Callbacks: a GET whose query is signed by a hash, tried again until a 2xx.

Source: `docs/reference/psp/bambora.md#callback`.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sandbox.bambora.world import World, digits
from sandbox.common.deliveries import Retry, Sending
from sandbox.common.storage import Delivery, Json

# No document of ours says how often and for how long the provider tries.
RETRY = Retry(gaps=(1, 2, 5, 15, 60, 300, 1800, 3600, 10800), tries=30)


def parameters(world: World, window: Json, transaction: Json | None) -> dict[str, str]:
    """Return what the payer's return and the callback say, in this order. Without a transaction (a
    callback that comes too early) it is about one that nobody made."""
    now = datetime.fromtimestamp(world.now(), UTC)
    found = transaction or {}
    information = found.get("information") or {}
    numbers = information.get("primaryaccountnumbers") or [{"number": ""}]
    types = information.get("paymenttypes") or [{"id": 0}]
    said = {
        "txnid": found.get("id") or digits(18),
        "orderid": window["_order"],
        "reference": found.get("reference") or digits(12),
        "amount": window["_amount"],
        "currency": window["_currency"],
        "date": f"{now:%Y%m%d}",
        "time": f"{now:%H%M}",
        "feeid": "0",
        "txnfee": "0",
        "paymenttype": types[0]["id"],
        "walletname": found.get("_wallet") or "",
        "cardno": numbers[0]["number"],
        "eci": "05",
        "issuercountry": "NOR",
    }
    return {name: str(value) for name, value in said.items()}


def address(url: str, said: dict[str, str], md5_key: str) -> str:
    """Return `url` with these parameters in its query, after those that it has, and the hash over
    all."""
    parts = urlsplit(url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *said.items()]
    if md5_key:
        values = "".join(value for _, value in pairs) + md5_key
        digest = hashlib.md5(values.encode(), usedforsecurity=False).hexdigest()
        pairs.append(("hash", digest))
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def md5_key_of(world: World, merchant: str) -> str:
    found = world.storage.get(merchant, "merchant", merchant)
    return str(found["_md5_key"]) if found else ""


def tell(world: World, merchant: str, window: Json, transaction: Json | None) -> None:
    """Write the callbacks, in the same transaction as what they report."""
    event: Json = {
        "id": secrets.token_hex(12),
        "object": "callback",
        "said": parameters(world, window, transaction),
    }
    world.storage.put(merchant, event)
    world.notify(window["_callbacks"], event["id"])


def prepare(world: World, delivery: Delivery) -> Sending | None:
    """Return the call for its address, signed now."""
    found = world.storage.find("callback", delivery.event)
    if found is None:
        return None
    merchant, event = found
    key = secrets.token_hex(16) if delivery.forged else md5_key_of(world, merchant)
    headers = {"User-Agent": "bambora-sandbox"}
    return Sending(address(delivery.endpoint, event["said"], key), b"", headers, "GET")
