"""The provider's API: one table of routes, faults, refusals as an array.

Source: `docs/reference/psp/swish.md#calls`, `#errors`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY, Fault
from sandbox.common.storage import Json
from sandbox.common.wire import Broken
from sandbox.swish import payments
from sandbox.swish.world import SwishError, World, shown

ROOT = "/swish-cpcapi"
_UUID = re.compile(r"[0-9A-F]{32}")


@dataclass(slots=True)
class Call:
    uuid: str
    body: Any
    base_url: str


Handler = Callable[[World, Call, Fault | None], Response]


@dataclass(frozen=True, slots=True)
class Verb:
    method: str
    path: str
    handler: Handler
    fault: str


def _create(world: World, call: Call, fault: Fault | None) -> Response:
    payment = payments.create(world, call.uuid, call.body)
    _keep_wrong(payment, fault)
    payments.save(world, payment)
    if world.faults.take("early"):
        # This looks as if the payer had done something, for a request that nobody has opened yet.
        world.call_back(payment["payeeAlias"], payment)
    headers = {"Location": f"{call.base_url}{ROOT}/api/v1/paymentrequests/{call.uuid}"}
    if not payment["_pushed"]:
        headers["PaymentRequestToken"] = payment["_token"]
    return Response(status_code=201, headers=headers)


def _refund(world: World, call: Call, fault: Fault | None) -> Response:
    if fault and fault.kind == "wrong_amount" and isinstance(call.body.get("amount"), str):
        less = payments.ore(call.body["amount"]) - WRONG_BY
        call.body["amount"] = payments.kronor(less)
    payments.refund(world, call.uuid, call.body)
    location = f"{call.base_url}{ROOT}/api/v1/refunds/{call.uuid}"
    return Response(status_code=201, headers={"Location": location})


def _cancel(world: World, call: Call, fault: Fault | None) -> Response:
    return JSONResponse(shown(payments.cancel(world, call.uuid, call.body)))


def _read(kind: str) -> Handler:
    def handler(world: World, call: Call, fault: Fault | None) -> Response:
        thing = payments.load(world, kind, call.uuid)
        _keep_wrong(thing, fault)
        return JSONResponse(shown(thing))

    return handler


def _keep_wrong(thing: Json, fault: Fault | None) -> None:
    """Change its amount or currency, as the fault says."""
    if fault and fault.kind == "wrong_amount":
        thing["amount"] = payments.kronor(payments.ore(thing["amount"]) - WRONG_BY)
    elif fault and fault.kind == "wrong_currency":
        thing["currency"] = WRONG_CURRENCY


_PAYMENT = "/paymentrequests/{uuid}"
VERBS = (
    Verb("PUT", f"{ROOT}/api/v2{_PAYMENT}", _create, "create"),
    Verb("GET", f"{ROOT}/api/v1{_PAYMENT}", _read("payment"), "read"),
    Verb("PATCH", f"{ROOT}/api/v1{_PAYMENT}", _cancel, "cancel"),
    Verb("PUT", ROOT + "/api/v2/refunds/{uuid}", _refund, "refund"),
    Verb("GET", ROOT + "/api/v1/refunds/{uuid}", _read("refund"), "read"),
)


class Api:
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
                return await self._run(verb, await self._call(verb, request))
            except SwishError as refused:
                return JSONResponse(refused.body, refused.status)
            except asyncio.CancelledError:
                # The program stops while an answer is late on purpose. This is no error.
                return Broken()

        return endpoint

    async def _call(self, verb: Verb, request: Request) -> Call:
        uuid = request.path_params["uuid"]
        if not _UUID.fullmatch(uuid):
            raise SwishError("RP04", status=404 if verb.method == "GET" else 400)
        body: Any = None
        if verb.method != "GET":
            media = "json-patch+json" if verb.method == "PATCH" else "json"
            if request.headers.get("content-type", "").partition(";")[0] != f"application/{media}":
                raise SwishError("FF08", status=415)
            try:
                body = json.loads(await request.body())
            except (ValueError, RecursionError) as error:
                raise SwishError("FF08", status=400) from error
            if verb.method == "PUT" and not isinstance(body, dict):
                raise SwishError("FF08", status=400)
        payments.pass_time(self._world)
        origin = f"{request.url.scheme}://{request.url.netloc}"
        return Call(uuid, body, self._public_url or origin)

    async def _run(self, verb: Verb, call: Call) -> Response:
        fault = self._world.faults.take(verb.fault)
        kind = fault.kind if fault else None
        if fault and kind == "refuse":
            raise SwishError(fault.code, status=fault.status)
        if fault and kind == "hang":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_before":
            return Broken()
        if kind == "error_before":
            return JSONResponse([], 500)
        with self._world.storage.transaction():
            answer = verb.handler(self._world, call, fault)
        if fault and kind == "late":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_after":
            return Broken()
        return JSONResponse([], 500) if kind == "error_after" else answer
