"""Payment orders: made, read, changed, given up, paid.

Source: `docs/reference/psp/swedbankpay.md#creating-an-order`, `#reading-an-order`,
`#operations-after-the-payment`.
"""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import UTC, datetime
from urllib.parse import urlsplit

from sandbox.common.storage import Json, Replay
from sandbox.swedbankpay.cards import Failure
from sandbox.swedbankpay.problems import missing, wrong
from sandbox.swedbankpay.world import World

ROOT = "/psp/paymentorders"
INSTRUMENTS = (
    "CreditCard",
    "Swish",
    "Vipps",
    "MobilePay",
    "ApplePay",
    "GooglePay",
    "ClickToPay",
)
SALES = ("Swish",)
"""These are paid at once: there is nothing to capture, and nothing to cancel."""
HOLD_SECONDS = 180 * 24 * 3600
_LANGUAGES = (
    "da-DK", "de-DE", "et-EE", "en-US", "es-ES", "fi-FI", "fr-FR", "lt-LT", "lv-LV", "nb-NO",
    "pl-PL", "ru-RU", "sv-SE",
)  # fmt: skip
_FOREVER = 0
_APPS = ("Swish", "Vipps", "MobilePay")
_APP_MINIMUM = 100
"""Minor units: the smallest amount that the apps themselves accept."""


