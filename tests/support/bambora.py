"""Use Bambora's sandbox as a merchant without our connector, and as a payer."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import httpx

from tests.support.sandbox import Sandbox

OPTION = "bambora.creditcard"
APPROVED = "4002 7700 0000 0008"
CHALLENGE = "4002 7700 0000 0016"
DECLINED = "4002 7700 0000 0024"
INSUFFICIENT = "4002 7700 0000 0032"


class Merchant:
    """A merchant of the sandbox with a number that nobody else uses."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        unique = uuid.uuid4().hex
        self.key = {
            "merchant_number": f"T{unique[:9]}",
            "access_token": f"access-{unique}",
            "secret_token": f"secret-{unique}",
            "md5_key": f"md5-{unique}",
        }
        sandbox.admin("merchants", **self.key)
        user = f"{self.key['access_token']}@{self.key['merchant_number']}"
        self.auth = (user, self.key["secret_token"])

    @property
    def credentials(self) -> dict[str, str]:
        """Return what a profile stores about this merchant."""
        base = self.sandbox.base_url
        services = ("checkout", "merchant", "transaction")
        return {f"{name}_api_url": f"{base}/{name}-api" for name in services} | self.key

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = self.sandbox.base_url + path
        return self.sandbox.http.request(method, url, json=body, auth=self.auth)

    def done(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert found["meta"]["result"] is True, found
        return found

    def refused(self, method: str, path: str, body: Any = None) -> str:
        """Return the message of a refusal. Bambora sends it with status 200."""
        answer = self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["meta"]["result"] is False, found
        assert set(found) == {"meta"}
        return str(found["meta"]["message"]["merchant"])

    def parameters(self, amount: Any = 30000, **more: Any) -> dict[str, Any]:
        return {
            "order": {"id": uuid.uuid4().hex[:20], "amount": amount, "currency": "NOK"},
            "url": {
                "accept": "http://127.0.0.1:9/accept?a=1",
                "decline": "http://127.0.0.1:9/cancel?a=1&b=2",
                "callbacks": [],
            },
        } | more

    def request(self, amount: Any = 30000, **more: Any) -> dict[str, Any]:
        """Create a payment request and return `{id, url}`."""
        body = {
            "reference": "r",
            "description": "<b>Order</b> & more",
            "parameters": self.parameters(amount, **more),
        }
        return self.done("POST", "/checkout-api/paymentrequests", body)

    def read(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.done("GET", f"/checkout-api/paymentrequests/{request['id']}")

    def paid(self, amount: Any = 30000, **more: Any) -> str:
        """Authorize a transaction in the window and return its id."""
        request = self.request(amount, **more)
        assert pay(self.sandbox, request["url"]).status_code == 303
        return str(self.read(request)["transactions"][-1]["id"])

    def transaction(self, transaction_id: str) -> dict[str, Any]:
        found = self.done("GET", f"/merchant-api/transactions/{transaction_id}")["transaction"]
        assert isinstance(found, dict)
        return found


def pay(sandbox: Sandbox, url: str, number: str = APPROVED, **other: str) -> httpx.Response:
    """Submit a card in the window as a form without scripts does, and return the redirect."""
    form = {"number": number, "expiry": "12/34", "cvc": "000", "name": "Kari Nordmann"}
    return sandbox.http.post(url, data=form | other)


class BamboraSandbox(Sandbox):
    def __init__(self, repository: Path, data_dir: Path) -> None:
        super().__init__(repository, "bambora", data_dir)

    def reset(self) -> None:
        super().reset()
        self.admin("settings", tells_transactions=True)
