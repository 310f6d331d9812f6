"""Bambora gives answers that are unreadable or that refuse."""

from __future__ import annotations

import httpx
import pytest

from backend.psp.bambora.client import Account
from backend.psp.bambora.connector import Bambora
from backend.psp.protocol import (
    Outcome,
)
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.psp.provider import now
from tests.psp.providers import BamboraProvider

HOST = "https://provider.example"


@pytest.mark.parametrize(
    "transaction",
    [
        None,
        {},
        {"total": {"authorized": 1}},
        {"total": {"authorized": True, "captured": 0, "credited": 0}, "available": {"capture": 0}},
        {
            "total": {"authorized": 100, "captured": 0, "credited": 0},
            "available": {"capture": 100},
            "currency": {"code": "kroner"},
        },
    ],
)
async def test_sums_that_cannot_be_read(transaction: object) -> None:
    order_id = "A" * 20

    def respond(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        found = {**transaction, "orderid": order_id} if isinstance(transaction, dict) else None
        return httpx.Response(200, json={"meta": {"result": True}, "transaction": found})

    account = Account(HOST, HOST, HOST, "T1", "a", "s", "m")
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = Bambora("creditcard", account, Tools(http, now))
        payment = await connector.fetch(f"{order_id}.r.1")
        assert (payment.outcome, payment.amount) == (Outcome.UNKNOWN, None)
        result = await connector.capture(f"{order_id}.r.1", Money(100, "NOK"), "c", final=True)
        assert result.outcome is Outcome.REFUSED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 429, 500, 503])
async def test_statuses(bambora: BamboraProvider, status: int) -> None:
    expected = {
        400: "invalid",
        401: "configuration",
        403: "configuration",
        404: "invalid",
        429: "unreachable",
    }
    account = Account(HOST, HOST, HOST, "T1", "access", "secret-x", "m")

    def respond(request: httpx.Request) -> httpx.Response:
        said = {"merchant": "the secret-x is wrong", "enduser": None}
        return httpx.Response(status, json={"meta": {"result": False, "message": said}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = Bambora("creditcard", account, Tools(http, now))
        result = await connector.create_payment(bambora.request())
    assert result.code == expected.get(status)
    assert result.outcome is (Outcome.REFUSED if status in expected else Outcome.UNKNOWN)
    assert result.message == "the *** is wrong"
