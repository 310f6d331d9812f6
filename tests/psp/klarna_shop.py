"""A merchant of Klarna's sandbox."""

from __future__ import annotations

from typing import Any

import httpx

from backend.psp.protocol import (
    Outcome,
)
from tests.psp.providers import KlarnaProvider


class Shop:
    """A merchant of the sandbox, with a connector and with bare calls."""

    def __init__(self, provider: KlarnaProvider) -> None:
        self.provider = provider
        self.sandbox = provider.sandbox
        self.klarna = provider.connector()
        self.auth = (provider._username, provider._password)

    def get(self, path: str) -> Any:
        response = self.call("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
        headers = {"Klarna-Idempotency-Key": key} if key else {}
        url = self.sandbox.base_url + path
        return self.sandbox.http.request(method, url, json=body, auth=self.auth, headers=headers)

    async def created(self, **changes: Any) -> tuple[str, str]:
        result = await self.klarna.create_payment(self.provider.request(**changes))
        assert result.outcome is Outcome.DONE, result
        assert result.reference is not None
        assert result.redirect_url is not None
        return result.reference, result.redirect_url

    async def paid(self, email: str = "customer@email.no") -> str:
        reference, url = await self.created()
        self.provider._confirm(url, email)
        return reference

    def session(self, reference: str) -> Any:
        return self.get(f"/payments/v1/sessions/{reference.partition('.')[2]}")

    def order(self, reference: str) -> Any:
        page = self.get(f"/hpp/v1/sessions/{reference.partition('.')[0]}")
        return self.get(f"/ordermanagement/v1/orders/{page['order_id']}")
