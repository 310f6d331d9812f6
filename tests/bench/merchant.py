"""A merchant's program: the public API, many calls at once."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

_numbers = itertools.count(1)
OPTIONS = [
    {"id": "a", "line_id": "s1", "amount": 4900, "operator": "Posten", "title": "Home"},
    {"id": "b", "line_id": "s2", "amount": 9900, "operator": "Posten", "title": "Express"},
]


class Merchant:
    """`connections` is how many calls may be under way at once."""

    def __init__(self, facts: dict[str, Any], connections: int) -> None:
        self._facts = facts
        self.http = httpx.AsyncClient(
            base_url=facts["base_url"],
            timeout=60.0,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def sign_in(self) -> None:
        account = self._facts["account_id"]
        answer = await self.http.post(
            f"/v1/accounts/{account}/auth/token",
            auth=(self._facts["client_id"], self._facts["client_secret"]),
            json={
                "grant_type": "client_credentials",
                "audience": f"{self._facts['base_url']}/v1/accounts/{account}",
            },
        )
        answer.raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def create_session(self, *, shipping: bool = False) -> dict[str, Any]:
        """The documented order of 400.00 NOK; `{id, url}`."""
        shop = self._facts["shop_url"]
        body: dict[str, Any] = {
            "url": {
                "return_url": f"{shop}/orders/bench",
                "callback_url": f"{shop}/callback?method=GET",
                "merchant_terms_url": f"{shop}/terms",
            },
            "order": {
                "amount": 40000,
                "currency": "NOK",
                "vat_amount": 8000,
                "items": [
                    {
                        "amount": 40000,
                        "quantity": 2,
                        "line_id": "1",
                        "description": "Forsvinnignspølse",
                        "vat": 25,
                        "id": "10",
                    }
                ],
                "merchant_reference": f"bench-{next(_numbers)}",
            },
            "configuration": {
                "active_payment_types": {"enabled": True},
                "dintero": {
                    "type": "payment_type",
                    "wallets": {"type": "payment_product_type", "enabled": True},
                },
            },
            "profile_id": self._facts["profile_id"],
        }
        if shipping:
            body["express"] = {"shipping_options": OPTIONS}
        answer = await self.http.post("/v1/sessions-profile", json=body)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{answer.status_code}: {answer.text}")
        made: dict[str, Any] = answer.json()
        return made

    async def issue_card(self, amount: int) -> tuple[str, str]:
        """Issue a card with `amount` øre and return its number and PIN."""
        answer = await self.http.post(
            f"/v1/accounts/{self._facts['account_id']}/wallets/cards",
            json={
                "card_id": f"bench-{next(_numbers)}",
                "amount": amount,
                "currency": "NOK",
                "pin": {"format": {"length": 4, "numbers": True}},
                "card_token": {"format": {"length": 16, "numbers": True}},
            },
        )
        answer.raise_for_status()
        card = answer.json()
        return card["card_token"]["token"]["value"], card["pin"]["pin"]["value"]

    async def transaction(self, transaction_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/transactions/{transaction_id}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def close(self) -> None:
        await self.http.aclose()
