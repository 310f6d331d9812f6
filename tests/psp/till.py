"""The common suite works with a merchant at a provider and records what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx

from backend.psp.protocol import (
    OperationKind,
    OperationQuery,
    Outcome,
    Payment,
    PaymentState,
    Result,
)
from backend.rules.money import Money
from tests.psp.provider import Provider
from tests.support.patience import IMPATIENT_SECONDS

EFFECT_NOT_TOLD = ("late", "drop_after", "error_after")
NO_EFFECT = ("drop_before", "error_before")
WRITES = ("capture", "refund", "void")
KINDS = {
    "capture": OperationKind.CAPTURE,
    "refund": OperationKind.REFUND,
    "void": OperationKind.VOID,
}


class ProviderHarness:
    """A merchant's connector, what it sent, and the payments made with it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.connector = provider.connector()
        self.whole = Money(30000, provider.currency)
        self.part = Money(20000, provider.currency)

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Wait half a second for an answer inside the block, which holds only a call without an
        answer."""
        patient = self.connector
        self.connector = self.provider.connector(read_timeout=IMPATIENT_SECONDS)
        yield
        self.connector = patient

    async def created(self, **changes: object) -> tuple[str, str]:
        """Create a payment that nobody has paid, and return its reference and address."""
        result = await self.connector.create_payment(self.provider.request(**changes))
        assert (result.outcome, result.code) == (Outcome.DONE, None), result
        assert result.reference is not None
        assert result.redirect_url is not None
        return result.reference, result.redirect_url

    async def paid(self) -> str:
        reference, url = await self.created()
        self.provider.approve(url)
        payment = await self.connector.complete_return(reference, {})
        held = PaymentState.CAPTURED if self.provider.direct_capture else PaymentState.AUTHORIZED
        assert (payment.outcome, payment.state) == (Outcome.DONE, held), payment
        return reference

    async def ready(self, verb: str) -> str:
        """Make a payment on which the verb is possible."""
        reference = await self.paid()
        if verb == "refund" and not self.provider.direct_capture:
            done = await self.connector.capture(reference, self.whole, "capture-0", final=True)
            assert done.outcome is Outcome.DONE, done
        return reference

    async def do(self, verb: str, reference: str, key: str = "key-1") -> Result:
        if verb == "capture":
            return await self.connector.capture(reference, self.part, key, final=True)
        if verb == "refund":
            return await self.connector.refund(reference, self.part, key)
        return await self.connector.void(reference, key)

    async def ask(self, verb: str, reference: str, key: str = "key-1", **more: object) -> Result:
        query = OperationQuery(KINDS[verb], reference, key, self.part, 0, **more)  # type: ignore[arg-type]
        return await self.connector.fetch_operation(query)

    def may_repeat(self, verb: str) -> bool:
        """Return whether the same key once more is harmless. If it is not, the provider remembers
        no keys and nobody repeats one (`OperationQuery.refunded_before` tells the outcome)."""
        if verb == "refund" and not self.provider.remembers_keys:
            assert self.connector.capabilities.key_lifetime == timedelta(0)
            return False
        return True

    async def read(self, reference: str) -> Payment:
        payment = await self.connector.fetch(reference)
        assert payment.outcome is Outcome.DONE, payment
        if not self.provider.tells_refunds:
            assert payment.refunded == 0
            payment = replace(payment, refunded=self.provider.refunded(reference))
        return payment

    async def happened(self, verb: str, reference: str) -> bool:
        """Return whether it took effect, and assert that it did so wholly or not at all."""
        payment = await self.read(reference)
        before = self.whole.amount if self.provider.direct_capture or verb == "refund" else 0
        seen = {
            "capture": payment.captured,
            "refund": payment.refunded,
            "void": self.part.amount if payment.state is PaymentState.FAILED else 0,
        }[verb]
        assert seen in (0, self.part.amount), payment
        assert payment.refunded <= payment.captured <= self.whole.amount
        assert verb == "capture" or payment.captured == before
        return seen == self.part.amount


def verbs_of(provider: Provider) -> tuple[str, ...]:
    return ("refund",) if provider.direct_capture else WRITES


class Sent:
    """What a client sends. `writes` holds the calls that may change something."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.requests: list[httpx.Request] = []
        http.event_hooks = {"request": [self._keep]}

    async def _keep(self, request: httpx.Request) -> None:
        self.requests.append(request)

    @property
    def writes(self) -> list[str]:
        return [f"{one.method} {one.url.path}" for one in self.requests if one.method != "GET"]
