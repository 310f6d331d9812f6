"""Klarna behind payment type `klarna.klarna`: a payment session on Klarna's hosted page, then order
management.

Our `reference` names page and session. The order exists only after the payer has approved, and each
read of the page finds it. Klarna makes it automatically (`requests.page_body`).

Source: `docs/reference/psp/klarna.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote, urlencode

from backend.psp.http import Answer, number, text
from backend.psp.klarna.authorization import ask_for, updated_by_read
from backend.psp.klarna.client import ORDERS, Wire, is_safe, order_path, too_much
from backend.psp.klarna.push import notification_url, read_push
from backend.psp.klarna.requests import MAX_AMOUNT, described, page_body, session_body
from backend.psp.klarna.responses import (
    FINAL,
    Reading,
    capture_by_read,
    capture_with,
    money_of,
    order_state,
    reference_of,
    refund_by_read,
    refund_with,
    remaining,
    rows,
    split_reference,
    to_payment,
    void_by_read,
)
from backend.psp.protocol import (
    AuthorizationUpdate,
    Capabilities,
    Lines,
    Notification,
    OperationKind,
    OperationQuery,
    Outcome,
    Payment,
    PaymentRequest,
    PaymentState,
    Result,
)
from backend.psp.reading import authorize_by_read, final_refusal
from backend.psp.tools import Tools
from backend.rules.money import Money

_SESSIONS = "/payments/v1/sessions"
_TOKENS = "/payments/v1/authorizations"
_PAGES = "/hpp/v1/sessions"


class Klarna:
    """A `Connector` over HTTP.

    Before the `settle_time` of a write has passed, a read that finds nothing is UNKNOWN and not
    REFUSED.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        tools: Tools,
    ) -> None:
        self._wire = Wire(
            base_url,
            username,
            password,
            tools,
        )
        self._clock = tools.clock
        self._settle_time = tools.settle_time

    @property
    def capabilities(self) -> Capabilities:
        # The provider promises 24 h. We leave out the last hour, so that no retry arrives too late.
        return Capabilities(
            void_after_partial_capture=True,
            key_lifetime=timedelta(hours=23),
            update_authorization=True,
        )

    async def create_payment(self, request: PaymentRequest) -> Result:
        """Make a session and the hosted page around it. DONE has `reference` and `redirect_url`.

        Klarna compares only keys, never bodies, so the session is read back. A session with another
        amount is REFUSED `amount`, and gets no page. If Klarna does not keep keys for these calls,
        the same key makes another page. That does no harm, because only a page that we return is
        ever shown.
        """
        if not 0 < request.amount.amount <= MAX_AMOUNT:
            return Result(Outcome.REFUSED, code="amount", message="not an amount to pay here")
        notify = notification_url(self._wire.token, request)
        body = session_body(request, notify)
        answer = await self._wire.post(_SESSIONS, body, f"{request.key}:session")
        if answer.outcome is not Outcome.DONE:
            return answer.as_result()
        session_id = text(answer.body.get("session_id"))
        if session_id is None:
            return Result(Outcome.UNKNOWN, message="unreadable answer", raw=answer.raw)
        if answer.body.get("payment_method_categories") == []:
            message = "nothing is offered for this order"
            return Result(Outcome.REFUSED, code="declined", message=message, raw=answer.raw)
        session = await self._wire.get(f"{_SESSIONS}/{quote(session_id, safe='')}")
        if session.outcome is not Outcome.DONE:
            return Result(Outcome.UNKNOWN, message=session.message, raw=session.raw)
        if money_of(session.body) != request.amount:
            return Result(Outcome.REFUSED, code="amount", message="another amount", raw=session.raw)
        return await self._create_page(request, session_id, notify)

    async def _create_page(self, request: PaymentRequest, session_id: str, notify: str) -> Result:
        url = f"{self._wire.base_url}{_SESSIONS}/{quote(session_id, safe='')}"
        # Together with the page's id, which only the notification tells, it makes our reference.
        notify += f"&{urlencode({'session': session_id})}"
        body = page_body(request, url, notify)
        answer = await self._wire.post(_PAGES, body, f"{request.key}:page")
        if answer.outcome is not Outcome.DONE:
            return answer.as_result()
        page_id = text(answer.body.get("session_id"))
        redirect_url = text(answer.body.get("redirect_url"))
        if page_id is None or redirect_url is None or not is_safe(redirect_url):
            return Result(Outcome.UNKNOWN, message="unreadable answer", raw=answer.raw)
        reference = reference_of(page_id, session_id)
        return Result(Outcome.DONE, reference, redirect_url=redirect_url, raw=answer.raw)

    async def abort(self, reference: str, key: str) -> Result:
        """Close the page. REFUSED `not_allowed` if the payer was faster; call `fetch` then.

        An approval from which no order was made is cancelled too.
        """
        ids = split_reference(reference)
        if ids is None:
            return Result(Outcome.REFUSED, reference, code="invalid", message="no such reference")
        answer = await self._wire.delete(f"{_PAGES}/{ids[0]}")
        if answer.outcome is Outcome.UNKNOWN or answer.code in ("unreachable", "configuration"):
            return answer.as_result(reference)
        # Whether it was closed or not, the read afterwards decides.
        reading = await self._read(reference)
        if isinstance(reading, Answer):
            return Result(Outcome.UNKNOWN, reference, message=reading.message, raw=reading.raw)
        payment = to_payment(reading, self._clock())
        if payment.outcome is not Outcome.DONE or payment.state is PaymentState.OPEN:
            return Result(Outcome.UNKNOWN, reference, message="not closed", raw=payment.raw)
        if payment.state is not PaymentState.FAILED:
            return Result(Outcome.REFUSED, reference, code="not_allowed", raw=payment.raw)
        if token := text(reading.session.get("authorization_token")):
            released = await self._wire.delete(f"{_TOKENS}/{quote(token, safe='')}")
            if released.outcome is Outcome.UNKNOWN:
                return released.as_result(reference)
        return Result(Outcome.DONE, reference, raw=payment.raw)

    async def complete_return(self, reference: str, query: Mapping[str, str]) -> Payment:
        return await self.fetch(reference)

    async def fetch(self, reference: str) -> Payment:
        """Read the page, then the order that it led to, or the session if there is no order yet."""
        reading = await self._read(reference)
        if isinstance(reading, Answer):
            return Payment(
                reading.outcome,
                reference=reference,
                code=reading.code,
                message=reading.message,
                raw=reading.raw,
            )
        return to_payment(reading, self._clock())

    async def _read(self, reference: str) -> Reading | Answer:
        """Return what is known of a payment, or the answer of the read that failed."""
        ids = split_reference(reference)
        if ids is None:
            return Answer(Outcome.REFUSED, code="invalid", message="no such reference")
        page = await self._wire.get(f"{_PAGES}/{ids[0]}")
        if page.outcome is not Outcome.DONE:
            return page
        if order_id := text(page.body.get("order_id")):
            order = await self._wire.get(f"{ORDERS}/{quote(order_id, safe='')}")
            if order.outcome is not Outcome.DONE:
                # The order exists, whatever this answer says.
                return Answer(Outcome.UNKNOWN, message=order.message, raw=order.raw)
            raw = {"page": page.raw, "order": order.raw}
            # We name an order by the address that we asked, so its own id is not needed.
            body = {**order.body, "order_id": order_id}
            return Reading(reference, page.body, order=body, raw=raw)
        session = await self._wire.get(f"{_SESSIONS}/{ids[1]}")
        if session.outcome is not Outcome.DONE and session.status != 404:
            return Answer(Outcome.UNKNOWN, message=session.message, raw=session.raw)
        raw = {"page": page.raw, "session": session.raw}
        return Reading(reference, page.body, session=session.body, raw=raw)

    async def capture(
        self, reference: str, amount: Money, key: str, *, final: bool, lines: Lines = ()
    ) -> Result:
        """Capture `amount`; `final` releases the rest right after, and DONE says both happened.

        REFUSED `unreachable` says that *this* call sent nothing; it says nothing of an earlier
        call with the same key. A capture of nothing is never sent (`amount`).
        """
        if not 0 < amount.amount <= MAX_AMOUNT:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to capture")
        reading = await self._order_for(reference, amount)
        if isinstance(reading, Result):
            return reading
        order = reading.order
        # Klarna forgets a key after a day, and would capture again.
        if capture_with(rows(order.get("captures")), key) is None:
            if order_state(order) is PaymentState.ON_HOLD:
                message = "the provider has not approved the order yet"
                return Result(Outcome.REFUSED, reference, code="not_allowed", message=message)
            left = remaining(order)
            said = described(lines, amount.amount)
            marked = key + FINAL if final and amount.amount != left else key
            answer = await self._wire.post(
                f"{order_path(order)}/captures",
                {"captured_amount": amount.amount, "reference": marked, **said},
                f"{key}:capture",
            )
            if answer.outcome is not Outcome.DONE:
                return too_much(answer, amount.amount, left).as_result(reference)
        before = max(number(order.get("captured_amount")), 0)
        query = OperationQuery(OperationKind.CAPTURE, reference, key, amount, before)
        return _carried_out(await self._captured(query, await self._read(reference)))

    async def _captured(self, query: OperationQuery, reading: Reading | Answer) -> Result:
        """Return how a capture ended, by a read. The rest that it should release is released, with
        a key of its own."""
        if isinstance(reading, Answer):
            return Result(
                Outcome.UNKNOWN, query.reference, message=reading.message, raw=reading.raw
            )
        result = capture_by_read(query, reading.order)
        found = capture_with(rows(reading.order.get("captures")), query.key)
        if result.outcome is not Outcome.DONE or found is None:
            return result
        if not str(found.get("reference")).endswith(FINAL) or remaining(reading.order) == 0:
            return result
        released = await self._wire.post(
            f"{order_path(reading.order)}/release-remaining-authorization",
            None,
            f"{query.key}:release",
        )
        # A refusal needs no action: the capture stands, and the rest lapses.
        if released.outcome is Outcome.UNKNOWN or released.code == "unreachable":
            return Result(
                Outcome.UNKNOWN, query.reference, message=released.message, raw=released.raw
            )
        return result

    async def void(self, reference: str, key: str) -> Result:
        """Cancel the order, or release the rest after a capture. REFUSED `not_allowed` if there is
        nothing to release."""
        reading = await self._order_for(reference, None)
        if isinstance(reading, Result):
            return reading
        order = reading.order
        before = void_by_read(reference, order)
        captured = number(order.get("captured_amount"))
        if before.outcome is not Outcome.REFUSED or remaining(order) == 0 or captured < 0:
            return before
        verb = "release-remaining-authorization" if captured else "cancel"
        answer = await self._wire.post(f"{order_path(order)}/{verb}", None, f"{key}:{verb}")
        return answer.as_result(reference)

    async def refund(self, reference: str, amount: Money, key: str, *, lines: Lines = ()) -> Result:
        if not 0 < amount.amount <= MAX_AMOUNT:
            return Result(Outcome.REFUSED, reference, code="amount", message="nothing to refund")
        reading = await self._order_for(reference, amount)
        if isinstance(reading, Result):
            return reading
        order = reading.order
        # Klarna forgets a key after a day, and would refund again.
        if refund_with(rows(order.get("refunds")), key) is None:
            said = described(lines, amount.amount)
            left = number(order.get("captured_amount")) - number(order.get("refunded_amount"))
            answer = await self._wire.post(
                f"{order_path(order)}/refunds",
                {"refunded_amount": amount.amount, "reference": key, **said},
                f"{key}:refund",
            )
            if answer.outcome is not Outcome.DONE:
                return too_much(answer, amount.amount, left).as_result(reference)
        after = await self._read(reference)
        if isinstance(after, Answer):
            return Result(Outcome.UNKNOWN, reference, message=after.message, raw=after.raw)
        query = OperationQuery(OperationKind.REFUND, reference, key, amount)
        return _carried_out(refund_by_read(query, after.order))

    async def update_authorization(
        self, reference: str, update: AuthorizationUpdate, key: str
    ) -> Result:
        reading = await self._order_for(reference, update.amount)
        if isinstance(reading, Result):
            return reading
        before = money_of(reading.order)
        answer = await ask_for(self._wire, reading.order, update, key)
        if answer.outcome is not Outcome.DONE:
            return answer.as_result(reference)
        after = await self._read(reference)
        if isinstance(after, Answer):
            return Result(Outcome.UNKNOWN, reference, message=after.message, raw=after.raw)
        query = OperationQuery(
            OperationKind.UPDATE,
            reference,
            key,
            update.amount,
            lines=update.lines,
            authorized_before=before.amount if before else 0,
        )
        return _carried_out(updated_by_read(query, after.order))

    async def extend_authorization(self, reference: str, key: str) -> Result:
        """Extend the authorization by the time that a new order has. REFUSED `not_allowed` if
        nothing is left of it."""
        reading = await self._order_for(reference, None)
        if isinstance(reading, Result):
            return reading
        path = f"{order_path(reading.order)}/extend-authorization-time"
        return (await self._wire.post(path, None, f"{key}:extend")).as_result(reference)

    async def _order_for(self, reference: str, amount: Money | None) -> Reading | Result:
        """Return the order to write to, or the end of a write that was never sent."""
        reading = await self._read(reference)
        if isinstance(reading, Answer):
            if reading.outcome is Outcome.REFUSED:
                return reading.as_result(reference)
            message = f"not sent, the payment could not be read: {reading.message}"
            return Result(
                Outcome.REFUSED, reference, code="unreachable", message=message, raw=reading.raw
            )
        if not reading.order:
            return Result(Outcome.REFUSED, reference, code="not_allowed", message="not paid yet")
        has = money_of(reading.order)
        if amount is not None and (has is None or has.currency != amount.currency):
            return Result(Outcome.REFUSED, reference, code="amount", message="another currency")
        return reading

    async def fetch_operation(self, query: OperationQuery) -> Result:
        """Find out whether an earlier write took effect, by reads.

        AUTHORIZE with a reference: as `fetch` says. Without one, the page's address was lost with
        the answer, so nobody can have paid: REFUSED. CAPTURE and REFUND: by our key in the order's
        captures and refunds; the release that a final capture still owes is made up for, with its
        own key. VOID: by what is left. UPDATE: by the order's amount and lines. EXTEND: by the same
        call again, with its key, because no read shows it.
        A write that may still be on its way (`sent_at` within `settle_time`) is never REFUSED.
        """
        if query.kind is OperationKind.AUTHORIZE and not query.reference:
            never = Result(Outcome.REFUSED, code="invalid", message="no page was ever shown")
            return final_refusal(never, query, self._clock(), self._settle_time)
        if query.kind is OperationKind.EXTEND:
            again = await self.extend_authorization(query.reference, query.key)
            return again if again.code != "unreachable" else _unsure(again)
        reading = await self._read(query.reference)
        if isinstance(reading, Answer):
            # A failed read does not show whether the write took effect.
            return Result(
                Outcome.UNKNOWN, query.reference, message=reading.message, raw=reading.raw
            )
        if query.kind is OperationKind.AUTHORIZE:
            return authorize_by_read(to_payment(reading, self._clock()))
        if not reading.order:
            result = Result(Outcome.REFUSED, query.reference, code="not_allowed")
        elif query.kind is OperationKind.CAPTURE:
            result = await self._captured(query, reading)
        elif query.kind is OperationKind.VOID:
            result = void_by_read(query.reference, reading.order)
        elif query.kind is OperationKind.UPDATE:
            result = updated_by_read(query, reading.order)
        else:
            result = refund_by_read(query, reading.order)
        return final_refusal(result, query, self._clock(), self._settle_time)

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        return read_push(self._wire.token, headers.get(":path", ""), body)


def _carried_out(result: Result) -> Result:
    """Return the end of a write that Klarna has confirmed. A read that does not show it may be too
    early."""
    return result if result.outcome is not Outcome.REFUSED else _unsure(result)


def _unsure(result: Result) -> Result:
    return Result(Outcome.UNKNOWN, result.reference, message=result.message, raw=result.raw)
