"""Transactions: authorized in the window, then captured, credited, deleted. Their sums are always
right.

Source: `docs/reference/psp/bambora.md#reading-a-transaction`, `#operations-after-the-payment`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.bambora.cards import Card
from sandbox.bambora.world import Call, Refused, World, digits
from sandbox.common.storage import Json

_CURRENCIES = {"NOK": "578", "SEK": "752", "DKK": "208", "EUR": "978"}
_NAMES = {"vipps": "Vipps", "mobilepay": "MobilePay", "applepay": "ApplePay"} | {
    "googlepay": "GooglePay"
}


def try_to_pay(world: World, call: Call, window: Json, card: Card | None, code: str | None) -> Json:
    """Return an attempt of the payer's, declined with `code` or authorized. One order id is paid
    once."""
    order = f"order {call.merchant} {window['_order']}"
    if code is None and world.storage.get(call.merchant, "order", order):
        code = "duplicate"
    amount, declined = window["_amount"], code is not None
    transaction = _transaction(world, call, window, card)
    transaction["total"] |= {"declined": amount} if declined else {"authorized": amount}
    if not declined:
        transaction["available"]["capture"] = amount
        transaction["candelete"] = True
        transaction["_due"] = world.now() + int(world.setting("authorization_seconds"))
    operation = _operation(world, transaction, "Authorize", "threed", amount)
    operation |= {"status": "declined" if declined else "approved", "actioncode": code or "0"}
    transaction["_operations"] = [operation]
    window["_transactions"].append(transaction["id"])
    if not declined:
        window["status"] = "closed"
        world.storage.put(call.merchant, {"id": order, "object": "order"})
        _capture_at_once(world, transaction, window)
    _save(world, call, transaction)
    world.storage.put(call.merchant, window | {"_card": None, "_declined": code})
    return transaction


def _capture_at_once(world: World, transaction: Json, window: Json) -> None:
    wanted = window["parameters"].get("instantcaptureamount")
    amount = int(wanted) if isinstance(wanted, int | str) and str(wanted).isdigit() else 0
    if amount and amount <= transaction["available"]["capture"]:
        kind = "fullinstant" if amount == window["_amount"] else "partlyinstant"
        _captured(world, transaction, amount, kind)


def _transaction(world: World, call: Call, window: Json, card: Card | None) -> Json:
    currency = window["_currency"]
    number = digits(18)
    wallet = _NAMES.get(window["_method"])
    name = card.brand if card else str(wallet)
    kind = {"id": card.payment_type if card else 40, "groupid": 2, "name": name}
    return {
        "id": number,
        "object": "transaction",
        "orderid": window["_order"],
        "merchantnumber": call.merchant,
        "reference": digits(12),
        "createddate": _moment(world),
        "candelete": False,
        "currency": {
            "code": currency,
            "number": _CURRENCIES.get(currency, "999"),
            "name": currency,
            "minorunits": 2,
        },
        "available": {"capture": 0, "credit": 0},
        "total": {
            "authorized": 0,
            "balance": 0,
            "captured": 0,
            "credited": 0,
            "declined": 0,
            "feeamount": 0,
        },
        "information": {
            "acquirers": [{"name": "Sandbox"}],
            "acquirerreferences": [{"reference": digits(6)}],
            "paymenttypes": [kind | {"displayname": name, "fee": {"id": "", "amount": 0}}],
            "primaryaccountnumbers": [{"number": card.masked}] if card else [],
            "ecis": [{"value": "05"}],
            "exemptions": [],
            "wallets": [{"name": wallet}] if wallet else [],
        },
        "subscription": None,
        "links": {"transactionoperations": f"/transactions/{number}/transactionoperations"},
        "_due": None,
        "_operations": [],
        "_wallet": wallet or "",
    }


def _operation(world: World, transaction: Json, action: str, kind: str, amount: int) -> Json:
    return {
        "id": digits(18),
        "parenttransactionoperationid": None,
        "action": action,
        "subaction": kind,
        "status": "approved",
        "amount": amount,
        "currentbalance": transaction["total"]["captured"] - transaction["total"]["credited"],
        "currency": dict(transaction["currency"]),
        "createddate": _moment(world),
        "orderid": transaction["orderid"],
        "acquirername": "Sandbox",
        "actioncode": "0",
        "actionsource": "sandbox",
        "eci": {"value": "05"},
        "acquirerdata": [],
        "transactionoperations": [],
    }


def _moment(world: World) -> str:
    return datetime.fromtimestamp(world.now(), UTC).isoformat(timespec="seconds")


def _save(world: World, call: Call, transaction: Json) -> None:
    total = transaction["total"]
    total["balance"] = total["captured"] - total["credited"]
    due = transaction["_due"] if transaction["candelete"] else None
    world.storage.put(call.merchant, transaction, due_at=due)


def load(world: World, call: Call, path: Json) -> Json:
    found = world.storage.get(call.merchant, "transaction", path["id"])
    if found is None:
        raise Refused("30", "There is no such transaction.")
    return found


def read(world: World, call: Call, body: Json, path: Json) -> Json:
    found = load(world, call, path)
    total = found["total"]
    status = next(
        (word for word in ("credited", "captured", "declined", "authorized") if total[word]), "new"
    )
    told = {name: value for name, value in found.items() if name != "object"}
    return {"transaction": told | {"status": status}}


def read_operations(world: World, call: Call, body: Json, path: Json) -> Json:
    return {"transactionoperations": load(world, call, path)["_operations"]}


def _added(transaction: Json, operation: Json) -> Json:
    parent = transaction["_operations"][0]
    operation["parenttransactionoperationid"] = parent["id"]
    parent["transactionoperations"].append(operation)
    return {"transactionoperations": [{"id": operation["id"]}]}


def _asked(transaction: Json, body: Json, available: str) -> int:
    """Return the amount asked for, within what is available."""
    value = body.get("amount")
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise Refused("10", "The value of amount is missing or not valid.")
    if body.get("currency") != transaction["currency"]["code"]:
        raise Refused("31", "The currency is not that of the transaction.")
    if value > transaction["available"][available]:
        raise Refused("32", f"The amount is greater than what can be {available}d.")
    return value


def capture(world: World, call: Call, body: Json, path: Json) -> Json:
    """Capture, once. After a part nothing more can be captured, and the rest lapses."""
    transaction = load(world, call, path)
    amount = _asked(transaction, body, "capture")
    whole = amount == transaction["total"]["authorized"]
    made = _captured(world, transaction, amount, "full" if whole else "partly")
    _change_currency(transaction, body)
    _save(world, call, transaction)
    return made


def _captured(world: World, transaction: Json, amount: int, kind: str) -> Json:
    transaction["total"]["captured"] += amount
    transaction["available"] = {"capture": 0, "credit": transaction["total"]["captured"]}
    transaction["candelete"] = False
    return _added(transaction, _operation(world, transaction, "Capture", kind, amount))


def _change_currency(transaction: Json, body: Json) -> None:
    """Report what was just done in another currency, if a fault asks for it."""
    if body.get("_currency"):
        made = transaction["_operations"][0]["transactionoperations"][-1]
        made["currency"]["code"] = body["_currency"]


def credit(world: World, call: Call, body: Json, path: Json) -> Json:
    transaction = load(world, call, path)
    amount = _asked(transaction, body, "credit")
    total = transaction["total"]
    total["credited"] += amount
    transaction["available"]["credit"] -= amount
    kind = "full" if total["credited"] == total["captured"] == amount else "partly"
    made = _added(transaction, _operation(world, transaction, "Credit", kind, amount))
    _change_currency(transaction, body)
    _save(world, call, transaction)
    return made


def delete(world: World, call: Call, body: Json, path: Json) -> Json:
    transaction = load(world, call, path)
    if not transaction["candelete"]:
        raise Refused("33", "This transaction cannot be deleted.")
    amount = transaction["total"]["authorized"]
    _release(transaction)
    made = _added(transaction, _operation(world, transaction, "Delete", "instant", amount))
    _save(world, call, transaction)
    return made


def _release(transaction: Json) -> None:
    """Release the authorization. A deleted one is listed among the declined."""
    transaction["candelete"] = False
    transaction["available"]["capture"] = 0
    transaction["total"]["declined"] = transaction["total"]["authorized"]


def pass_time(world: World) -> None:
    """Do what is due by the clock: authorizations lapse."""
    for merchant, transaction in world.storage.due(world.now()):
        with world.storage.transaction():
            _release(transaction)
            _save(world, Call(merchant), transaction)
