"""What every verb of the sandbox uses, and how the provider accepts and refuses.

Source: `docs/reference/psp/bambora.md#hosts-and-authentication`, `#creating-a-session`,
`#errors-and-repetition`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.common import world as common
from sandbox.common.faults import Faults
from sandbox.common.storage import Json, Storage

VERBS = (
    "create",
    "withdraw",
    "capture",
    "credit",
    "delete",
    "read",  # of a transaction and its operations
    "read_request",
)
DEFAULTS: dict[str, Any] = {
    # No document of ours says whether a payment request names its transactions.
    "tells_transactions": True,
    "authorization_seconds": 7 * 24 * 3600,
}
REFUSED = "refused on demand"


@dataclass(slots=True)
class Call:
    """Who calls: a merchant number; `base_url` is where payers reach this program."""

    merchant: str
    base_url: str = ""


class Refused(Exception):
    """The provider's refusal: HTTP 200 with `meta.result` false, unless it has another status. The
    codes are ours, because we have never seen the provider's own table."""

    def __init__(self, code: str, merchant: str, enduser: str | None = None, status: int = 200):
        super().__init__(merchant)
        self.status = status
        self.body: Json = {"meta": meta(code, merchant, enduser)}


class World(common.World):
    def __init__(self, storage: Storage) -> None:
        faults = Faults(VERBS, status=402, code="95")
        super().__init__(storage, faults, DEFAULTS)


def meta(code: str = "0", merchant: str | None = None, enduser: str | None = None) -> Json:
    """Return `meta`. `merchant` must not be shown to a payer, `enduser` may."""
    good = code == "0"
    return {
        "result": good,
        "message": {"enduser": enduser, "merchant": merchant},
        "action": {
            "code": code,
            "source": "sandbox",
            "type": "success" if good else "failure",
        },
        "paging": None,
    }


def register(world: World, wanted: Json) -> Json:
    """Register a test merchant, as the provider's administration would. ValueError if the data are
    no merchant."""
    names = ("merchant_number", "access_token", "secret_token")
    texts = {name: wanted.get(name) for name in names}
    if not all(isinstance(value, str) and value for value in texts.values()):
        raise ValueError(f"needed: {', '.join(names)}")
    number = str(texts["merchant_number"])
    if not number.startswith("T"):
        raise ValueError("a test merchant's number begins with T")
    pair = f"{texts['access_token']}@{number}:{texts['secret_token']}"
    merchant: Json = {
        "id": number,
        "object": "merchant",
        # The key itself is not stored.
        "_key": hashlib.sha256(pair.encode()).hexdigest(),
        "_md5_key": str(wanted.get("md5_key") or ""),
    }
    world.storage.put(number, merchant)
    return {"merchant_number": number, "md5": bool(merchant["_md5_key"])}


def authenticate(world: World, authorization: str) -> str:
    """Return the merchant number of `Basic accesstoken@merchantnumber:secrettoken`; Refused 401."""
    scheme, _, given = authorization.partition(" ")
    try:
        pair = base64.b64decode(given, validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        pair = ""
    number = pair.partition(":")[0].rpartition("@")[2]
    found = world.storage.get(number, "merchant", number)
    known = found["_key"] if found else ""
    if not secrets.compare_digest(known, hashlib.sha256(pair.encode()).hexdigest()):
        raise Refused("401", "The API key is unknown.", status=401)
    return number


def digits(count: int) -> str:
    """Return a number that does not begin with a zero."""
    return str(secrets.randbelow(9) + 1) + "".join(
        str(secrets.randbelow(10)) for _ in range(count - 1)
    )
