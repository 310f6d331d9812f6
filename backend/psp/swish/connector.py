"""Swish behind payment type `swish.swish`: payment requests over mutual TLS.

The payer's approval moves the money, so there are no captures and no voids. Our `reference` is the
payment request's own: the 32 hex digits under which we make it, which are its idempotency handle
too. Without the payer's number (m-commerce) the answer has a token. Whoever opens it in the app can
pay, and only a token that we return is ever shown. With the number (e-commerce) Swish tells the
app.

Source: `docs/reference/psp/swish.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from backend.psp import minimums
from backend.psp.callback_capability import OwnAddress
from backend.psp.http import Answer, is_local, mapping, text
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
from backend.psp.reading import authorize_by_read, final_refusal
from backend.psp.swish.client import TAKEN, Wire
from backend.psp.swish.responses import (
    CURRENCY,
    MAX_AMOUNT,
    MIN_AMOUNT,
    instruction_uuid,
    is_reference,
    message_of,
    own_reference,
    payer_alias,
    refund_result,
    to_payment,
    to_swish,
)
from backend.psp.tools import Tools
from backend.rules.money import Money

APP = "swish://paymentrequest"
_MAKE_PAYMENT = "/api/v2/paymentrequests"
_PAYMENTS = "/api/v1/paymentrequests"
_MAKE_REFUND = "/api/v2/refunds"
_REFUNDS = "/api/v1/refunds"
_CANCELLED = ({"op": "replace", "path": "/status", "value": "cancelled"},)
# A number that exists belongs to a token that nobody got, so another request is made.
_MAX_REQUESTS = 5
# This payer cannot get a push. The token works as well.
_NOT_PUSHED_TO = ("ACMT03", "BE18", "RP06")


class Swish:
    """A `Connector` for one merchant number.

    The `http` of its tools has the merchant's client certificate. `address_secret` proves the
    addresses that callbacks come to. `app_url` opens the payer's app; in a sandbox a page stands
    for the app.
    """

    def __init__(
        self,
        base_url: str,
        swish_number: str,
        tools: Tools,
        *,
        address_secret: str,
        app_url: str = APP,
    ) -> None:
        self._wire = Wire(base_url, tools)
        self._number = swish_number
        self._address = OwnAddress(address_secret)
        self._app_url = app_url
        self._clock = tools.clock
        self._settle_time = tools.settle_time

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            void_after_partial_capture=False,
            # Numbers are never used twice. Refunds are accepted for thirteen months.
            key_lifetime=timedelta(days=365),
            direct_capture=True,
            minimums=minimums.SWISH,
        )

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make the payment request. DONE has `reference`, and `redirect_url` with `app_code` unless
        Swish told the payer's app.

        Swish gives a token once. If that answer was lost, nobody can open the request, so the same
        key again makes another one. A push whose answer was lost is found by a read.
        """
        amount = request.amount
        if amount.currency != CURRENCY or not MIN_AMOUNT <= amount.amount <= MAX_AMOUNT:
            return Result(Outcome.REFUSED, code="amount", message="not an amount to pay here")
        pushed_to = payer_alias(request.push_to)
        answer = Answer(Outcome.UNKNOWN)
        for number in range(_MAX_REQUESTS):
            uuid = instruction_uuid(request.key, "create", number)
            answer = await self._wire.put(
                f"{_MAKE_PAYMENT}/{uuid}", self._payment(request, pushed_to)
            )
            if answer.outcome is Outcome.DONE:
                return self._made(uuid, answer, request, pushed=pushed_to is not None)
            if pushed_to is not None and answer.kind in (TAKEN, *_NOT_PUSHED_TO):
                before = await self._pushed_before(uuid, amount)
                if before is not None:
                    return before
                pushed_to = None
            elif answer.kind != TAKEN:
                break
        return answer.as_result()

    def _payment(self, request: PaymentRequest, pushed_to: str | None) -> dict[str, Any]:
        body = {
            "payeePaymentReference": own_reference(request.transaction_id),
            "callbackUrl": self._address.of(request),
            "payeeAlias": self._number,
            "amount": to_swish(request.amount),
            "currency": CURRENCY,
            "message": message_of(request.description),
        }
        return body if pushed_to is None else {**body, "payerAlias": pushed_to}

    def _made(self, uuid: str, answer: Answer, request: PaymentRequest, *, pushed: bool) -> Result:
        if pushed:
            return Result(Outcome.DONE, uuid, raw=answer.raw)
        token = text(answer.body.get("token"))
        if token is None:
            return Result(Outcome.UNKNOWN, message="no token to open it with", raw=answer.raw)
        query = urlencode({"token": token, "callbackurl": request.return_url})
        link = f"{self._app_url}?{query}"
        # The app's own reader recognizes a token by this letter. In a sandbox the app is a page.
        code = f"D{token}" if self._app_url == APP else link
        return Result(Outcome.DONE, uuid, redirect_url=link, app_code=code, raw=answer.raw)

    async def _pushed_before(self, uuid: str, amount: Money) -> Result | None:
        """Return the end of a push that was sent before; None if there was none."""
        payment = await self.fetch(uuid)
        if payment.outcome is Outcome.REFUSED and payment.code == "invalid":
            return None
        if payment.outcome is not Outcome.DONE:
            return Result(Outcome.UNKNOWN, message=payment.message, raw=payment.raw)
        if payment.amount != amount:
            message = "another amount"
            return Result(Outcome.REFUSED, uuid, code="amount", message=message, raw=payment.raw)
        return Result(Outcome.DONE, uuid, raw=payment.raw)

    async def abort(self, reference: str, key: str) -> Result:
        """Cancel the request. REFUSED `not_allowed` if the payer was faster; call `fetch` then."""
        if not is_reference(reference):
            return Result(Outcome.REFUSED, reference, code="invalid", message="no such reference")
        answer = await self._wire.patch(f"{_PAYMENTS}/{reference}", _CANCELLED)
        unsure = answer.outcome is Outcome.UNKNOWN
        if unsure or answer.code in ("unreachable", "configuration"):
            return answer.as_result(reference)
        # Whether it was cancelled or not, the read afterwards decides.
        payment = await self.fetch(reference)
        if payment.outcome is not Outcome.DONE or payment.state is PaymentState.OPEN:
            return Result(Outcome.UNKNOWN, reference, message="not cancelled", raw=payment.raw)
        if payment.state is PaymentState.FAILED:
            return Result(Outcome.DONE, reference, raw=payment.raw)
        return Result(Outcome.REFUSED, reference, code="not_allowed", raw=payment.raw)

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        return await self.fetch(reference)

    async def fetch(self, reference: str) -> Payment:
        answer = await self._read(reference)
        if answer.outcome is Outcome.DONE:
            return to_payment(reference, answer.body, answer.raw)
        return Payment(
            answer.outcome,
            reference=reference,
            code=answer.code,
            message=answer.message,
            raw=answer.raw,
        )

    async def _read(self, reference: str) -> Answer:
        if not is_reference(reference):
            return Answer(Outcome.REFUSED, code="invalid", message="no such reference")
        return await self._wire.get(f"{_PAYMENTS}/{reference}")

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        return Result(Outcome.REFUSED, reference, code="not_allowed", message="one phase")

    async def void(self, reference: str, key: str) -> Result:
        return Result(Outcome.REFUSED, reference, code="not_allowed", message="one phase")

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        """Refund `amount`. DONE once Swish has paid it back. UNKNOWN while Swish works on it: read
        it again."""
        if amount.amount <= 0:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to refund")
        answer = await self._read(reference)
        if answer.outcome is Outcome.REFUSED:
            return answer.as_result(reference)
        if answer.outcome is Outcome.UNKNOWN:
            message = f"not sent, the payment could not be read: {answer.message}"
            return Result(
                Outcome.REFUSED, reference, code="unreachable", message=message, raw=answer.raw
            )
        body = answer.body
        payment = to_payment(reference, body, answer.raw)
        original = text(body.get("paymentReference"))
        if payment.state is not PaymentState.CAPTURED or original is None:
            return Result(Outcome.REFUSED, reference, code="not_allowed", message="not paid")
        paid = payment.amount
        if paid is None or amount.currency != paid.currency or amount.amount > paid.amount:
            return Result(Outcome.REFUSED, reference, code="amount", message="more than was paid")
        uuid = _refund_uuid(reference, key)
        made = await self._wire.put(f"{_MAKE_REFUND}/{uuid}", self._refund(body, original, amount))
        if made.outcome is not Outcome.DONE and made.kind != TAKEN:
            return made.as_result(reference)
        result = await self._refunded(reference, amount, key)
        if result.code == "invalid":
            # It was made just now, or before. A read that does not show it may be too early.
            return Result(Outcome.UNKNOWN, reference, message=result.message, raw=result.raw)
        return result

    def _refund(self, paid: Mapping[str, Any], original: str, amount: Money) -> dict[str, Any]:
        return {
            "originalPaymentReference": original,
            "callbackUrl": text(paid.get("callbackUrl")) or "",
            "payerAlias": self._number,
            "amount": to_swish(amount),
            "currency": amount.currency,
            "payerPaymentReference": text(paid.get("payeePaymentReference")) or "",
            "message": "Refund",
        }

    async def _refunded(self, reference: str, amount: Money, key: str) -> Result:
        """Find out a refund's end by a read. REFUSED `invalid` if there is no such refund."""
        answer = await self._wire.get(f"{_REFUNDS}/{_refund_uuid(reference, key)}")
        if answer.outcome is Outcome.DONE:
            return refund_result(reference, answer.body, amount, answer.raw)
        if answer.status == 404:
            return Result(Outcome.REFUSED, reference, code="invalid", message="no such refund")
        return Result(Outcome.UNKNOWN, reference, message=answer.message, raw=answer.raw)

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Find out whether an earlier write took effect, by reads.

        AUTHORIZE without a reference: a push is found by our number; a token whose answer was lost
        can have been opened by nobody, which is REFUSED. A write that may still be on its way
        (`sent_at` within `settle_time`) is never REFUSED.
        """
        if query.kind is OperationKind.AUTHORIZE:
            result = await self._authorized(query)
        elif query.kind is OperationKind.REFUND:
            result = await self._refunded(query.reference, query.amount, query.key)
            if result.code != "invalid":
                # It is there, whether it has ended or not. So it is not on its way any more.
                return result
        else:
            return Result(Outcome.REFUSED, query.reference, code="not_allowed", message="one phase")
        return final_refusal(result, query, self._clock(), self._settle_time)

    async def _authorized(self, query: OperationQuery) -> Result:
        if query.reference:
            return authorize_by_read(await self.fetch(query.reference))
        uuid = instruction_uuid(query.key, "create")
        answer = await self._read(uuid)
        never = Result(Outcome.REFUSED, code="invalid", message="nobody was ever asked to pay it")
        if answer.status == 404:
            return never
        if answer.outcome is not Outcome.DONE:
            return Result(Outcome.UNKNOWN, message=answer.message, raw=answer.raw)
        payment = to_payment(uuid, answer.body, answer.raw)
        if payment.state is PaymentState.OPEN and not answer.body.get("payerAlias"):
            return never
        return authorize_by_read(payment)

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification, which only the address proves, because Swish signs nothing. A
        notification about a refund names the payment by Swish's own number, and not by ours."""
        transaction_id = self._address.transaction_of(headers.get(":path", ""))
        try:
            event = mapping(json.loads(body, parse_float=str))
        except (ValueError, UnicodeDecodeError, RecursionError) as error:
            raise NotificationRefused("the body is not JSON") from error
        told, status = text(event.get("id")), text(event.get("status"))
        if told is None or status is None or not is_reference(told):
            raise NotificationRefused("the body names no payment request")
        refund = event.get("originalPaymentReference") is not None
        return Notification(
            event_id=f"{told}/{status}",
            event_type="refund" if refund else "payment",
            reference=None if refund else told,
            transaction_id=transaction_id,
        )


def checked_app_url(url: str) -> str:
    """Return the address. ValueError if it is neither Swish's nor a page to which a browser may be
    sent."""
    parts = urlsplit(url)
    page = parts.scheme == "https" or (parts.scheme == "http" and is_local(parts.hostname or ""))
    if parts.query or parts.fragment or not (url == APP or page):
        raise ValueError("app_url must be swish://paymentrequest, or a sandbox's https address")
    return url


def _refund_uuid(reference: str, key: str) -> str:
    return instruction_uuid(key, f"refund:{reference}")
