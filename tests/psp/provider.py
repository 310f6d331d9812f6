"""The interface that the common suite needs of every provider: see `providers`."""

from __future__ import annotations

import html
import re
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from backend.psp.protocol import Connector, Notification, PaymentRequest
from backend.rules.money import Money
from tests.support.sandbox import Listener, Sandbox

PATIENT_SECONDS = 20.0
"""As long as a checkout waits for an answer."""


def now() -> datetime:
    return datetime.now(UTC)


class Provider(ABC):
    """One provider under test, as a merchant that nobody else uses."""

    sandbox_name: str
    option: str
    """The payment option that a profile connects it to."""
    direct_capture = False
    """Approval moves the money: no capture, no void."""
    multi_capture = True
    """A capture can leave the rest authorized."""
    remembers_create = True
    """The same key again gives the same page; elsewhere it gives another one, and only the page
    that was stored first is ever shown."""
    remembers_keys = True
    """A refund's key sent again has no second effect, while a part is left to refund."""
    lapses = True
    """What is authorized and never captured ends by itself within 200 days, and a read tells."""
    signs = True
    """Whoever does not know the secret cannot write a notification that is believed."""
    notifies_captures = True
    tells_refunds = True
    """A read of the payment says how much of it was refunded; else `refunded` asks the sandbox."""
    opens_page: tuple[str, ...] = ()
    """What a page's address holds: in nothing that is kept."""
    verbs: dict[str, str] = {
        "create": "create",
        "abort": "abort",
        "capture": "capture",
        "refund": "refund",
        "void": "void",
        "read": "read",
    }
    """What the sandbox's faults call our verbs."""

    def __init__(self, sandbox: Sandbox, listener: Listener, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.listener = listener
        self.http = http
        self.merchant = uuid.uuid4().hex
        self.setup()

    def setup(self) -> None:  # noqa: B027  (most have nothing to do)
        """Do what a merchant does once at this provider, e.g. register an address."""

    @abstractmethod
    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        """Return a connector with this merchant's credentials, at any address."""

    @property
    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Return what a profile stores to connect this provider."""

    @property
    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that must never appear in stored data, logs or messages."""

    @abstractmethod
    def asked(self, reference: str) -> tuple[int, str]:
        """Return amount in the provider's own unit and currency, as the provider stores them."""

    @abstractmethod
    def approve(self, url: str) -> None: ...

    @abstractmethod
    def decline(self, url: str) -> None: ...

    def names(self, notification: Notification, reference: str) -> bool:
        """Return whether a notification is about this payment."""
        return notification.reference == reference

    def refunded(self, reference: str) -> int:
        """Return the refunded amount, as the sandbox reports it."""
        raise NotImplementedError

    def connector(self, *, read_timeout: float = PATIENT_SECONDS) -> Connector:
        return self.connect(self.sandbox.base_url, self.http, read_timeout=read_timeout)

    def fault(self, verb: str, kind: str, **more: object) -> None:
        self.sandbox.fault(self.verbs.get(verb, verb), kind, **more)

    def units(self, money: Money) -> int:
        """Return an amount in the provider's own unit."""
        return money.amount

    def back_link(self, url: str) -> str:
        """Return where the page's link back leads."""
        page = self.sandbox.http.get(url, follow_redirects=True).text
        found = re.search(r'id="back"[^>]*href="([^"]+)"', page)
        assert found is not None, page
        return html.unescape(found[1])

    def request(self, **changes: Any) -> PaymentRequest:
        fields: dict[str, Any] = {
            "key": str(uuid.uuid4()),
            "amount": Money(30000, self.currency),
            "transaction_id": f"T12345678.{uuid.uuid4().hex[:22]}",
            "session_id": "T12345678.session",
            "merchant_reference": "order-1",
            "description": "Order 1 (rest after gift card)",
            "return_url": "http://127.0.0.1:9/return",
            "cancel_url": "http://127.0.0.1:9/cancel?cancelled=1",
            "notification_url": self.listener.url,
            "language": "en",
            "expires_at": now() + timedelta(hours=1),
            "email": "kari@example.com",
        }
        return PaymentRequest(**(fields | changes))

    currency = "NOK"
