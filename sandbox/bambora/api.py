"""The services: authentication, faults, answers. One table of routes.

Source: `docs/reference/psp/bambora.md`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bambora import payment_requests, transactions
from sandbox.bambora.world import REFUSED, Call, Refused, World, authenticate, meta
from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY, Fault
from sandbox.common.storage import Json
from sandbox.common.wire import Broken, json_body, public

Handler = Callable[[World, Call, Json, Json], Json]
_LABELS = {
    "0": ("Approved", "Approved"),
    "95": ("The payment was refused", "Refused on demand"),
    "card_declined": ("The card was declined", "Declined by the issuer"),
    "insufficient_funds": ("The card was declined", "Insufficient funds"),
    "duplicate": ("The order is paid", "The order id is paid already"),
}


@dataclass(frozen=True, slots=True)
class Verb:
    method: str
    path: str
    handler: Handler
    fault: str | None = None


def _response_code(world: World, call: Call, body: Json, path: Json) -> Json:
    enduser, merchant = _LABELS.get(path["code"], ("The payment was refused", "Unknown"))
    code = {"actioncode": path["code"], "source": path["source"]}
    return {"responsecode": code | {"enduserlabel": enduser, "merchantlabel": merchant}}


_C, _M, _T = "/checkout-api", "/merchant-api/transactions", "/transaction-api/transactions"
VERBS = (
    Verb("POST", f"{_C}/sessions", payment_requests.create_session, "create"),
    Verb("POST", f"{_C}/checkout", payment_requests.create_session, "create"),
    Verb("POST", f"{_C}/paymentrequests", payment_requests.create, "create"),
    Verb("GET", f"{_C}/paymentrequests/", payment_requests.listed, "read_request"),
    Verb("GET", _C + "/paymentrequests/{id}", payment_requests.read, "read_request"),
    Verb("DELETE", _C + "/paymentrequests/{id}", payment_requests.withdraw, "withdraw"),
    Verb("GET", _M + "/{id}", transactions.read, "read"),
    Verb("GET", _M + "/{id}/transactionoperations", transactions.read_operations, "read"),
    Verb("POST", _T + "/{id}/capture", transactions.capture, "capture"),
    Verb("POST", _T + "/{id}/credit", transactions.credit, "credit"),
    Verb("POST", _T + "/{id}/delete", transactions.delete, "delete"),
    Verb("GET", "/data-api/responsecodes/{source}/{code}", _response_code),
)


class Api:
    """All verbs over one world. `public_url` is where payers reach the window. None means the
    address by which the merchant called."""

    def __init__(self, world: World, public_url: str | None) -> None:
        self._world = world
        self._public_url = public_url

    def routes(self) -> list[Route]:
        return [
            Route(verb.path, self._endpoint(verb), methods=[verb.method], include_in_schema=False)
            for verb in VERBS
        ]

    def _endpoint(self, verb: Verb) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                return await self._answer(verb, request)
            except Refused as refused:
                return JSONResponse(refused.body, refused.status)
            except asyncio.CancelledError:
                # The program stops while an answer is late on purpose. This is no error.
                return Broken()

        return endpoint

    async def _answer(self, verb: Verb, request: Request) -> Response:
        # Names with a leading underscore are ours.
        body = public(await json_body(request))
        merchant = authenticate(self._world, request.headers.get("authorization", ""))
        own = f"{request.url.scheme}://{request.url.netloc}"
        call = Call(merchant, self._public_url or own)
        transactions.pass_time(self._world)
        fault = self._world.faults.take(verb.fault) if verb.fault else None
        kind = fault.kind if fault else None
        if fault and kind == "refuse":
            raise Refused(fault.code, REFUSED)
        if fault and kind == "hang":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_before":
            return Broken()
        if kind == "error_before":
            return _failed()
        answer = self._effect(verb, call, body, dict(request.path_params), fault)
        if fault and kind == "late":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_after":
            return Broken()
        if kind == "error_after":
            return _failed()
        return JSONResponse(answer)

    def _effect(self, verb: Verb, call: Call, body: Json, path: Json, fault: Fault | None) -> Json:
        kind = fault.kind if fault else ""
        if verb.method == "POST":
            _distort(body, kind)
        with self._world.storage.transaction():
            made = verb.handler(self._world, call, body, path)
        told: Json = public(made)
        if verb.method == "GET":
            _distort_answer(told, kind)
        return {"meta": meta(), **told}


def _failed() -> Response:
    return JSONResponse({"meta": meta("500", "Something went wrong.")}, 500)


def _distort(body: Json, kind: str) -> None:
    """Make a call be about another amount or currency than was asked."""
    orders = [body, body.get("order"), (body.get("parameters") or {}).get("order")]
    for order in orders:
        if not isinstance(order, dict) or "amount" not in order:
            continue
        if kind == "wrong_amount":
            order["amount"] = int(order["amount"]) - WRONG_BY
        elif kind == "wrong_currency":
            order["_currency" if order is body else "currency"] = WRONG_CURRENCY


def _distort_answer(told: Json, kind: str) -> None:
    transaction = told.get("transaction")
    if not isinstance(transaction, dict):
        return
    if kind == "wrong_amount":
        transaction["total"]["authorized"] -= WRONG_BY
    elif kind == "wrong_currency":
        transaction["currency"]["code"] = WRONG_CURRENCY
