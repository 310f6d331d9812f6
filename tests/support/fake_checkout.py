"""A stand-in for the checkout's public API in its documented shapes, for tests of its callers.

It speaks real HTTP on its own port, keeps what it receives, and moves a gift card's part first, as
the documentation says (docs/reference/dintero-api.md#money-flow). It shares no code with the real
program.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

ACCOUNT = "T12345678"
CLIENT = ("client", "s3cret")


@dataclass
class FakeCheckout:
    """`base_url` is set once it runs. `refuse_next` is the answer to the next session request."""

    base_url: str = ""
    expires_in: int = 86400
    tokens: list[str] = field(default_factory=list)
    token_requests: list[dict[str, Any]] = field(default_factory=list)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    refuse_next: tuple[int, dict[str, Any]] | None = None

    def pay(self, session_id: str, gift_card: int) -> str:
        """Pay as the payer, with `gift_card` minor units by gift card, and return the transaction's
        id."""
        order = self.sessions[session_id]["order"]
        transaction_id = f"{ACCOUNT}.{len(self.transactions):022d}"
        cards = [{"type": "dintero.wallets", "card_id": "card-100", "amount": gift_card}]
        self.sessions[session_id]["transaction_id"] = transaction_id
        self.transactions[transaction_id] = {
            "id": transaction_id,
            "session_id": session_id,
            "status": "AUTHORIZED",
            "amount": order["amount"],
            "currency": order["currency"],
            "merchant_reference": order["merchant_reference"],
            "payment_product": "dintero_psp",
            "payment_product_type": "dintero_psp.creditcard",
            "gift_cards": cards if gift_card else [],
            "events": [
                _event("INITIALIZE", "INITIATED", order["amount"], 0),
                _event("AUTHORIZE", "AUTHORIZED", order["amount"], gift_card),
            ],
        }
        return transaction_id

    def revoke_tokens(self) -> None:
        self.tokens.clear()

    def forget(self) -> None:
        """Reset to a fresh start on the same address, for the next test."""
        for kept in (self.tokens, self.token_requests, self.operations):
            kept.clear()
        self.sessions.clear()
        self.transactions.clear()
        self.expires_in, self.refuse_next = 86400, None


def _event(name: str, status: str, amount: int, gift_card: int) -> dict[str, Any]:
    return {
        "event": name,
        "transaction_status": status,
        "success": True,
        "amount": amount,
        "gift_cards": [{"card_id": "card-100", "amount": gift_card}] if gift_card else [],
        "created_at": "2026-11-23T08:00:00.000Z",
    }


def _sum(transaction: dict[str, Any], name: str) -> tuple[int, int]:
    events = [event for event in transaction["events"] if event["event"] == name]
    cards = [card["amount"] for event in events for card in event["gift_cards"]]
    return sum(event["amount"] for event in events), sum(cards)


def _error(status: int, message: str, **more: Any) -> Response:
    return JSONResponse({"error": {"message": message, **more}}, status)


def _app(fake: FakeCheckout) -> ASGIApp:
    def authorized(request: Request) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ") in fake.tokens

    async def token(request: Request) -> Response:
        wanted = "Basic " + base64.b64encode(":".join(CLIENT).encode()).decode()
        if request.headers.get("authorization") != wanted:
            return _error(401, "invalid client")
        fake.token_requests.append(await request.json())
        fake.tokens.append(f"token-{len(fake.token_requests)}")
        return JSONResponse(
            {
                "access_token": fake.tokens[-1],
                "token_type": "Bearer",
                "expires_in": fake.expires_in,
            }
        )

    async def create_session(request: Request) -> Response:
        if not authorized(request):
            return _error(401, "invalid JWT token was used")
        if fake.refuse_next is not None:
            (status, error), fake.refuse_next = fake.refuse_next, None
            return JSONResponse({"error": error}, status)
        session_id = f"{ACCOUNT}.{'s' * 20}{len(fake.sessions):02d}"
        fake.sessions[session_id] = json.loads(await request.body())
        url = f"{fake.base_url}/v1/view/{session_id}"
        return JSONResponse({"id": session_id, "url": url})

    async def read(request: Request) -> Response:
        if not authorized(request):
            return _error(401, "invalid JWT token was used")
        kept = getattr(fake, request.path_params["kind"]).get(request.path_params["id"])
        return _error(404, "not found") if kept is None else JSONResponse(kept)

    async def operate(request: Request) -> Response:
        if not authorized(request):
            return _error(401, "invalid JWT token was used")
        transaction_id, verb = request.path_params["id"], request.path_params["verb"]
        raw = await request.body()
        body = json.loads(raw) if raw else None
        fake.operations.append((transaction_id, verb, body))
        return _move(fake.transactions[transaction_id], verb, body)

    return Starlette(
        routes=[
            Route(f"/v1/accounts/{ACCOUNT}/auth/token", token, methods=["POST"]),
            Route("/v1/sessions-profile", create_session, methods=["POST"]),
            Route("/v1/transactions/{id}/{verb}", operate, methods=["POST"]),
            Route("/v1/view/{id}", lambda request: PlainTextResponse("the checkout")),
            Route("/v1/{kind:str}/{id}", read),
        ]
    )


def _move(transaction: dict[str, Any], verb: str, body: dict[str, Any] | None) -> Response:
    authorized = transaction["amount"]
    captured, captured_card = _sum(transaction, "CAPTURE")
    refunded, refunded_card = _sum(transaction, "REFUND")
    if verb == "void":
        transaction["status"] = "AUTHORIZATION_VOIDED"
        transaction["events"].append(_event("VOID", "AUTHORIZATION_VOIDED", authorized, 0))
        return JSONResponse(transaction)
    assert body is not None
    amount = body["amount"]
    card_part = sum(card["amount"] for card in transaction["gift_cards"])
    maximum = authorized - captured if verb == "capture" else captured - refunded
    if amount > maximum:
        return _error(
            400,
            "The amount is too high",
            code="INVALID_REQUEST_PARAMETER",
            errors=[{"description": f"at most {maximum} is left", "field": "amount"}],
        )
    if verb == "capture":
        part = min(amount, card_part - captured_card)
        status = "CAPTURED" if amount == maximum else "PARTIALLY_CAPTURED"
    else:
        part = min(amount, captured_card - refunded_card)
        status = "REFUNDED" if amount == maximum else "PARTIALLY_REFUNDED"
    transaction["status"] = status
    transaction["events"].append(_event(verb.upper(), status, amount, part))
    return JSONResponse(transaction)


@contextmanager
def served(app: Any, port_of: socket.socket) -> Iterator[None]:
    """Serve `app` on the bound socket until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, lifespan="on")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [port_of]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        port_of.close()
        assert not thread.is_alive()


def bound_socket() -> tuple[socket.socket, str]:
    """Bind a free port of this machine, and return the socket and its address."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    return bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def fake_checkout() -> Iterator[FakeCheckout]:
    bound, base_url = bound_socket()
    fake = FakeCheckout(base_url=base_url)
    with served(_app(fake), bound):
        yield fake
