"""A payer without a browser: the page's own event socket, then the provider's page.

Everything the server does for a payer in a browser it does for this one too; only the drawing is
left out. Speaks engine.io 4 and socket.io 5 as far as Reflex uses them.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import websockets
from reflex.state import State

from checkout_ui.balance.state import Balance
from checkout_ui.steps.details import DetailsState
from checkout_ui.steps.gift_card import GiftCardState
from checkout_ui.steps.payment import PaymentState

_NAMESPACE = "/_event"
_VAR_SUFFIX = "_rx_state_"
_APPROVED = "4000000000000002"
_DETAILS = {
    "email": "kari@example.com",
    "phone_number": "+4799887766",
    "shipping_address.first_name": "Kari",
    "shipping_address.last_name": "Nordmann",
    "shipping_address.address_line": "Storgata 1",
    "shipping_address.postal_code": "0155",
    "shipping_address.postal_place": "Oslo",
    "shipping_address.country": "NO",
}


class Page:
    """One open page. `state` is what the browser would show, by variable."""

    def __init__(self, socket: websockets.ClientConnection, path: str, sid: str) -> None:
        self._socket = socket
        self._router_data = {"pathname": path, "asPath": path, "query": {"session_id": sid}}
        self.state: dict[str, Any] = {}
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, base_url: str, session_id: str) -> Page:
        """Load the HTML, the socket and the first state, as a browser does."""
        path = f"/v1/view/{session_id}"
        address = urlsplit(base_url).netloc
        query = f"EIO=4&transport=websocket&token={uuid.uuid4()}"
        socket = await websockets.connect(
            f"ws://{address}{_NAMESPACE}/?{query}", max_size=2**22, compression=None
        )
        page = cls(socket, path, session_id)
        await socket.recv()  # engine.io's own greeting
        boot = {"event": page._event(f"{State.get_full_name()}.hydrate_and_load", {})}
        await socket.send(f"40{_NAMESPACE},{json.dumps(boot)}")
        page._reader = asyncio.create_task(page._read())
        await page.until(lambda state: state.get("stage") == "open")
        return page

    async def submit(self, handler: str, **fields: Any) -> None:
        payload = {"form_data": fields}
        await self._send("event", self._event(handler, payload))

    async def until(self, arrived: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> None:
        try:
            async with asyncio.timeout(seconds), self._changed:
                while not arrived(self.state):
                    if self._reader is not None and self._reader.done():
                        raise RuntimeError(f"the socket is closed; last notice: {self.notice}")
                    await self._changed.wait()
        except TimeoutError as late:
            raise RuntimeError(f"the page did not change in {seconds} s: {self.state}") from late

    @property
    def notice(self) -> Any:
        return self.state.get("notice") or self.state.get("card_errors")

    async def close(self) -> None:
        await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    def _event(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "payload": payload, "router_data": dict(self._router_data)}

    async def _send(self, kind: str, event: dict[str, Any]) -> None:
        await self._socket.send(f"42{_NAMESPACE},{json.dumps([kind, event])}")

    async def _read(self) -> None:
        async for frame in self._socket:
            text = str(frame)
            if text == "2":
                await self._socket.send("3")
                continue
            head = f"42{_NAMESPACE},"
            if not text.startswith(head):
                continue
            _, update = json.loads(text[len(head) :])
            async with self._changed:
                for state, variables in (update.get("delta") or {}).items():
                    if state == Balance.get_full_name():
                        continue  # another page's variables, some under the same names
                    for name, value in variables.items():
                        self.state[name.removesuffix(_VAR_SUFFIX)] = value
                self._changed.notify_all()


async def pay(
    base_url: str, session_id: str, card: tuple[str, str], http: httpx.AsyncClient
) -> str:
    """Give the details and a gift card, pay, use the provider's page, return, and give the
    transaction's id."""
    html = await http.get(f"{base_url}/v1/view/{session_id}")
    html.raise_for_status()
    page = await Page.open(base_url, session_id)
    try:
        await page.submit(f"{DetailsState.get_full_name()}.save", **_DETAILS)
        await page.until(lambda state: bool(state.get("details_done")))
        await page.submit(
            f"{GiftCardState.get_full_name()}.add", gift_card_number=card[0], gift_card_pin=card[1]
        )
        await page.until(lambda state: bool(state.get("has_card")))
        await page.submit(
            f"{PaymentState.get_full_name()}.press_pay",
            payment_product_type=page.state["options"][0]["type"],
            seen=page.state["sums"]["to_pay"],
            seen_order=page.state["sums"]["order"],
        )
        await page.until(lambda state: bool(state.get("go_to")))
        card_gateway_url = str(page.state["go_to"]).split(" ", 1)[1]
    finally:
        await page.close()
    return await _pay_at_provider(card_gateway_url, http)


async def _pay_at_provider(url: str, http: httpx.AsyncClient) -> str:
    (await http.get(url)).raise_for_status()
    fields = {"number": _APPROVED, "expiry": "12 / 39", "cvc": "123", "name": "Kari Nordmann"}
    answer = await http.post(url, data=fields)
    while answer.is_redirect:
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        if "transaction_id" in query:
            return query["transaction_id"][0]  # the shop's address: not part of the figure
        answer = await http.get(answer.headers["location"])
    raise RuntimeError(f"the payment went astray at {answer.url}: {answer.status_code}")
