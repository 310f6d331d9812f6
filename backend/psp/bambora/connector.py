"""Bambora Europe (Worldline Online Checkout), behind the payment types `bambora.*`.

The payer pays in the provider's payment window, which a *payment request* opens. Of the ways to
open it, only this one can be read, and withdrawn before the payer has paid. (The merchant's account
needs the permission "payment requests".) The money is a transaction, which the payer's return and
the callback name. Until then a read finds the transaction by its payment request, if that names it.

No call has an idempotency key. So every write reads first, is never repeated by us, and is checked
against the transaction's operations afterwards.

Source: `docs/reference/psp/bambora.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from backend.psp import minimums
from backend.psp.bambora.client import Account, Wire, told_amount, verified_query
from backend.psp.bambora.responses import (
    Totals,
    authorize_by_read,
    change_result,
    created_result,
    currency_of,
    operation_by_read,
    order_id_of,
    parse_reference,
    to_payment,
    totals_of,
    transaction_of,
    transactions_of,
    unpaid,
)
from backend.psp.http import Answer, text
from backend.psp.protocol import (
    Capabilities,
    Lines,
    Notification,
    NotificationRefused,
    OperationKind,
    OperationQuery,
    Outcome,
    Payment,
    PaymentRequest,
    PaymentState,
    Result,
)
from backend.psp.reading import final_refusal
from backend.psp.tools import Tools
from backend.rules.money import Money

# The only method that the payment window is asked to show, by product.
METHODS = {
    "creditcard": "paymentcard",
    "vipps": "vipps",
    "mobilepay": "mobilepay",
    "applepay": "applepay",
    "googlepay": "googlepay",
}
_LANGUAGES = {
    "no": "nb-NO",
    "nb": "nb-NO",
    "nn": "nb-NO",
    "sv": "sv-SE",
    "da": "da-DK",
    "fi": "fi-FI",
    "de": "de-DE",
}
_OURS = "transaction"
"""The name of our transaction in the callback address. The provider signs this value too."""


class Bambora:
    """A `Connector` over HTTP for one product (a key of `METHODS`).

    Before the `settle_time` of a write has passed, a read that finds nothing is UNKNOWN and not
    REFUSED.
    """

    def __init__(
        self,
        product: str,
        account: Account,
        tools: Tools,
    ) -> None:
        self._method = METHODS[product]
        self._minimums = minimums.APPS.get(product, minimums.NONE)
        self._md5_key = account.md5_key
        self._wire = Wire(account, tools)
        self._clock = tools.clock
        self._settle_time = tools.settle_time

    @property
    def capabilities(self) -> Capabilities:
        # The provider remembers no key, so what was sent once is only read from then on.
        return Capabilities(
            void_after_partial_capture=False,
            key_lifetime=timedelta(0),
            minimums=self._minimums,
        )

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make the payment request. DONE has `reference` and `redirect_url`.

        The same key again makes another page for the same order id. Only the page that we know can
        be shown to anybody, and an order id can be paid only once.
        """
        if request.amount.amount <= 0:
            return Result(Outcome.REFUSED, code="amount", message="nothing to pay here")
        order_id = order_id_of(request.key)
        answer = await self._wire.create_request(self._request_body(request, order_id))
        if answer.outcome is not Outcome.DONE:
            return told_amount(answer).as_result()
        return created_result(order_id, answer)

    def _request_body(self, request: PaymentRequest, order_id: str) -> dict[str, Any]:
        joint = "&" if urlsplit(request.notification_url).query else "?"
        ours = urlencode({_OURS: request.transaction_id})
        language = request.language.lower().split("-")[0]
        parameters: dict[str, Any] = {
            "order": {
                "id": order_id,
                "amount": request.amount.amount,
                "currency": request.amount.currency,
            },
            "instantcaptureamount": 0,
            "paymentwindow": {
                "id": 1,
                "language": _LANGUAGES.get(language, "en-GB"),
                "paymentmethods": [{"id": self._method, "action": "include"}],
            },
            "url": {
                "accept": request.return_url,
                "decline": request.cancel_url,
                "callbacks": [{"url": f"{request.notification_url}{joint}{ours}"}],
                "immediateredirecttoaccept": 1,
            },
        }
        if request.email:
            parameters["customer"] = {"email": request.email}
        description = request.description or request.merchant_reference or "Order"
        return {"reference": order_id, "description": description[:150], "parameters": parameters}

    async def abort(self, reference: str, key: str) -> Result:
        """Withdraw the payment request. REFUSED `not_allowed` if the payer was faster."""
        named = parse_reference(reference)
        if named is None:
            return _not_ours(reference)
        answer = await self._wire.delete_request(named.request_id)
        if answer.outcome is not Outcome.REFUSED or answer.code != "not_allowed":
            return answer.as_result(reference)
        # An earlier call has withdrawn it, or it was paid. Only a read tells which.
        payment = await self.fetch(reference)
        if payment.outcome is not Outcome.DONE:
            return Result(Outcome.UNKNOWN, reference, message=payment.message, raw=payment.raw)
        if payment.state is PaymentState.FAILED:
            return Result(Outcome.DONE, reference, raw=payment.raw)
        return answer.as_result(reference)

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        """Read the transaction that the query names, if it is one of this order. From then on the
        answer's `reference` has its id. The rest of the query is ignored."""
        named, told = parse_reference(reference), query.get("txnid", "")
        found = named and parse_reference(f"{named.order_id}.{named.request_id}.{told}")
        if named is None or named.transaction_id or not found or not found.transaction_id:
            return await self.fetch(reference)
        answer = await self._wire.read_transaction(found.transaction_id)
        if answer.outcome is Outcome.DONE and _order_of(answer) == named.order_id:
            payment = to_payment(str(found), answer)
            if payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED):
                return payment
        return await self.fetch(reference)

    async def fetch(self, reference: str) -> Payment:
        """Read the transaction. If its id is not known yet, read the payment request first."""
        named = parse_reference(reference)
        if named is None:
            return Payment(Outcome.REFUSED, reference=reference, code="invalid", message="unknown")
        transaction_id = named.transaction_id
        before: Payment | None = None
        if transaction_id is None:
            request = await self._wire.read_request(named.request_id)
            if request.outcome is not Outcome.DONE:
                return _unread(reference, request)
            before = unpaid(reference, request)
            known = transactions_of(request.body)
            if not known:
                return before
            transaction_id = known[-1]
        answer = await self._wire.read_transaction(transaction_id)
        if answer.outcome is not Outcome.DONE:
            return _unread(reference, answer)
        if _order_of(answer) != named.order_id:
            return Payment(Outcome.UNKNOWN, reference=reference, message="another order's")
        payment = to_payment(reference, answer)
        if payment.declined and before is not None:
            # That attempt failed. Another may follow for as long as the request is open.
            return replace(before, declined=payment.declined)
        return payment

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """Capture `amount`, once. The rest lapses, and nothing more can be captured.

        If this one capture was made already, with the same amount, the outcome is DONE.
        """
        found = await self._to_change(reference, amount)
        if isinstance(found, Result):
            return found
        transaction_id, totals = found
        if totals.captured == amount.amount and not totals.released:
            return Result(Outcome.DONE, reference, message="captured before")
        if totals.captured > 0 or totals.released or totals.authorized == 0:
            return _refused(reference, "not_allowed", "nothing left to capture")
        if amount.amount > totals.capturable:
            return _refused(reference, "amount", "more than is authorized")
        if not final and amount.amount < totals.capturable:
            return _refused(reference, "not_allowed", "only one capture is possible")
        kind = OperationKind.CAPTURE
        return await self._change(reference, transaction_id, "capture", kind, amount)

    async def void(self, reference: str, key: str) -> Result:
        """Delete the whole authorization. REFUSED `not_allowed` after any capture."""
        found = await self._to_change(reference, None)
        if isinstance(found, Result):
            return found
        transaction_id, totals = found
        if totals.released:
            return Result(Outcome.DONE, reference, message="released before")
        if totals.captured > 0 or not totals.deletable:
            return _refused(reference, "not_allowed", "it cannot be deleted")
        return await self._change(reference, transaction_id, "delete", OperationKind.VOID, None)

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        """Refund `amount`. It is not safe to repeat: two refunds of one amount are two refunds."""
        found = await self._to_change(reference, amount)
        if isinstance(found, Result):
            return found
        transaction_id, totals = found
        if totals.captured == 0:
            return _refused(reference, "not_allowed", "nothing is captured")
        if amount.amount > totals.creditable:
            return _refused(reference, "amount", "more than is left to refund")
        return await self._change(reference, transaction_id, "credit", OperationKind.REFUND, amount)

    async def _to_change(self, reference: str, amount: Money | None) -> tuple[str, Totals] | Result:
        """Return the transaction to write to with its sums, or the end of a write that was not
        sent."""
        if amount is not None and amount.amount <= 0:
            return _refused(reference, "amount", "an amount of nothing")
        transaction_id = await self._transaction_id(reference)
        if isinstance(transaction_id, Answer):
            return _unsent(reference, transaction_id)
        if transaction_id is None:
            return _refused(reference, "not_allowed", "no payment is known")
        answer = await self._wire.read_transaction(transaction_id)
        transaction = transaction_of(answer)
        totals = totals_of(transaction)
        if answer.outcome is not Outcome.DONE or totals is None:
            return _unsent(reference, answer)
        if amount is not None and currency_of(transaction) != amount.currency:
            return _refused(reference, "amount", "another currency")
        return transaction_id, totals

    async def _transaction_id(self, reference: str) -> str | Answer | None:
        """Return the payment's transaction, None if none is known, or the answer of the read that
        failed."""
        named = parse_reference(reference)
        if named is None:
            return Answer(Outcome.REFUSED, code="invalid", message="no reference of ours")
        if named.transaction_id is not None:
            return named.transaction_id
        request = await self._wire.read_request(named.request_id)
        if request.outcome is not Outcome.DONE:
            return request
        known = transactions_of(request.body)
        return known[-1] if known else None

    async def _change(
        self,
        reference: str,
        transaction_id: str,
        verb: str,
        kind: OperationKind,
        amount: Money | None,
    ) -> Result:
        """Send the change, and check in the transaction's operations that it is what we asked
        for."""
        body = {} if amount is None else {"amount": amount.amount, "currency": amount.currency}
        made = await self._wire.change(transaction_id, verb, body)
        if made.outcome is not Outcome.DONE:
            return made.as_result(reference)
        operations = await self._wire.read_operations(transaction_id)
        return change_result(reference, made, operations, kind, amount)

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Find out whether an earlier write took effect, by reads only.

        AUTHORIZE with a reference: as `fetch` says. Without one the answer of `create_payment` was
        lost: its page was shown to nobody, so nobody can pay it, and it counts as not made.
        The others: by the transaction's operations, with what was there before.
        A write that may still be on its way (`sent_at` within `settle_time`) is never REFUSED.
        """
        if query.kind is OperationKind.AUTHORIZE:
            if query.reference:
                return authorize_by_read(await self.fetch(query.reference))
            never = _refused("", "invalid", "nobody was given a page")
            return final_refusal(never, query, self._clock(), self._settle_time)
        transaction_id = await self._transaction_id(query.reference)
        if transaction_id is None or isinstance(transaction_id, Answer):
            return Result(Outcome.UNKNOWN, query.reference, message="the payment cannot be read")
        answer = await self._wire.read_operations(transaction_id)
        if answer.outcome is not Outcome.DONE:
            # A failed read does not show whether the write took effect.
            return Result(Outcome.UNKNOWN, query.reference, message=answer.message, raw=answer.raw)
        result = operation_by_read(query, answer)
        if query.kind is OperationKind.VOID and result.outcome is Outcome.REFUSED:
            whole = await self._wire.read_transaction(transaction_id)
            totals = totals_of(transaction_of(whole))
            if whole.outcome is Outcome.DONE and totals is not None and totals.released:
                # No call of anybody did this: the authorization has lapsed.
                return Result(Outcome.DONE, query.reference, raw=whole.raw)
        return final_refusal(result, query, self._clock(), self._settle_time)

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification. It is a GET, so everything is in the query, which is signed up to
        its hash."""
        told = verified_query(urlsplit(headers.get(":path", "")).query, self._md5_key)
        transaction_id, ours = told.get("txnid", ""), told.get(_OURS, "")
        if body or not transaction_id.isdigit() or not ours:
            raise NotificationRefused("the callback names no transaction")
        return Notification(
            event_id=transaction_id,
            event_type="authorize",
            reference=None,
            transaction_id=ours,
            told={"txnid": transaction_id},
        )


def _order_of(answer: Answer) -> str | None:
    return text(transaction_of(answer).get("orderid"))


def _refused(reference: str, code: str, message: str) -> Result:
    return Result(Outcome.REFUSED, reference or None, code=code, message=message)


def _not_ours(reference: str) -> Result:
    return _refused(reference, "invalid", "no reference of ours")


def _unread(reference: str, answer: Answer) -> Payment:
    return Payment(
        answer.outcome,
        reference=reference,
        code=answer.code,
        message=answer.message,
        raw=answer.raw,
    )


def _unsent(reference: str, answer: Answer) -> Result:
    """Return the result of a write that was not sent, because the payment could not be read."""
    if answer.outcome is Outcome.REFUSED:
        return answer.as_result(reference)
    return replace(
        _refused(reference, "unreachable", f"not sent: {answer.message}"), raw=answer.raw
    )
