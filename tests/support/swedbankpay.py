"""Use Swedbank Pay's sandbox as a merchant without our connector, and as a payer."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from tests.support.sandbox import Sandbox

MEDIA = "application/json;version=3.1"
CHALLENGE = "5226612199533406"
PLAIN = "4925000000000004"
DECLINED = "4100000000000076"


class Merchant:
    """Calls the provider's API as its documentation says, with a token that nobody else uses."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.headers = {
            "Authorization": f"Bearer token-{uuid.uuid4().hex}",
            "Accept": MEDIA,
            "Content-Type": MEDIA,
        }

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> httpx.Response:
        address = url if url.startswith("http") else self.sandbox.base_url + url
        return self.sandbox.http.request(method, address, json=body, headers=self.headers | headers)

    def order_body(self, **changes: Any) -> dict[str, Any]:
        order: dict[str, Any] = {
            "operation": "Purchase",
            "currency": "SEK",
            "amount": 30000,
            "vatAmount": 0,
            "description": "Test order",
            "userAgent": "Mozilla/5.0",
            "language": "sv-SE",
            "instrument": "CreditCard",
            "urls": {
                "hostUrls": ["http://127.0.0.1:9"],
                "completeUrl": "http://127.0.0.1:9/complete",
                "cancelUrl": "http://127.0.0.1:9/cancel",
            },
            "payeeInfo": {"payeeId": "5cabf558", "payeeReference": uuid.uuid4().hex[:30]},
        }
        return {"paymentorder": order | changes}

    def create(self, **changes: Any) -> dict[str, Any]:
        response = self.call("POST", "/psp/paymentorders", self.order_body(**changes))
        assert response.status_code == 200, response.text
        created: dict[str, Any] = response.json()
        return created

    def read(self, order: dict[str, Any], expand: str = "") -> dict[str, Any]:
        query = f"?$expand={expand}" if expand else ""
        found: dict[str, Any] = self.call("GET", order["paymentOrder"]["id"] + query).json()
        return found

    def paid(self, **changes: Any) -> dict[str, Any]:
        order = self.create(**changes)
        if order["paymentOrder"]["instrument"] == "CreditCard":
            self.pay(page(order), PLAIN)
        else:
            self.sandbox.http.post(page(order), data={"result": "approve"})
        return self.read(order)

    def pay(self, url: str, number: str, **other: str) -> httpx.Response:
        """Submit a card as a form without scripts does, and return the redirect."""
        form = {"number": number, "expiry": "12/34", "cvc": "123", "name": "Kari Nordmann"}
        return self.sandbox.http.post(url, data=form | other)

    def move(self, order: dict[str, Any], rel: str, **fields: Any) -> httpx.Response:
        """Call one of the order's operations."""
        transaction: dict[str, Any] = {"description": rel, "payeeReference": uuid.uuid4().hex[:30]}
        if rel != "cancel":
            transaction |= {"amount": 30000, "vatAmount": 0}
        return self.call("POST", href(order, rel), {"transaction": transaction | fields})


def rels(order: dict[str, Any]) -> set[str]:
    return {one["rel"] for one in order["operations"]}


def href(order: dict[str, Any], rel: str) -> str:
    return next(str(one["href"]) for one in order["operations"] if one["rel"] == rel)


def page(order: dict[str, Any]) -> str:
    return href(order, "redirect-checkout")
