"""The card gateway behind payment type `dintero_psp.creditcard`: Stripe's wire protocol.

The payer pays on the provider's hosted page (a Checkout Session). The money is a PaymentIntent with
manual capture. Our `reference` is the checkout session's id for every verb. The intent exists only
once the payer has submitted a card, and each read finds it.

Source: `docs/reference/psp/stripe.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from backend.psp import minimums
from backend.psp.http import Answer, mapping, number, text
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
    Result,
)
from backend.psp.reading import final_refusal
from backend.psp.stripe.client import Wire, verify_signature
from backend.psp.stripe.responses import (
    abort_by_read,
    authorize_by_read,
    capture_by_read,
    captured_amount,
    created_result,
    intent_of,
    over_refund,
    refund_result,
    to_payment,
    void_by_read,
)
from backend.psp.tools import Tools
from backend.rules.money import Money

_SESSIONS = "/v1/checkout/sessions"
_PAGE = 100  # the longest list the provider gives at once
_MAX_PAGES = 50
# The provider wants 30 min to 24 h from its own time. The margin covers clock skew and the time of
# the call.
_SHORTEST = 31 * 60
_LONGEST = 24 * 3600 - 5 * 60
_STEP = 10 * 60
_LANGUAGES = {
    "no": "nb",
    "nb": "nb",
    "nn": "nb",
    "sv": "sv",
    "da": "da",
    "fi": "fi",
    "de": "de",
    "en": "en",
}


class CardGateway:
    """A `Connector` over HTTP.

    Before the `settle_time` of a write has passed, a read that finds nothing is UNKNOWN and not
    REFUSED.
    """

    def __init__(
        self,
        base_url: str,
        secret_key: str,
        webhook_secret: str,
        tools: Tools,
    ) -> None:
        self._wire = Wire(
            base_url,
            secret_key,
            tools,
        )
        self._webhook_secret = webhook_secret
        self._clock = tools.clock
        self._settle_time = tools.settle_time

    @property
    def capabilities(self) -> Capabilities:
        # The provider promises 24 h. We leave out the last hour, so that no retry arrives too late.
        return Capabilities(
            void_after_partial_capture=False,
            key_lifetime=timedelta(hours=23),
            refund_may_fail_later=True,
            minimums=minimums.CARD_GATEWAY,
        )

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make the hosted page. DONE has `reference` and `redirect_url`.

        An answer for another amount is REFUSED `amount`: its page is never shown, so nobody can pay
        it. One key makes one page, even if the provider keeps a 500 for the key.
        """
        if request.amount.amount <= 0:
            return Result(Outcome.REFUSED, code="amount", message="nothing to pay here")
        form = self._create_form(request)
        answer = await self._wire.post(_SESSIONS, form, f"{request.key}:create")
        if answer.outcome is Outcome.DONE:
            return created_result(answer.body, answer.raw, request.amount)
        # If a 5xx is kept for the key, the key will never give anything else, and with another body
        # (the clamped expiry moves) it gives a conflict. But the page that was made carries our
        # key.
        lost = answer.status is not None and answer.status >= 500
        if not lost and answer.kind != "idempotency_error":
            return answer.as_result()
        found = await self._find_created(request.key, request.amount)
        if found.outcome is Outcome.DONE or (lost and answer.replayed):
            return found
        return answer.as_result()

    def _create_form(self, request: PaymentRequest) -> dict[str, str]:
        now = int(self._clock().timestamp())
        # The time moves in steps, so that a retry soon after sends the same body for its key.
        earliest = -(-(now + _SHORTEST) // _STEP) * _STEP
        latest = (now + _LONGEST) // _STEP * _STEP
        expires_at = min(max(int(request.expires_at.timestamp()), earliest), latest)
        form = {
            "mode": "payment",
            "success_url": request.return_url,
            "cancel_url": request.cancel_url,
            "client_reference_id": request.transaction_id,
            "expires_at": str(expires_at),
            "locale": _LANGUAGES.get(request.language.lower().split("-")[0], "auto"),
            "payment_method_types[0]": "card",
            # It is asked for, but not promised. The charge says whether later captures are
            # possible.
            "payment_method_options[card][request_multicapture]": "if_available",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": request.amount.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(request.amount.amount),
            "line_items[0][price_data][product_data][name]": request.description[:250]
            or request.merchant_reference[:250]
            or "Order",
            "payment_intent_data[capture_method]": "manual",
        }
        if request.email:
            form["customer_email"] = request.email
        # The session's metadata is not copied to the intent: both carry it.
        for owner in ("metadata", "payment_intent_data[metadata]"):
            form[f"{owner}[transaction_id]"] = request.transaction_id
            form[f"{owner}[session_id]"] = request.session_id
            form[f"{owner}[merchant_reference]"] = request.merchant_reference[:500]
            form[f"{owner}[key]"] = request.key
        return form

    async def abort(self, reference: str, key: str) -> Result:
        """Expire the page. REFUSED `not_allowed` if the payer was faster; call `fetch` then."""
        answer = await self._wire.post(
            f"{_SESSIONS}/{quote(reference, safe='')}/expire", {}, f"{key}:expire"
        )
        if answer.outcome is Outcome.DONE:
            if answer.body.get("status") == "expired":
                return answer.as_result(reference)
            return Result(Outcome.UNKNOWN, reference, message="not expired", raw=answer.raw)
        if answer.outcome is Outcome.REFUSED and answer.status == 400:
            # It has expired, alone or by an earlier call, or it was paid. Only a read tells which.
            payment = await self.fetch(reference)
            return abort_by_read(reference, payment, answer)
        return answer.as_result(reference)

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        return await self.fetch(reference)

    async def fetch(self, reference: str) -> Payment:
        """Read the session with its intent and charge. Only the intent's status decides."""
        answer = await self._read(reference)
        if answer.outcome is not Outcome.DONE:
            return Payment(
                answer.outcome,
                reference=reference,
                code=answer.code,
                message=answer.message,
                raw=answer.raw,
            )
        return to_payment(reference, answer.body, answer.raw)

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """Capture `amount`; `final` releases the rest at once.

        REFUSED `unreachable` says that *this* call sent nothing; it says nothing of an earlier
        call with the same key. A capture of nothing is never sent (`amount`).
        """
        if amount.amount <= 0:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to capture")
        found = await self._intent_for(reference, amount)
        if isinstance(found, Result):
            return found
        answer = await self._wire.post(
            f"/v1/payment_intents/{found['id']}/capture",
            {
                "amount_to_capture": str(amount.amount),
                "final_capture": "true" if final else "false",
            },
            f"{key}:capture",
        )
        if answer.outcome is not Outcome.DONE:
            return answer.as_result(reference)
        status, received = answer.body.get("status"), captured_amount(answer.body)
        before = captured_amount(found)
        # `found` was read just before. After a replay it already shows this capture, and maybe
        # later ones.
        right = received == before + amount.amount or amount.amount <= received <= before
        if status == "processing" or not right:
            return Result(Outcome.UNKNOWN, reference, message="another amount", raw=answer.raw)
        return answer.as_result(reference)

    async def void(self, reference: str, key: str) -> Result:
        """Release the whole authorization. REFUSED `not_allowed` after any capture."""
        found = await self._intent_for(reference, None)
        if isinstance(found, Result):
            return found
        if found.get("status") == "canceled":
            return Result(Outcome.DONE, reference)
        answer = await self._wire.post(
            f"/v1/payment_intents/{found['id']}/cancel",
            {"cancellation_reason": "requested_by_customer"},
            f"{key}:void",
        )
        if answer.outcome is Outcome.DONE and answer.body.get("status") != "canceled":
            return Result(Outcome.UNKNOWN, reference, message="not canceled", raw=answer.raw)
        return answer.as_result(reference)

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        """Refund `amount`. A refund that the provider still works on is UNKNOWN and has to be read
        again."""
        if amount.amount <= 0:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to refund")
        found = await self._intent_for(reference, amount)
        if isinstance(found, Result):
            return found
        form = {
            "payment_intent": str(found["id"]),
            "amount": str(amount.amount),
            "reason": "requested_by_customer",
            "metadata[key]": key,
        }
        if transaction_id := text(mapping(found.get("metadata")).get("transaction_id")):
            form["metadata[transaction_id]"] = transaction_id
        answer = await self._wire.post("/v1/refunds", form, f"{key}:refund")
        if answer.outcome is not Outcome.DONE:
            return over_refund(answer).as_result(reference)
        return refund_result(reference, answer.body, amount, answer.raw)

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Find out whether an earlier write took effect, by reads only.

        AUTHORIZE with a reference: as `fetch` says (authorized or captured is DONE, failed is
        REFUSED, else UNKNOWN). Without one, the answer of `create_payment` was lost: the page is
        looked for by our key among those made lately; found is DONE with reference and address.
        CAPTURE: by what has been captured since `captured_before`; another amount than asked is
        UNKNOWN for ever and needs a person. VOID: by the intent's status. REFUND: by our key in
        the refunds' metadata.
        A write that may still be on its way (`sent_at` within `settle_time`) is never REFUSED.
        """
        if query.kind is OperationKind.AUTHORIZE and not query.reference:
            found = await self._find_created(query.key, query.amount)
            return final_refusal(found, query, self._clock(), self._settle_time)
        answer = await self._read(query.reference)
        if answer.outcome is not Outcome.DONE:
            # A failed read does not show whether the write took effect.
            return Result(Outcome.UNKNOWN, query.reference, message=answer.message, raw=answer.raw)
        intent = intent_of(answer.body)
        if query.kind is OperationKind.AUTHORIZE:
            return authorize_by_read(to_payment(query.reference, answer.body, answer.raw))
        if query.kind is OperationKind.CAPTURE:
            result = capture_by_read(query, intent, answer.raw)
        elif query.kind is OperationKind.VOID:
            result = void_by_read(query, intent, answer.raw)
        else:
            result = await self._refund_by_read(query, intent)
        return final_refusal(result, query, self._clock(), self._settle_time)

    async def _refund_by_read(self, query: OperationQuery, intent: Mapping[str, Any]) -> Result:
        if not intent.get("id"):
            return Result(Outcome.REFUSED, query.reference, code="not_allowed")
        after: str | None = None
        for _ in range(_MAX_PAGES):
            params = {"payment_intent": str(intent["id"]), "limit": str(_PAGE)}
            if after:
                params["starting_after"] = after
            answer = await self._wire.get("/v1/refunds", params)
            rows = answer.body.get("data")
            if answer.outcome is not Outcome.DONE or not isinstance(rows, list):
                break
            for row in rows:
                if mapping(mapping(row).get("metadata")).get("key") == query.key:
                    return refund_result(query.reference, row, query.amount, {"id": row.get("id")})
            last = mapping(rows[-1]) if rows else {}
            if not answer.body.get("has_more") or not last:
                return Result(Outcome.REFUSED, query.reference, code="invalid", message="no refund")
            after = str(last.get("id"))
        return Result(Outcome.UNKNOWN, query.reference, message="the refunds cannot be read")

    async def _find_created(self, key: str, amount: Money) -> Result:
        """Return the page made with this key, among those made lately: a key is forgotten after a
        day."""
        after: str | None = None
        oldest = (self._clock() - timedelta(hours=25)).timestamp()
        for _ in range(_MAX_PAGES):
            params = {"limit": str(_PAGE)} | ({"starting_after": after} if after else {})
            answer = await self._wire.get(_SESSIONS, params)
            rows = answer.body.get("data")
            if answer.outcome is not Outcome.DONE or not isinstance(rows, list):
                break
            for row in rows:
                if mapping(mapping(row).get("metadata")).get("key") == key:
                    return created_result(row, {}, amount)
            last = mapping(rows[-1]) if rows else {}
            if not answer.body.get("has_more") or number(last.get("created")) < oldest:
                return Result(Outcome.REFUSED, code="invalid", message="no such page was made")
            after = str(last.get("id"))
        return Result(Outcome.UNKNOWN, message="the pages cannot be read")

    async def _read(self, reference: str) -> Answer:
        if not reference:
            return Answer(Outcome.REFUSED, code="invalid", message="no reference")
        return await self._wire.get(
            f"{_SESSIONS}/{quote(reference, safe='')}",
            {"expand[0]": "payment_intent.latest_charge"},
        )

    async def _intent_for(self, reference: str, amount: Money | None) -> Mapping[str, Any] | Result:
        """Return the intent to write to, or the end of a write that was never sent."""
        answer = await self._read(reference)
        if answer.outcome is Outcome.UNKNOWN:
            return Result(
                Outcome.REFUSED,
                reference,
                code="unreachable",
                message=f"not sent, the payment could not be read: {answer.message}",
                raw=answer.raw,
            )
        if answer.outcome is not Outcome.DONE:
            return answer.as_result(reference)
        intent = intent_of(answer.body)
        if not text(intent.get("id")):
            return Result(Outcome.REFUSED, reference, code="not_allowed", message="not paid yet")
        currency = text(intent.get("currency")) or ""
        if amount is not None and currency.upper() != amount.currency:
            return Result(Outcome.REFUSED, reference, code="amount", message="another currency")
        return intent

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification. Only `checkout.session.*` has a `reference`; the others give our
        transaction id."""
        verify_signature(headers.get("stripe-signature"), body, self._webhook_secret, self._clock())
        try:
            event = json.loads(body)
        except (ValueError, UnicodeDecodeError, RecursionError) as error:
            raise NotificationRefused("the body is not JSON") from error
        event_id, event_type = text(mapping(event).get("id")), text(mapping(event).get("type"))
        if not event_id or not event_type:
            raise NotificationRefused("the body is not an event")
        subject = mapping(mapping(event.get("data")).get("object"))
        is_session = subject.get("object") == "checkout.session"
        return Notification(
            event_id=event_id,
            event_type=event_type,
            reference=text(subject.get("id")) if is_session else None,
            transaction_id=text(mapping(subject.get("metadata")).get("transaction_id"))
            or text(subject.get("client_reference_id")),
        )
