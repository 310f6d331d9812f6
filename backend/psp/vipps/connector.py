"""Vipps MobilePay behind payment type `vipps`: the ePayment API, by redirect or by a push.

Our `reference` at the provider is made of the operation's key, so a payment whose answer was lost
is found again. Captures, refunds and cancels are found by our idempotency keys in its log.

Source: `docs/reference/psp/vipps.md`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote, urlsplit

from backend.psp import minimums
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
    Webhook,
)
from backend.psp.reading import authorize_by_read, final_refusal
from backend.psp.tools import Tools
from backend.psp.vipps.client import Account, Wire, verify_signature, wire_key
from backend.psp.vipps.requests import FITS, amount_body, payment_body, reference_of
from backend.psp.vipps.responses import (
    Aggregate,
    Reading,
    entry_with,
    money_of,
    moved_by_read,
    to_payment,
    void_by_read,
)
from backend.rules.money import Money

CURRENCIES = frozenset({"NOK", "DKK", "EUR", "SEK"})
"""The currencies of the markets. The provider decides which of them a sales unit has."""
EVENTS = tuple(
    f"epayments.payment.{name}.v1"
    for name in (
        "aborted",
        "expired",
        "cancelled",
        "captured",
        "refunded",
        "authorized",
        "terminated",
    )
)
"""We need no notification that a payment was made, because we know that ourselves."""
_PAYMENTS = "/epayment/v1/payments"
_WEBHOOKS = "/webhooks/v1/webhooks"
_CAPTURED, _REFUNDED = "CAPTURED", "REFUNDED"


class Vipps:
    """A `Connector` over HTTP.

    `webhook_secret` and `webhook_url` belong to the address that is registered for this sales unit.
    Before the `settle_time` of a write has passed, a read that finds nothing is UNKNOWN and not
    REFUSED.
    """

    def __init__(
        self,
        account: Account,
        tools: Tools,
        *,
        webhook_secret: str = "",
        webhook_url: str = "",
    ) -> None:
        self._wire = Wire(account, tools)
        self._webhook_secret = webhook_secret
        self._webhook_url = webhook_url
        self._clock = tools.clock
        self._settle_time = tools.settle_time

    @property
    def capabilities(self) -> Capabilities:
        # The provider promises nothing, so only reads follow after an hour.
        return Capabilities(
            void_after_partial_capture=True,
            key_lifetime=timedelta(hours=1),
            minimums=minimums.VIPPS,
        )

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make a payment: a page to go to, or with `push_to` a question in the payer's app."""
        if request.amount.amount <= 0 or request.amount.currency not in CURRENCIES:
            return Result(Outcome.REFUSED, code="amount", message="not an amount to pay here")
        reference = reference_of(request.key)
        body = payment_body(request, reference)
        answer = await self._wire.post(_PAYMENTS, body, wire_key(f"{request.key}:create"))
        if answer.status == 409:
            # The reference exists, or its first call is at work. In both cases we have sent it
            # ourselves.
            made = await self._made(reference, request.amount)
            return _carried_out(made) if made.code == "invalid" else made
        if answer.outcome is not Outcome.DONE:
            return answer.as_result()
        url = text(answer.body.get("redirectUrl"))
        pushed = request.push_to is not None
        if answer.body.get("reference") != reference or not (pushed or (url and _safe(url))):
            return Result(Outcome.UNKNOWN, message="unreadable answer", raw=answer.raw)
        return Result(Outcome.DONE, reference, redirect_url=None if pushed else url, raw=answer.raw)

    async def _made(self, reference: str, amount: Money) -> Result:
        """Return a payment whose first answer was lost, by a read."""
        answer = await self._wire.get(_path(reference))
        if answer.outcome is Outcome.REFUSED and answer.status == 404:
            return Result(Outcome.REFUSED, code="invalid", message="no such payment was made")
        if answer.outcome is not Outcome.DONE:
            return Result(Outcome.UNKNOWN, message=answer.message, raw=answer.raw)
        if money_of(answer.body.get("amount")) != amount:
            return Result(Outcome.REFUSED, code="amount", message="another amount", raw=answer.raw)
        url = text(answer.body.get("redirectUrl"))
        return Result(
            Outcome.DONE,
            reference,
            redirect_url=url if url and _safe(url) else None,
            raw=answer.raw,
        )

    async def abort(self, reference: str, key: str) -> Result:
        """Cancel, then read. REFUSED `not_allowed` if the payer was faster; call `fetch` then."""
        if not FITS.fullmatch(reference):
            return Result(Outcome.REFUSED, reference, code="invalid", message="no such reference")
        # A payment that the payer has just approved stays. Voiding it is another decision.
        answer = await self._wire.post(
            f"{_path(reference)}/cancel", {"cancelTransactionOnly": True}, wire_key(f"{key}:abort")
        )
        if answer.outcome is Outcome.UNKNOWN or answer.code in ("unreachable", "configuration"):
            return answer.as_result(reference)
        payment = await self.fetch(reference)
        if payment.outcome is not Outcome.DONE or payment.state is PaymentState.OPEN:
            return Result(Outcome.UNKNOWN, reference, message="not closed", raw=payment.raw)
        if payment.state is not PaymentState.FAILED:
            return Result(Outcome.REFUSED, reference, code="not_allowed", raw=payment.raw)
        return Result(Outcome.DONE, reference, raw=payment.raw)

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        return await self.fetch(reference)

    async def fetch(self, reference: str) -> Payment:
        reading = await self._read(reference)
        if isinstance(reading, Answer):
            return Payment(
                reading.outcome,
                reference=reference,
                code=reading.code,
                message=reading.message,
                raw=reading.raw,
            )
        return to_payment(reading)

    async def _read(self, reference: str, *, with_log: bool = False) -> Reading | Answer:
        """Return what is known of a payment, or the answer of the read that failed."""
        if not FITS.fullmatch(reference):
            return Answer(Outcome.REFUSED, code="invalid", message="no such reference")
        answer = await self._wire.get(_path(reference))
        if answer.outcome is not Outcome.DONE:
            return answer
        if not with_log:
            return Reading(reference, answer.body, raw=answer.raw)
        log = await self._wire.get(f"{_path(reference)}/events")
        rows = log.body.get("rows")
        if log.outcome is not Outcome.DONE or not isinstance(rows, list):
            return Answer(Outcome.UNKNOWN, message=log.message or "unreadable log", raw=log.raw)
        raw = {"payment": answer.raw, "log": log.raw}
        return Reading(reference, answer.body, [r for r in rows if isinstance(r, dict)], raw)

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """Capture `amount`; `final` releases the rest right after, and DONE says both happened."""
        return await self._move(OperationKind.CAPTURE, reference, amount, key, final=final)

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        return await self._move(OperationKind.REFUND, reference, amount, key, final=False)

    async def _move(
        self, kind: OperationKind, reference: str, amount: Money, key: str, *, final: bool
    ) -> Result:
        """Capture or refund. REFUSED `unreachable` says that *this* call sent nothing; an earlier
        call with the same key may still have had an effect. An amount of nothing is never sent
        (`amount`)."""
        if amount.amount <= 0:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to move")
        reading = await self._paid(reference, amount)
        if isinstance(reading, Result):
            return reading
        sums = reading.aggregate
        assert sums is not None  # `_paid` has read it
        query = OperationQuery(kind, reference, key, amount, sums.captured, sums.refunded)
        # The provider may have forgotten the key, and would do it again.
        if entry_with(reading.log, _entry_name(kind), _keys_of(query)) is None:
            answer = await self._wire.post(
                f"{_path(reference)}/{kind.value}",
                {"modificationAmount": amount_body(amount)},
                _move_key(query, final=final),
            )
            if answer.outcome is not Outcome.DONE:
                return _why(answer, kind, amount, sums).as_result(reference)
        after = await self._read(reference, with_log=True)
        return _carried_out(await self._moved(query, after))

    async def _moved(self, query: OperationQuery, reading: Reading | Answer) -> Result:
        """Return how a capture or refund ended, by a read. What a final capture should release is
        released with a key of its own."""
        if isinstance(reading, Answer):
            return Result(
                Outcome.UNKNOWN, query.reference, message=reading.message, raw=reading.raw
            )
        name = _entry_name(query.kind)
        result = moved_by_read(query, reading, name, _keys_of(query))
        final = entry_with(reading.log, name, (_move_key(query, final=True),)) is not None
        sums = reading.aggregate
        if result.outcome is not Outcome.DONE or not final or not sums or sums.capturable == 0:
            return result
        released = await self._wire.post(
            f"{_path(query.reference)}/cancel", None, wire_key(f"{query.key}:release")
        )
        # A refusal needs no action: the capture stands, and the rest lapses.
        if released.outcome is Outcome.UNKNOWN or released.code == "unreachable":
            return Result(
                Outcome.UNKNOWN, query.reference, message=released.message, raw=released.raw
            )
        return result

    async def void(self, reference: str, key: str) -> Result:
        """Cancel the authorization, or the rest after a capture. REFUSED `not_allowed` if there is
        nothing to release."""
        reading = await self._paid(reference, None)
        if isinstance(reading, Result):
            return reading
        before = void_by_read(reference, reading)
        sums = reading.aggregate
        if before.outcome is not Outcome.REFUSED or not sums or sums.capturable == 0:
            return before
        answer = await self._wire.post(
            f"{_path(reference)}/cancel", None, wire_key(f"{key}:cancel")
        )
        if answer.outcome is not Outcome.DONE:
            return answer.as_result(reference)
        after = await self._read(reference)
        if isinstance(after, Answer):
            return Result(Outcome.UNKNOWN, reference, message=after.message, raw=after.raw)
        return _carried_out(void_by_read(reference, after))

    async def _paid(self, reference: str, amount: Money | None) -> Reading | Result:
        """Return the payment to write to, with its log, or the end of a write that was never
        sent."""
        reading = await self._read(reference, with_log=True)
        if isinstance(reading, Answer):
            if reading.outcome is Outcome.REFUSED:
                return reading.as_result(reference)
            message = f"not sent, the payment could not be read: {reading.message}"
            return Result(
                Outcome.REFUSED, reference, code="unreachable", message=message, raw=reading.raw
            )
        has = money_of(reading.payment.get("amount"))
        if amount is not None and (has is None or has.currency != amount.currency):
            return Result(Outcome.REFUSED, reference, code="amount", message="another currency")
        if reading.payment.get("state") != "AUTHORIZED" or reading.aggregate is None:
            return Result(Outcome.REFUSED, reference, code="not_allowed", message="not paid")
        return reading

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Find out whether an earlier write took effect, by reads.

        AUTHORIZE with a reference: as `fetch` says. Without one, the answer of `create_payment` was
        lost: the reference is made of the key, and the payment is there or it is not. CAPTURE and
        REFUND: by our key in the log; the release that a final capture still owes is made up for.
        VOID: by what is left.
        A write that may still be on its way (`sent_at` within `settle_time`) is never REFUSED.
        """
        if query.kind is OperationKind.AUTHORIZE and not query.reference:
            found = await self._made(reference_of(query.key), query.amount)
            return final_refusal(found, query, self._clock(), self._settle_time)
        with_log = query.kind in (OperationKind.CAPTURE, OperationKind.REFUND)
        reading = await self._read(query.reference, with_log=with_log)
        if isinstance(reading, Answer):
            # A failed read does not show whether the write took effect.
            return Result(
                Outcome.UNKNOWN, query.reference, message=reading.message, raw=reading.raw
            )
        if query.kind is OperationKind.AUTHORIZE:
            return authorize_by_read(to_payment(reading))
        if query.kind is OperationKind.VOID:
            result = void_by_read(query.reference, reading)
        else:
            result = await self._moved(query, reading)
        return final_refusal(result, query, self._clock(), self._settle_time)

    async def register_webhook(self, url: str) -> Webhook | None:
        """Make the provider notify `url` of every payment. What was registered for it before is
        removed, because its secret was shown once. None if the provider did not answer, or
        refused."""
        listed = await self._wire.get(_WEBHOOKS)
        if listed.outcome is not Outcome.DONE:
            return None
        rows = listed.body.get("webhooks")
        for row in rows if isinstance(rows, list) else []:
            known = text(mapping(row).get("id"))
            if known and mapping(row).get("url") == url:
                gone = await self._wire.delete(f"{_WEBHOOKS}/{quote(known, safe='')}")
                if gone.outcome is not Outcome.DONE and gone.status != 404:
                    return None
        body = {"url": url, "events": list(EVENTS)}
        made = await self._wire.post(_WEBHOOKS, body, wire_key(f"webhook:{uuid.uuid4()}"))
        webhook_id, secret = text(made.body.get("id")), text(made.body.get("secret"))
        if made.outcome is not Outcome.DONE or webhook_id is None or secret is None:
            return None
        return Webhook(webhook_id, secret)

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        verify_signature(
            headers,
            body,
            url=self._webhook_url,
            secret=self._webhook_secret,
            now=self._clock(),
        )
        try:
            told = mapping(json.loads(body))
        except (ValueError, UnicodeDecodeError, RecursionError) as error:
            raise NotificationRefused("the body is not JSON") from error
        name, reference = text(told.get("name")), text(told.get("reference"))
        if name is None or reference is None:
            raise NotificationRefused("the body is not an event")
        psp_reference = text(told.get("pspReference"))
        digest = hashlib.sha256(body).hexdigest()
        return Notification(
            event_id=f"{psp_reference}.{name}" if psp_reference else digest,
            event_type=name,
            reference=reference,
            transaction_id=None,
        )


def _path(reference: str) -> str:
    return f"{_PAYMENTS}/{quote(reference, safe='')}"


def _entry_name(kind: OperationKind) -> str:
    return _CAPTURED if kind is OperationKind.CAPTURE else _REFUNDED


def _move_key(query: OperationQuery, *, final: bool) -> str:
    """Return the key of a capture or refund. A final capture has a key of its own kind, so that the
    log tells that a release is owed."""
    return wire_key(f"{query.key}:{query.kind.value}{':final' if final else ''}")


def _keys_of(query: OperationQuery) -> tuple[str, str]:
    return _move_key(query, final=False), _move_key(query, final=True)


def _why(answer: Answer, kind: OperationKind, amount: Money, sums: Aggregate) -> Answer:
    """Tell apart a wrong state and an amount that is too large, for which the provider says 400.
    What was left before decides."""
    if answer.status != 400:
        return answer
    left = sums.capturable if kind is OperationKind.CAPTURE else sums.refundable
    code = "not_allowed" if left == 0 else "amount" if left < amount.amount else answer.code
    return Answer(
        answer.outcome, status=answer.status, code=code, message=answer.message, raw=answer.raw
    )


def _carried_out(result: Result) -> Result:
    """Return the end of a write that was confirmed. A read that does not show it may be too
    early."""
    if result.outcome is not Outcome.REFUSED:
        return result
    return Result(Outcome.UNKNOWN, result.reference, message=result.message, raw=result.raw)


def _safe(url: str) -> bool:
    """Return whether a browser may be sent to the address: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_local(parts.hostname or ""))
