"""A shop's extension. It calls our API as shops do, and its payer uses the plain routes below the
page. It reads an answer as strictly as its language does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.support.card_gateway import APPROVED, CardGatewaySandbox
from tests.support.checkout import ACCOUNT, OPTION, Merchant, sign_in
from tests.support.hooks import until_quiet
from tests.support.receiver import Got, Receiver

PROFILE = f"{ACCOUNT}.5GdDG8rrepTQKhrEqzoRSQ"
"""The profile that the shops of these tests use; without `express` their sessions are standard."""
CONTACT = {"email": "kari@example.no", "phone_number": "+4741234567"}
HOME: dict[str, Any] = {
    "first_name": "Kari",
    "last_name": "Nordmann",
    "address_line": "Karl Johans gate 1",
    "postal_code": "0154",
    "postal_place": "Oslo",
    "country": "NO",
}


class Plugin:
    """`headers` are those that the extension sends with every request. `last` is the answer that
    came last, for its status and headers."""

    def __init__(
        self, merchant: Merchant, card_gateway: CardGatewaySandbox, server: Receiver
    ) -> None:
        self.merchant, self.card_gateway, self.server = merchant, card_gateway, server
        self.headers: dict[str, str] = {}
        self.last: httpx.Response | None = None
        self._bearer = ""

    # --- the shop's server asks us ------------------------------------------------------------

    async def signs_in(self, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Get an access token, as the extension's first request."""
        audience = f"https://api.dintero.com/v1/accounts/{ACCOUNT}"
        grant = {"grant_type": "client_credentials", "audience": audience, **(body or {})}
        answer = await self.merchant.api.post(
            f"/v1/accounts/{ACCOUNT}/auth/token",
            auth=(self.merchant.client_id, self.merchant.client_secret),
            headers=self.headers,
            json=grant,
        )
        assert answer.status_code == 200, answer.text
        token: dict[str, Any] = answer.json()
        self._bearer = f"{token['token_type']} {token['access_token']}"
        return token

    async def asks(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: str | None = None,
        expect: int = 200,
    ) -> Any:
        """Ask `/v1/{path}` with a JSON body, or with the text `raw` as it is."""
        headers = {**self.headers, "authorization": self._bearer}
        headers.setdefault("content-type", "application/json")
        content: dict[str, Any] = {"content": raw.encode()} if raw is not None else {"json": body}
        if raw is None and body is None:
            content = {}
        answer = await self.merchant.api.request(method, f"/v1/{path}", headers=headers, **content)
        self.last = answer
        assert answer.status_code == expect, answer.text
        assert answer.headers["content-type"].startswith("application/json")
        return answer.json()

    async def creates(self, body: Mapping[str, Any], path: str = "sessions-profile") -> str:
        """Create a session, and return its id."""
        made = await self.asks("POST", path, body)
        assert made["url"].endswith(f"/v1/view/{made['id']}")
        assert made["id"].startswith(f"{ACCOUNT}.")
        return str(made["id"])

    # --- the payer, without a browser ---------------------------------------------------------

    async def payer_asks(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = await self.merchant.api.request(
            method, f"/v1/{path}", json=body, headers={"authorization": ""}
        )
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def payer_gives(self, session_id: str, **addresses: Any) -> Any:
        """Save the payer's details as the page does."""
        path = f"view/{session_id}/session/order/addresses"
        return await self.payer_asks("PUT", path, addresses)

    async def payer_pays(
        self, session_id: str, amount: int, number: str = APPROVED
    ) -> dict[str, str]:
        """Pay `amount` by card at the provider's page, and return the query with which the payer
        comes to the shop."""
        choice = {"payment_product_type": OPTION, "amount": amount}
        started = await self.payer_asks("POST", f"sessions/{session_id}/pay", choice)
        assert started["success"] is True
        answer = self.card_gateway.pay(started["redirect_url"], number)
        assert answer.status_code in (302, 303), answer.text
        back = urlsplit(await self.merchant.come_back(answer.headers["location"]))
        return dict(parse_qsl(back.query, keep_blank_values=True))

    # --- the shop is told ---------------------------------------------------------------------

    async def hears(self) -> list[Got]:
        """Let time pass until every callback has arrived or was abandoned. Return those that
        arrived."""
        await until_quiet(self.merchant)
        # The clock has moved, so the token may have expired.
        self._bearer = f"Bearer {await sign_in(self.merchant)}"
        return self.server.got

    async def confirmed_callbacks(self) -> list[str]:
        """Return the events that the shop accepted with 200, in their order. An authorization has
        no event."""
        return [got.query.get("event", "") for got in await self.hears()]


def last_event(transaction: Mapping[str, Any], kind: str) -> Any:
    """Return the newest event of a kind, which extensions take for the result of their last
    call."""
    return [event for event in transaction["events"] if event["event"] == kind][-1]


def lines(event: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(item["line_id"], item["amount"]) for item in event["items"]]


def read_typed(value: Any, form: Any, where: str = "") -> None:
    """Read an answer as a client in a typed language does. `form` stands for its classes.

    `int` accepts no fraction and no null. `Decimal` accepts any number and no null. `datetime`
    accepts no null. `str` and objects may be null. An absent field keeps its default.
    """
    if isinstance(form, list):
        if value is not None:
            assert isinstance(value, list), where
            for place, one in enumerate(value):
                read_typed(one, form[0], f"{where}[{place}]")
    elif isinstance(form, dict):
        if value is not None:
            assert isinstance(value, dict), where
            for name, inner in form.items():
                if name in value:
                    read_typed(value[name], inner, f"{where}.{name}")
    elif form is int:
        assert type(value) is int, f"{where} is {value!r}"
    elif form is float:
        assert type(value) in (int, float), f"{where} is {value!r}"
    elif form is bool:
        assert type(value) is bool, f"{where} is {value!r}"
    elif form is datetime:
        assert isinstance(value, str), f"{where} is {value!r}"
        datetime.fromisoformat(value)  # raises where it is none
    else:
        assert value is None or isinstance(value, str), f"{where} is {value!r}"
