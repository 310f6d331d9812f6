"""Swedbank Pay behind payment type `payex.*`: payment orders v3.1 in instrument mode, by redirect.

One order has one instrument. Our `reference` is the order's id, a path. There is no idempotency
key. Instead `payeeReference` is unique for each operation, so each one is derived from our key. The
provider refuses it the second time, and a read tells what the first call did. Only the operations
that the order lists can follow.

Source: `docs/reference/psp/swedbankpay.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from backend.psp import minimums
from backend.psp.callback_capability import OwnAddress
from backend.psp.http import Answer
from backend.psp.protocol import (
    Capabilities,
    Lines,
    Notification,
    OperationKind,
    OperationQuery,
    Outcome,
    Payment,
    PaymentRequest,
    Result,
)
from backend.psp.reading import authorize_by_read, final_refusal
from backend.psp.swedbankpay.callback import read_callback
from backend.psp.swedbankpay.client import Account, Wire
from backend.psp.swedbankpay.requests import Move, described, language
from backend.psp.swedbankpay.responses import (
    Order,
    created_result,
    is_reference,
    movement_result,
    read_order,
    to_payment,
)
from backend.psp.tools import Tools
from backend.rules.money import Money

INSTRUMENTS = {
    "creditcard": "CreditCard",
    "swish": "Swish",
    "vipps": "Vipps",
    "mobilepay": "MobilePay",
    "applepay": "ApplePay",
    "googlepay": "GooglePay",
    "clicktopay": "ClickToPay",
}
"""The instrument, by the product of `payex.<product>`."""
DIRECT_CAPTURE = frozenset({"swish"})
_ORDERS = "/psp/paymentorders"
_EXPAND = "?$expand=paid,financialTransactions,failed,failedAttempts"
# A reference that exists belongs to an order whose page nobody got, so another order is made.
_MAX_ORDERS = 5
_FINAL = "Final capture"


@dataclass(frozen=True, slots=True)
class _Verb:
    """A write after the payment: the operation's `rel`, and the name of what the order has left for
    it."""

    kind: OperationKind
    rel: str
    left: str


_VERBS = {
    OperationKind.CAPTURE: _Verb(OperationKind.CAPTURE, "capture", "capture"),
    OperationKind.REFUND: _Verb(OperationKind.REFUND, "reversal", "reversal"),
    OperationKind.VOID: _Verb(OperationKind.VOID, "cancel", "capture"),
}


def payee_reference(key: str, what: str, number: int = 0) -> str:
    """Return our key as the provider wants its references: 30 letters and digits, for one
    operation."""
    return hashlib.sha256(f"{what}:{number}:{key}".encode()).hexdigest()[:30]


class SwedbankPay:
    """A `Connector` for one product."""

    def __init__(
        self,
        product: str,
        account: Account,
        tools: Tools,
    ) -> None:
        self._instrument = INSTRUMENTS[product]
        self._direct_capture = product in DIRECT_CAPTURE
        self._wire = Wire(account, tools)
        self._minimums = minimums.APPS.get(product, minimums.NONE)
        self._payee = {
            "payeeId": account.payee_id,
            "payeeName": account.payee_name,
            "subsite": account.subsite,
        }
        self._address = OwnAddress(account.access_token)
        self._clock = tools.clock
        self._settle_time = tools.settle_time

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            void_after_partial_capture=not self._direct_capture,
            # References are never forgotten. A year is longer than any authorization.
            key_lifetime=timedelta(days=365),
            direct_capture=self._direct_capture,
            minimums=self._minimums,
        )

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make the order. DONE has `reference` and `redirect_url`.

        The provider cannot find an order whose answer was lost. Nobody got its page, so nobody can
        pay it. The same key again makes another order, and only the order whose page was stored is
        ever shown. An order for another amount is REFUSED `amount`.
        """
        if request.amount.amount <= 0:
            return Result(Outcome.REFUSED, code="amount", message="nothing to pay here")
        answer = Answer(Outcome.UNKNOWN)
        for number_ in range(_MAX_ORDERS):
            reference = payee_reference(request.key, "create", number_)
            body = {"paymentorder": self._order(request, reference)}
            answer = await self._wire.write("POST", _ORDERS, body)
            if answer.code != "conflict":
                break
        if answer.outcome is not Outcome.DONE:
            return answer.as_result()
        return created_result(read_order(answer.body), answer.raw, request.amount)

    def _order(self, request: PaymentRequest, reference: str) -> dict[str, Any]:
        shop, lines = urlsplit(request.return_url), {"vatAmount": 0}
        if request.lines:  # cards and wallets need none
            lines = described(request.lines, request.amount.amount, request.description)
        order: dict[str, Any] = {
            "operation": "Purchase",
            "currency": request.amount.currency,
            "amount": request.amount.amount,
            **lines,
            "description": request.description[:40] or "Order",
            "userAgent": "Mozilla/5.0",
            "language": language(request.language),
            "instrument": self._instrument,
            "urls": {
                "hostUrls": [f"{shop.scheme}://{shop.netloc}"],
                "completeUrl": request.return_url,
                "cancelUrl": request.cancel_url,
                "callbackUrl": self._address.of(request),
            },
            "payeeInfo": {
                **{name: value for name, value in self._payee.items() if value},
                "payeeReference": reference,
                "orderReference": request.merchant_reference[:50],
            },
            "metadata": {
                "transactionId": request.transaction_id,
                "sessionId": request.session_id,
            },
        }
        if request.email:
            order["payer"] = {"email": request.email}
        return order

    async def abort(self, reference: str, key: str) -> Result:
        """Abort the order. REFUSED `not_allowed` if the payer was faster; call `fetch` then."""
        found = await self._order_for(reference)
        if isinstance(found, Result):
            return found
        if found.status in ("Aborted", "Failed", "Cancelled"):
            return Result(Outcome.DONE, found.reference)
        body = {"paymentorder": {"operation": "Abort", "abortReason": "CancelledByConsumer"}}
        answer = await self._perform(found, "abort", body)
        if answer.outcome is not Outcome.DONE:
            return answer.as_result(reference)
        after = read_order(answer.body)
        if after is None or after.status not in ("Aborted", "Failed"):
            return Result(Outcome.UNKNOWN, reference, message="not aborted", raw=answer.raw)
        return answer.as_result(reference)

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        return await self.fetch(reference)

    async def fetch(self, reference: str) -> Payment:
        """Read the order with its transactions and failed attempts."""
        answer = await self._read(reference)
        if answer.outcome is not Outcome.DONE:
            return Payment(
                answer.outcome,
                reference=reference,
                code=answer.code,
                message=answer.message,
                raw=answer.raw,
            )
        order = read_order(answer.body)
        if order is None or order.reference != reference:
            return Payment(
                Outcome.UNKNOWN, reference=reference, message="unreadable answer", raw=answer.raw
            )
        return to_payment(order, answer.raw)

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """Capture `amount`. `final` releases the rest, by a cancellation of its own after the
        capture. DONE says that both happened. The capture's description tells a later read that a
        release is owed."""
        description = _FINAL if final else "Capture"
        move = Move(OperationKind.CAPTURE, amount, key, description, lines)
        result = await self._move(reference, move)
        if result.outcome is Outcome.DONE and final:
            return await self._released(result, reference, key)
        return result

    async def void(self, reference: str, key: str) -> Result:
        """Release what is not captured. DONE if nothing is authorized any more."""
        return await self._move(reference, Move(OperationKind.VOID, None, key, "Void"))

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        """Refund `amount`. A refund that the provider still works on is UNKNOWN and has to be read
        again."""
        return await self._move(reference, Move(OperationKind.REFUND, amount, key, "Refund", lines))

    async def _move(self, reference: str, move: Move) -> Result:
        """Send a move once for each key: what the order already shows is not sent again. Five
        refusals in a row lock a payment at the provider, so what would fail is not sent at all."""
        kind, amount, key = move.kind, move.amount, move.key
        if self._direct_capture and kind is not OperationKind.REFUND:
            return Result(Outcome.REFUSED, reference, code="not_allowed", message="one phase")
        if amount is not None and amount.amount <= 0:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to do")
        order = await self._order_for(reference)
        if isinstance(order, Result):
            return order
        if amount is not None and amount.currency != order.amount.currency:
            return Result(Outcome.REFUSED, reference, code="amount", message="another currency")
        ours, verb = payee_reference(key, kind.value), _VERBS[kind]
        if (known := order.movement(ours)) is not None:
            return movement_result(order, known, amount, {})
        if kind is OperationKind.VOID and order.is_released:
            return Result(Outcome.DONE, reference)
        if amount is not None and verb.rel in order.operations:
            left = order.left[verb.left]
            if amount.amount > left:
                message = f"only {left} is left"
                return Result(Outcome.REFUSED, reference, code="amount", message=message)
        transaction: dict[str, Any] = {"description": move.description, "payeeReference": ours}
        if amount is not None:
            # If the order was made with lines, its operations need lines too.
            lines = described(move.lines, amount.amount, move.description)
            transaction |= {"amount": amount.amount, **lines}
        answer = await self._perform(order, verb.rel, {"transaction": transaction})
        if answer.outcome is Outcome.REFUSED and answer.code == "conflict":
            # The same key is used at the same moment, or by a call that we believed lost.
            return await self._by_read(kind, reference, amount, key)
        if answer.outcome is not Outcome.DONE:
            return answer.as_result(reference)
        return await self._confirmed(answer, order, kind, amount, key)

    async def _confirmed(
        self, answer: Answer, before: Order, kind: OperationKind, amount: Money | None, key: str
    ) -> Result:
        """Return the end of a write that was answered. The answer tells what is left, but no
        movement. If it is not what we asked for, the list of movements decides."""
        after, left = read_order(answer.body), _VERBS[kind].left
        if answer.status == 202 or after is None:
            message = "the provider still works on it"
            return Result(Outcome.UNKNOWN, before.reference, message=message, raw=answer.raw)
        wanted = before.left[left] if amount is None else amount.amount
        if before.left[left] - after.left[left] == wanted:
            return answer.as_result(before.reference)
        result = await self._by_read(kind, before.reference, amount, key)
        if result.outcome is Outcome.REFUSED:
            return Result(Outcome.UNKNOWN, before.reference, message="not seen", raw=answer.raw)
        return result

    async def _released(self, captured: Result, reference: str, key: str) -> Result:
        """Return `captured` after what the capture left is released. UNKNOWN if that is not
        certain."""
        order = await self._order_for(reference)
        if isinstance(order, Result):
            message = f"captured; the rest may not be released: {order.message}"
            return Result(Outcome.UNKNOWN, reference, message=message, raw=order.raw)
        if "cancel" not in order.operations:
            return captured
        ours = payee_reference(key, "release")
        body = {"transaction": {"description": "Release", "payeeReference": ours}}
        answer = await self._perform(order, "cancel", body)
        if answer.outcome is Outcome.UNKNOWN or answer.code == "unreachable":
            message = f"captured; the rest may not be released: {answer.message}"
            return Result(Outcome.UNKNOWN, reference, message=message, raw=answer.raw)
        return captured

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Find out whether an earlier write took effect, by a read: by our reference in the order's
        list of movements. A release that a final capture still owes is made up for, with its own
        reference.

        AUTHORIZE without a reference is REFUSED: see `create_payment`. A write that may still be
        on its way (`sent_at` within `settle_time`) is never REFUSED.
        """
        if query.kind is OperationKind.AUTHORIZE:
            if query.reference:
                return authorize_by_read(await self.fetch(query.reference))
            message = "no page of this payment was ever shown"
            result = Result(Outcome.REFUSED, code="invalid", message=message)
        else:
            amount = None if query.kind is OperationKind.VOID else query.amount
            result = await self._by_read(query.kind, query.reference, amount, query.key)
        return final_refusal(result, query, self._clock(), self._settle_time)

    async def _by_read(
        self, kind: OperationKind, reference: str, amount: Money | None, key: str
    ) -> Result:
        answer = await self._read(reference)
        order = read_order(answer.body) if answer.outcome is Outcome.DONE else None
        if order is None or (order.movements is None and order.status != "Cancelled"):
            # A failed read does not show whether the write took effect.
            return Result(Outcome.UNKNOWN, reference, message=answer.message, raw=answer.raw)
        found = order.movement(payee_reference(key, kind.value))
        if found is not None:
            result = movement_result(order, found, amount, answer.raw)
            if found.description == _FINAL and result.outcome is Outcome.DONE:
                return await self._released(result, reference, key)
            return result
        if kind is OperationKind.VOID and order.is_released:
            return Result(Outcome.DONE, reference, raw=answer.raw)
        if kind is OperationKind.REFUND and order.may_be_refunding:
            message = "the provider still works on it"
            return Result(Outcome.UNKNOWN, reference, message=message, raw=answer.raw)
        return Result(Outcome.REFUSED, reference, code="invalid", message="none", raw=answer.raw)

    async def _read(self, reference: str) -> Answer:
        if not is_reference(reference):
            return Answer(Outcome.REFUSED, code="invalid", message="no such reference")
        return await self._wire.read(reference + _EXPAND)

    async def _order_for(self, reference: str) -> Order | Result:
        """Return the order to write to, or the end of a write that was never sent."""
        answer = await self._read(reference)
        if answer.outcome is Outcome.REFUSED:
            return answer.as_result(reference)
        order = read_order(answer.body) if answer.outcome is Outcome.DONE else None
        if order is None or order.reference != reference:
            message = f"not sent, the payment could not be read: {answer.message}"
            return Result(
                Outcome.REFUSED, reference, code="unreachable", message=message, raw=answer.raw
            )
        return order

    async def _perform(self, order: Order, rel: str, body: Mapping[str, Any]) -> Answer:
        """Follow one of the order's operations. REFUSED `not_allowed` if the order does not list
        it."""
        operation = order.operations.get(rel)
        if operation is None:
            message = f"{rel} is not possible while {order.status}"
            return Answer(Outcome.REFUSED, code="not_allowed", message=message)
        path = self._wire.path_of(operation.href)
        if path is None:
            return Answer(Outcome.REFUSED, code="invalid", message="it leads to another host")
        answer = await self._wire.write(operation.method, path, body)
        if answer.outcome is Outcome.REFUSED and answer.status == 404:
            # It was offered a moment ago, so somebody else was faster.
            return Answer(
                answer.outcome,
                status=404,
                code="not_allowed",
                message=answer.message,
                raw=answer.raw,
            )
        return answer

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification. It is not signed, and accepted if it came to the address that we
        made for that payment."""
        return read_callback(self._address.transaction_of(headers.get(":path", "")), body)