def moment(world: World) -> str:
    """Return the time with seven fractional digits, as the provider writes it."""
    return datetime.fromtimestamp(world.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def load(world: World, merchant: str, guid: str) -> Json:
    order = world.storage.get(merchant, "paymentorder", f"{ROOT}/{guid}")
    if order is None:
        raise missing()
    return order


def save(world: World, merchant: str, order: Json) -> None:
    order["updated"] = moment(world)
    dues = [one["due"] for one in order["_pending"]]
    if order["_lapses_at"] is not None:
        dues.append(order["_lapses_at"])
    due = min(dues, default=None)
    world.storage.put(merchant, order, parent=order["_token"], due_at=due)


def use_reference(world: World, merchant: str, given: Json) -> str:
    """Use up the operation's `payeeReference`, and return it. Problem if it is bad or was used
    before."""
    reference = given.get("payeeReference")
    if not isinstance(reference, str) or not re.fullmatch(r"[A-Za-z0-9]{1,30}", reference):
        raise wrong("PayeeReference", "required: 1 to 30 letters and digits")
    if world.storage.replay(merchant, reference, _FOREVER) is not None:
        raise wrong("PayeeReference", "has been used before and must be unique")
    world.storage.remember(merchant, reference, Replay("", 200, ""), world.now())
    return reference


def create(world: World, merchant: str, body: Json, base_url: str) -> Json:
    given = _root(body)
    if given.get("operation") != "Purchase":
        raise wrong("Operation", "only Purchase is supported here")
    amount, lines = _amount(given), given.get("orderItems") or []
    check_lines(amount, lines)
    currency, instrument = given.get("currency"), given.get("instrument", "CreditCard")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
        raise wrong("Currency", "ISO 4217, three letters")
    minimum = _APP_MINIMUM if instrument in _APPS else 1
    minimum = int(world.setting("minimum")) or minimum
    if amount < minimum:
        raise wrong("Amount", f"must be at least {minimum}")
    if world.is_too_large(amount):
        raise wrong("Amount", f"must be at most {world.maximum()}")
    if instrument not in INSTRUMENTS:
        raise wrong("Instrument", "not switched on for this merchant")
    description = given.get("description")
    if not isinstance(description, str) or not 1 <= len(description) <= 40:
        raise wrong("Description", "1 to 40 characters")
    if not isinstance(given.get("userAgent"), str):
        raise wrong("UserAgent", "required")
    payee = given.get("payeeInfo")
    if not isinstance(payee, dict) or not payee.get("payeeId"):
        raise wrong("PayeeInfo.PayeeId", "required")
    urls = _urls(given)
    use_reference(world, merchant, payee)
    guid = str(uuid.uuid4())
    language = given.get("language")
    order: Json = {
        "id": f"{ROOT}/{guid}",
        "object": "paymentorder",
        "created": moment(world),
        "operation": "Purchase",
        "status": "Initialized",
        "currency": currency,
        "amount": amount,
        "vatAmount": given.get("vatAmount"),
        "description": description,
        "initiatingSystemUserAgent": "",
        "language": language if language in _LANGUAGES else "en-US",
        "availableInstruments": [instrument],
        "instrument": instrument,
        "instrumentMode": True,
        "guestMode": True,
        "integration": "",
        "implementation": given.get("implementation") or "PaymentsOnly",
        "urls": urls,
        "payeeInfo": payee,
        "metadata": given.get("metadata") or {},
        "_guid": guid,
        "_base_url": base_url,
        # The page's address is the payer's key, and the order's id is the merchant's.
        "_token": secrets.token_hex(32),
        "_number": 10_000_000 + secrets.randbelow(90_000_000),
        "_lines": lines,
        "_failed": [],
        "_movements": [],
        "_pending": [],
        "_paid": None,
        "_problem": None,
        "_card": None,
        "_failures": {"capture": 0, "reversal": 0},
        "_lapses_at": None,
    }
    save(world, merchant, order)
    return order


def _root(body: Json) -> Json:
    """Return the root node, which has two spellings."""
    found = [value for name, value in body.items() if name.lower() == "paymentorder"]
    if not found or not isinstance(found[0], dict):
        raise wrong("PaymentOrder", "required")
    return found[0]


def _amount(given: Json) -> int:
    amount, vat = given.get("amount"), given.get("vatAmount")
    if type(amount) is not int or amount <= 0:
        raise wrong("Amount", "a positive integer of minor units")
    if type(vat) is not int or not 0 <= vat <= amount:
        raise wrong("VatAmount", "an integer of minor units, not more than the amount")
    return amount


def check_lines(amount: int, lines: object) -> None:
    if not isinstance(lines, list):
        raise wrong("OrderItems", "a list")
    total = 0
    for line in lines:
        line_amount = line.get("amount") if isinstance(line, dict) else None
        if type(line_amount) is not int:
            raise wrong("OrderItems.Amount", "an integer of minor units")
        total += line_amount
    if lines and total != amount:
        raise wrong("OrderItems", f"the lines sum to {total}, the amount is {amount}")


def _urls(given: Json) -> Json:
    urls = given.get("urls")
    if not isinstance(urls, dict):
        raise wrong("Urls", "required")
    hosts = urls.get("hostUrls")
    if not isinstance(hosts, list) or not hosts:
        raise wrong("Urls.HostUrls", "required")
    for name in ("completeUrl", "cancelUrl", "callbackUrl"):
        url = urls.get(name)
        if url is None and name == "callbackUrl":
            continue
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise wrong(f"Urls.{name[0].upper()}{name[1:]}", "an absolute address")
    return urls


def update(world: World, merchant: str, order: Json, body: Json) -> Json:
    """Change the order (PATCH): another amount, or its end."""
    given = _root(body)
    if order["status"] != "Initialized":
        raise missing()
    operation = given.get("operation")
    if operation == "Abort":
        order["status"] = "Aborted"
        order["_problem"] = {"abortReason": given.get("abortReason") or "CancelledByConsumer"}
    elif operation == "PaymentAttemptAborted":
        order["_card"] = None
    elif operation == "UpdateOrder":
        amount, lines = _amount(given), given.get("orderItems") or []
        if order["_lines"] and not lines:
            raise wrong("OrderItems", "required: the order has lines")
        check_lines(amount, lines)
        order |= {"amount": amount, "vatAmount": given["vatAmount"], "_lines": lines}
    else:
        raise wrong("Operation", "not known")
    save(world, merchant, order)
    return order


def cancelled_by_payer(world: World, merchant: str, order: Json) -> None:
    if order["status"] == "Initialized":
        order["status"] = "Aborted"
        order["_problem"] = {"abortReason": "CancelledByConsumer"}
        save(world, merchant, order)


def failed(world: World, merchant: str, order: Json, failure: Failure) -> None:
    """Record a failed attempt. The payer may try again."""
    order["_card"] = None
    attempt = {
        "created": moment(world),
        "instrument": order["instrument"],
        "number": order["_number"],
        "status": "Failed",
        "problem": failure.problem(),
    }
    order["_failed"].append(attempt)
    save(world, merchant, order)
    world.call_back(merchant, order)


def paid(world: World, merchant: str, order: Json, details: Json) -> None:
    """Record the payment: the order is authorized, or sold at once."""
    kind = "Sale" if order["instrument"] in SALES else "Authorization"
    order["status"] = "Paid"
    order["_card"] = None
    order["_paid"] = {
        "instrument": order["instrument"],
        "number": order["_number"],
        "payeeReference": order["payeeInfo"]["payeeReference"],
        "orderReference": order["payeeInfo"].get("orderReference"),
        "transactionType": kind,
        "amount": order["amount"],
        "submittedAmount": order["amount"],
        "feeAmount": 0,
        "discountAmount": 0,
        "tokens": [],
        "details": details,
    }
    order["_lapses_at"] = world.now() + HOLD_SECONDS if kind == "Authorization" else None
    moved(world, order, kind, order["amount"], order["payeeInfo"]["payeeReference"])
    save(world, merchant, order)
    world.call_back(merchant, order)


def moved(
    world: World, order: Json, kind: str, amount: int, payee_reference: str, description: str = ""
) -> None:
    """Add a financial transaction."""
    number = order["_number"] + len(order["_movements"]) + 1
    order["_movements"].append(
        {
            "id": f"{order['id']}/financialtransactions/{uuid.uuid4()}",
            "created": moment(world),
            "updated": moment(world),
            "type": kind,
            "number": number,
            "amount": amount,
            "vatAmount": 0,
            "description": description or order["description"],
            "payeeReference": payee_reference,
            "receiptReference": "",
        }
    )
