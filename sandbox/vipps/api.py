"""The API: tokens, subscription keys, idempotency, faults, answers. One table of routes.

Source: `docs/reference/psp/vipps.md`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY, Fault
from sandbox.common.storage import Json, Replay
from sandbox.common.wire import Broken, json_body, public
from sandbox.vipps import accounts, payments, pushes, webhooks
from sandbox.vipps.world import ApiError, Call, GatewayError, World

Handler = Callable[[World, Call, Json, Json], Any]
_KEEP_KEYS_SECONDS = 24 * 3600
_LONGEST_KEY = 50
_KEYLESS = ("token", "webhook")


@dataclass(frozen=True, slots=True)
class Verb:
    method: str
    path: str
    handler: Handler
    fault: str
    status: int = 200


_PAYMENT = "/epayment/v1/payments"
_ONE = _PAYMENT + "/{reference}"
_HOOKS = "/webhooks/v1/webhooks"
VERBS = (
    Verb("POST", _PAYMENT, payments.create, "create", 201),
    Verb("GET", _ONE, payments.read, "read"),
    Verb("GET", _ONE + "/events", payments.log, "log"),
    Verb("POST", _ONE + "/capture", payments.capture, "capture"),
    Verb("POST", _ONE + "/refund", payments.refund, "refund"),
    Verb("POST", _ONE + "/cancel", payments.cancel, "cancel"),
    Verb("POST", "/epayment/v1/test/payments/{reference}/approve", pushes.force, "cancel", 204),
    Verb("POST", _HOOKS, webhooks.create, "webhook", 201),
    Verb("GET", _HOOKS, webhooks.list_all, "webhook"),
    Verb("DELETE", _HOOKS + "/{id}", webhooks.delete, "webhook", 204),
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: str = ""


class Api:
    """All verbs over one world. `public_url` is where payers reach the pages. None means the
    address by which the merchant called."""

    def __init__(self, world: World, public_url: str | None) -> None:
        self._world = world
        self._public_url = public_url
        self._running: set[tuple[str, str]] = set()

    def routes(self) -> list[Route]:
        token = Route("/accesstoken/get", self._token, methods=["POST"], include_in_schema=False)
        return [token] + [
            Route(verb.path, self._endpoint(verb), methods=[verb.method], include_in_schema=False)
            for verb in VERBS
        ]

    async def _token(self, request: Request) -> Response:
        fault = self._world.faults.take("token")
        kind = fault.kind if fault else ""
        if fault and kind in ("hang", "late"):
            await asyncio.sleep(fault.seconds)
        if kind.startswith("drop"):
            return Broken()
        try:
            if fault and kind == "refuse":
                raise ApiError(fault.status, "Refused", "Refused on demand.")
            if kind.startswith("error"):
                raise _failed()
            return JSONResponse(accounts.give_token(self._world, request.headers))
        except (ApiError, GatewayError) as error:
            return _render(_refusal(error))

    def _endpoint(self, verb: Verb) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                own = f"{request.url.scheme}://{request.url.netloc}"
                merchant, number = accounts.merchant_of(self._world, request.headers)
                call = Call(merchant, self._public_url or own, number)
                return await self._answer(verb, request, call)
            except (ApiError, GatewayError) as error:
                return _render(_refusal(error))
            except asyncio.CancelledError:
                # The program stops while an answer is late on purpose. This is no error.
                return Broken()

        return endpoint

    async def _answer(self, verb: Verb, request: Request, call: Call) -> Response:
        body = await json_body(request)
        pushes.pass_time(self._world)
        if verb.fault == "create":
            # A test wants to know that it was asked for at all, whatever comes of it.
            pushes.record(self._world, call, body)
        if verb.method != "POST" or verb.fault in _KEYLESS:
            return await self._run(verb, request, call, body, None)
        key = request.headers.get("idempotency-key", "")
        if not 0 < len(key) <= _LONGEST_KEY:
            reason = ("Idempotency-Key", f"is required, at most {_LONGEST_KEY} characters")
            raise ApiError(400, "Bad Request", "The request is not valid.", reason)
        call.key = key
        if kept := self._kept(request, call, key, body):
            return _render(kept)
        if (call.merchant, key) in self._running:
            raise ApiError(409, "Conflict", "A call with this key is being carried out.")
        self._running.add((call.merchant, key))
        try:
            return await self._run(verb, request, call, body, key)
        finally:
            self._running.discard((call.merchant, key))

    def _kept(self, request: Request, call: Call, key: str, body: Json) -> _Answer | None:
        since = self._world.now() - _KEEP_KEYS_SECONDS
        stored = self._world.storage.replay(call.merchant, key, since)
        if stored is None:
            return None
        if stored.fingerprint != _fingerprint(request, body):
            raise ApiError(409, "Conflict", "This key was used for another call.")
        return _Answer(stored.status, stored.body)

    async def _run(
        self, verb: Verb, request: Request, call: Call, body: Json, key: str | None
    ) -> Response:
        fault = self._world.faults.take(verb.fault)
        kind = fault.kind if fault else None
        if fault and kind == "refuse":
            raise ApiError(fault.status, fault.code or "Bad Request", "Refused on demand.")
        if fault and kind == "hang":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_before":
            return Broken()
        if kind == "error_before":
            raise _failed()
        answer = self._effect(verb, request, call, body, key, fault)
        if fault and kind == "late":
            # It is done, but not answered: another attempt with the same key is answered at once.
            self._running.discard((call.merchant, key or ""))
            await asyncio.sleep(fault.seconds)
        if kind == "drop_after":
            return Broken()
        if kind == "error_after":
            raise _failed()
        return _render(answer)

    def _effect(
        self,
        verb: Verb,
        request: Request,
        call: Call,
        body: Json,
        key: str | None,
        fault: Fault | None,
    ) -> _Answer:
        """Carry the call out and remember the answer, in one transaction."""
        fingerprint = _fingerprint(request, body)
        call.fault = fault.kind if fault else ""
        _distort(body, call.fault)
        with self._world.storage.transaction():
            try:
                made = verb.handler(self._world, call, body, dict(request.path_params))
                answer = _made(verb, made, call.fault)
            except ApiError as error:
                answer = _refusal(error)
            if key is not None:
                replay = Replay(fingerprint, answer.status, answer.body)
                self._world.storage.remember(call.merchant, key, replay, self._world.now())
        return answer


def _made(verb: Verb, made: Any, kind: str) -> _Answer:
    if made is None:
        return _Answer(verb.status)
    if isinstance(made, list):
        return _Answer(verb.status, json.dumps(public(made)))
    kept = made if verb.fault == "webhook" else {k: v for k, v in made.items() if k != "id"}
    told = public({name: value for name, value in kept.items() if name != "object"})
    if verb.fault == "read":
        payments.distort(told, kind)
    return _Answer(verb.status, json.dumps(told))


def _distort(body: Json, kind: str) -> None:
    """Carry out wrongly what is asked of a payment. What asks for a payment is in
    `payments.create`."""
    amount = body.get("modificationAmount")
    if not isinstance(amount, dict):
        return
    if kind == "wrong_amount":
        amount["value"] -= WRONG_BY
    elif kind == "wrong_currency":
        amount["currency"] = WRONG_CURRENCY


def _fingerprint(request: Request, body: Json) -> str:
    asked = f"{request.url.path} {json.dumps(body, sort_keys=True)}"
    return hashlib.sha256(asked.encode()).hexdigest()


def _failed() -> ApiError:
    """Return an error that is not kept for its key, so that the same key again tells how it
    went."""
    return ApiError(500, "Internal Server Error", "Something went wrong.")


def _refusal(error: ApiError | GatewayError) -> _Answer:
    return _Answer(error.status, json.dumps(error.body))


def _render(answer: _Answer) -> Response:
    if not answer.body:
        return Response(status_code=answer.status)
    kind = "application/json" if answer.status < 400 else "application/problem+json"
    return Response(answer.body, answer.status, media_type=kind)
