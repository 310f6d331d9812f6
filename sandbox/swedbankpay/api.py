"""The provider's API: the token, the media type's version, faults, problems. One table of routes.

Source: `docs/reference/psp/swedbankpay.md#transport`, `#errors`, `#sandbox-duties`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY, Fault
from sandbox.common.storage import Json
from sandbox.common.wire import Broken, json_body
from sandbox.swedbankpay import movements, orders
from sandbox.swedbankpay.problems import Problem, problem
from sandbox.swedbankpay.shown import answer
from sandbox.swedbankpay.world import World, merchant_of

_VERSION = "version=3.1"
_TOKEN = re.compile(r"[A-Za-z0-9_.~+/-]{16,500}=*")


@dataclass(slots=True)
class Call:
    """One authenticated call. `body` is empty for a read."""

    merchant: str
    body: Json
    guid: str
    expand: tuple[str, ...]
    base_url: str


Handler = Callable[[World, Call], tuple[int, Json]]


@dataclass(frozen=True, slots=True)
class Verb:
    method: str
    path: str
    handler: Handler
    fault: str


def _create(world: World, call: Call) -> tuple[int, Json]:
    order = orders.create(world, call.merchant, call.body, call.base_url)
    if world.faults.take("early"):
        # As if the payer had paid: an order that nobody has seen yet.
        world.call_back(call.merchant, order)
    return 200, answer(order)


def _read(world: World, call: Call) -> tuple[int, Json]:
    return 200, answer(orders.load(world, call.merchant, call.guid), call.expand)


def _update(world: World, call: Call) -> tuple[int, Json]:
    order = orders.load(world, call.merchant, call.guid)
    return 200, answer(orders.update(world, call.merchant, order, call.body))


def _move(move: Callable[[World, str, Json, Json], int]) -> Handler:
    def handler(world: World, call: Call) -> tuple[int, Json]:
        order = orders.load(world, call.merchant, call.guid)
        status = move(world, call.merchant, order, call.body)
        return status, answer(order)

    return handler


_ORDER = orders.ROOT + "/{guid}"
VERBS = (
    Verb("POST", orders.ROOT, _create, "create"),
    Verb("GET", _ORDER, _read, "read"),
    Verb("PATCH", _ORDER, _update, "update"),
    Verb("POST", _ORDER + "/captures", _move(movements.capture), "capture"),
    Verb("POST", _ORDER + "/reversals", _move(movements.reverse), "reversal"),
    Verb("POST", _ORDER + "/cancellations", _move(movements.cancel), "cancel"),
)


class Api:
    """All verbs over one world. `public_url` is where payers reach the pages. None means the
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
                return await self._run(verb, request, await self._call(request))
            except Problem as refused:
                return _json(refused.status, refused.body)
            except asyncio.CancelledError:
                # The program stops while an answer is late on purpose. This is no error.
                return Broken()

        return endpoint

    async def _call(self, request: Request) -> Call:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token.strip()):
            raise Problem(401, "unauthorized", "No valid access token")
        named = "content-type" if request.method != "GET" else "accept"
        media = request.headers.get(named, "").replace(" ", "").lower()
        if not media.startswith("application/json") or _VERSION not in media:
            raise Problem(415, "inputerror", f"{named} must be application/json;{_VERSION}")
        expand = request.query_params.get("$expand", "")
        movements.pass_time(self._world)
        return Call(
            merchant=merchant_of(token.strip()),
            body=await json_body(request) if request.method != "GET" else {},
            guid=request.path_params.get("guid", ""),
            expand=tuple(one.strip() for one in expand.split(",") if one.strip()),
            base_url=self._public_url or f"{request.url.scheme}://{request.url.netloc}",
        )

    async def _run(self, verb: Verb, request: Request, call: Call) -> Response:
        name = verb.fault
        if name == "update" and "Abort" in json.dumps(call.body):
            name = "abort"
        fault = self._world.faults.take(name)
        kind = fault.kind if fault else None
        if fault and kind == "refuse":
            raise Problem(fault.status, fault.code, "Refused on demand", name="Sandbox")
        if fault and kind == "hang":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_before":
            return Broken()
        if kind == "error_before":
            return _system_error()
        status, body = self._effect(verb, call, fault)
        if fault and kind == "late":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_after":
            return Broken()
        if kind == "error_after":
            return _system_error()
        return _json(status, body)

    def _effect(self, verb: Verb, call: Call, fault: Fault | None) -> tuple[int, Json]:
        """Carry it out, all in one transaction."""
        kind = fault.kind if fault else ""
        if kind in ("wrong_amount", "wrong_currency"):
            _distort(call.body, kind)
        with self._world.storage.transaction():
            try:
                status, body = verb.handler(self._world, call)
            except Problem as refused:
                if not refused.keep:
                    raise
                return refused.status, refused.body
        if verb.method == "GET" and kind in ("wrong_amount", "wrong_currency"):
            _distort_answer(body["paymentOrder"], kind)
        return status, body


def _distort(body: Json, kind: str) -> None:
    """Make the call be about another amount, or currency, than asked."""
    for place in (value for value in body.values() if isinstance(value, dict)):
        if kind == "wrong_currency" and "currency" in place:
            place["currency"] = WRONG_CURRENCY
        elif kind == "wrong_amount" and type(place.get("amount")) is int:
            place["amount"] -= WRONG_BY
            # Lines of another amount would be refused.
            place.pop("orderItems", None)


def _distort_answer(order: Json, kind: str) -> None:
    if kind == "wrong_currency":
        order["currency"] = WRONG_CURRENCY
        return
    order["amount"] -= WRONG_BY
    if "amount" in order["paid"]:
        order["paid"] = order["paid"] | {"amount": order["paid"]["amount"] - WRONG_BY}


def _system_error() -> Response:
    return _json(500, problem(500, "systemerror", "Something went wrong"))


def _json(status: int, body: Json) -> Response:
    media = "application/problem+json" if status >= 400 else "application/json"
    return Response(json.dumps(body), status, media_type=media)
