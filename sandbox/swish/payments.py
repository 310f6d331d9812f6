"""Payment requests: created, read, cancelled, paid, refused or expired; and their refunds.

Source: `docs/reference/psp/swish.md#calls`, `#state-and-callback`.
"""

from __future__ import annotations

import re
import secrets
from decimal import Decimal
from urllib.parse import urlsplit

from sandbox.common.storage import Json
from sandbox.swish.world import ERRORS, SwishError, World, error_in

_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,36}")
_PHONE = re.compile(r"46[0-9]{7,13}")
_MESSAGE = re.compile(r"[A-Za-z0-9 åäöÅÄÖ!?=#$%&()*+,./:;<'\"@-]{0,50}")
_LOCAL = ("127.0.0.1", "localhost", "::1")
REFUND_DAYS = 396


def ore(value: object) -> int:
    """Return a decimal text of kronor in øre. SwishError if it is no such text."""
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise SwishError("PA02")
    return int(Decimal(value) * 100)


def kronor(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def create(world: World, uuid: str, body: Json) -> Json:
    """Create a request, with a token, or sent to the payer's app at once."""
    if world.storage.find("payment", uuid) is not None:
        raise SwishError("RP09")
    if not _REFERENCE.fullmatch(str(body.get("payeePaymentReference", ""))):
        raise SwishError("FF08")
    if not _safe(body.get("callbackUrl")):
        raise SwishError("RP03")
    merchant = body.get("payeeAlias")
    if not isinstance(merchant, str) or not merchant.isdigit():
        raise SwishError("RP01")
    amount = ore(body.get("amount"))
    if amount < world.minimum("SEK"):
        raise SwishError("AM06")
    if world.is_too_large(amount):
        raise SwishError("AM02")
    if body.get("currency") != "SEK":
        raise SwishError("AM03")
    message = body.get("message") or ""
    if not isinstance(message, str) or not _MESSAGE.fullmatch(message):
        raise SwishError("RP02")
    if (code := error_in(message, after=False)) is not None:
        raise SwishError(code)
    payer = body.get("payerAlias")
    if payer is not None:
        _check_payer(world, payer)
    seconds = int(world.setting("push_seconds" if payer else "token_seconds"))
    payment: Json = {
        "id": uuid,
        "object": "payment",
        "payeePaymentReference": body["payeePaymentReference"],
        "paymentReference": None,
        "callbackUrl": body["callbackUrl"],
        "payerAlias": payer,
        "payeeAlias": merchant,
        "amount": kronor(amount),
        "currency": "SEK",
        "message": message,
        "status": "CREATED",
        "dateCreated": world.moment(),
        "datePaid": None,
        "errorCode": None,
        "errorMessage": None,
        "_token": secrets.token_hex(16),
        "_pushed": payer is not None,
        "_over_at": world.now() + seconds,
        "_refunded": 0,
        "_paid_at": None,
    }
    save(world, payment)
    return payment


def _safe(url: object) -> bool:
    """Return whether the address is https, or plain http on this machine, since this is a
    sandbox."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)


def _check_payer(world: World, payer: object) -> None:
    if not isinstance(payer, str) or not _PHONE.fullmatch(payer):
        raise SwishError("BE18")
    if any(one["payerAlias"] == payer for one in waiting_pushes(world)):
        raise SwishError("RP06")


def save(world: World, payment: Json) -> None:
    due = payment["_over_at"] if payment["status"] == "CREATED" else None
    world.storage.put(payment["payeeAlias"], payment, parent=payment["_token"], due_at=due)


def load(world: World, kind: str, uuid: str) -> Json:
    found = world.storage.find(kind, uuid)
    if found is None:
        raise SwishError("RP04", status=404)
    return found[1]


def pushes(world: World) -> list[Json]:
    """Return every request that named a payer's number, oldest first."""
    return [one for one in world.everything("payment") if one["_pushed"]]


def waiting_pushes(world: World) -> list[Json]:
    return [one for one in pushes(world) if one["status"] == "CREATED"]


def cancel(world: World, uuid: str, changes: object) -> Json:
    payment = load(world, "payment", uuid)
    wanted = [{"op": "replace", "path": "/status", "value": "cancelled"}]
    if changes != wanted or payment["status"] != "CREATED":
        raise SwishError("RP08")
    payment["status"] = "CANCELLED"
    save(world, payment)
    world.call_back(payment["payeeAlias"], payment)
    return payment


def answered(world: World, payment: Json, result: str) -> None:
    """Record the payer's action in the app: `approve`, `decline`, or the code of what goes
    wrong."""
    late = payment["status"] == "CANCELLED" and world.setting("late_approvals")
    if payment["status"] != "CREATED" and not late:
        return
    error = error_in(payment["message"], after=True) if result == "approve" else None
    if result in ERRORS:
        error = result
    if error is not None:
        _failed(world, payment, error)
    elif result == "approve":
        payment |= {
            "status": "PAID",
            "paymentReference": secrets.token_hex(16).upper(),
            "payerAlias": payment["payerAlias"] or "46739000001",
            "datePaid": world.moment(),
            "_paid_at": world.now(),
        }
    else:
        payment["status"] = "DECLINED"
    save(world, payment)
    world.call_back(payment["payeeAlias"], payment)


def _failed(world: World, payment: Json, code: str) -> None:
    payment |= {"status": "ERROR", "errorCode": code, "errorMessage": ERRORS[code]}


def refund(world: World, uuid: str, body: Json) -> Json:
    if world.storage.find("refund", uuid) is not None:
        raise SwishError("RP09")
    amount = ore(body.get("amount"))
    if body.get("currency") != "SEK":
        raise SwishError("AM03")
    wanted = body.get("originalPaymentReference")
    payment = world.paid_with(wanted) if isinstance(wanted, str) else None
    if payment is None or payment["_paid_at"] < world.now() - REFUND_DAYS * 24 * 3600:
        raise SwishError("RF02")
    if body.get("payerAlias") != payment["payeeAlias"]:
        raise SwishError("RF03")
    if payment["_refunded"] + amount > ore(payment["amount"]):
        raise SwishError("RF08")
    if amount <= 0:
        raise SwishError("AM06")
    payment["_refunded"] += amount
    save(world, payment)
    due = world.now() + int(world.setting("refund_seconds"))
    made: Json = {
        "id": uuid,
        "object": "refund",
        "originalPaymentReference": wanted,
        "payerPaymentReference": body.get("payerPaymentReference") or None,
        "paymentReference": secrets.token_hex(16).upper(),
        "callbackUrl": body.get("callbackUrl") or payment["callbackUrl"],
        "payerAlias": payment["payeeAlias"],
        "payeeAlias": payment["payerAlias"],
        "amount": kronor(amount),
        "currency": "SEK",
        "message": body.get("message") or "",
        "status": "CREATED",
        "dateCreated": world.moment(),
        "datePaid": None,
        "errorCode": None,
        "errorMessage": None,
        "_payment": payment["id"],
        "_due": due,
    }
    _save_refund(world, made)
    if due <= world.now():
        _pay_back(world, made)
    return made


def _save_refund(world: World, made: Json) -> None:
    due = made["_due"] if made["status"] == "CREATED" else None
    world.storage.put(made["payerAlias"], made, parent=made["_payment"], due_at=due)


def _pay_back(world: World, made: Json) -> None:
    made |= {"status": "PAID", "datePaid": world.moment()}
    _save_refund(world, made)
    world.call_back(made["payerAlias"], made)


def pass_time(world: World) -> None:
    """Do what is due by the clock: payers run out of time, banks pay back."""
    for _, thing in world.storage.due(world.now()):
        with world.storage.transaction():
            if thing["object"] == "refund":
                _pay_back(world, thing)
            else:
                _failed(world, thing, "TM01")
                save(world, thing)
                world.call_back(thing["payeeAlias"], thing)
