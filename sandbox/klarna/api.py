"""The API: authentication, idempotency by key alone, faults, answers. One table of routes.

Source: `docs/reference/psp/klarna.md#interfaces-and-access`, `#idempotency-and-limits`, `#errors`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY, Fault
from sandbox.common.storage import Json, Replay
from sandbox.common.wire import Broken, json_body, public
from sandbox.klarna import orders, pages, payment_sessions, pushes
from sandbox.klarna.world import ApiError, Call, World, merchant_of, new_uuid

Handler = Callable[[World, Call, Json, Json], Any]
"""Returns an object, a pair of header and id, or None for an answer without a body."""
_WRITES = ("POST", "PATCH")
_KEEP_KEYS_SECONDS = 24 * 3600
_CONFLICT = ApiError(409, "CONFLICT", "A call with this key is being carried out.")


@dataclass(frozen=True, slots=True)
class Verb:
    method: str
    path: str
    handler: Handler
    fault: str
    status: int = 200


_KP, _HPP, _OM = "/payments/v1", "/hpp/v1/sessions", "/ordermanagement/v1/orders"
VERBS = (
    Verb("POST", f"{_KP}/sessions", payment_sessions.create, "create"),
    Verb("GET", _KP + "/sessions/{id}", payment_sessions.read, "read"),
    Verb("POST", _KP + "/sessions/{id}", payment_sessions.update, "create", 204),
    Verb("POST", _KP + "/authorizations/{token}/order", payment_sessions.place, "order"),
    Verb("DELETE", _KP + "/authorizations/{token}", payment_sessions.release, "release", 204),
    Verb("POST", _HPP, pages.create, "page", 201),
    Verb("GET", _HPP + "/{id}", pages.read, "read_page"),
    Verb("DELETE", _HPP + "/{id}", pages.disable, "expire", 204),
    Verb("GET", _OM + "/{id}", orders.read, "read"),
    Verb("POST", _OM + "/{id}/captures", orders.capture, "capture", 201),
    Verb("GET", _OM + "/{id}/captures/{part}", orders.read_capture, "read"),
    Verb("POST", _OM + "/{id}/refunds", orders.refund, "refund", 201),
    Verb("GET", _OM + "/{id}/refunds/{part}", orders.read_refund, "read"),
    Verb("POST", _OM + "/{id}/cancel", orders.cancel, "cancel", 204),
    Verb("POST", _OM + "/{id}/release-remaining-authorization", orders.release, "release", 204),
    Verb("PATCH", _OM + "/{id}/authorization", orders.update, "update", 204),
    Verb("POST", _OM + "/{id}/extend-authorization-time", orders.extend, "extend", 204),
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: str = ""
    header: tuple[str, str] | None = None


class Api:
    """All verbs over one world. `public_url` is where payers reach the pages. None means the
    address by which the merchant called."""

    def __init__(self, world: World, public_url: str | None) -> None:
        self._world = world
        self._public_url = public_url
        self._running: set[tuple[str, str]] = set()

    def routes(self) -> list[Route]:
        return [
            Route(verb.path, self._endpoint(verb), methods=[verb.method], include_in_schema=False)
            for verb in VERBS
        ]

    def _endpoint(self, verb: Verb) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            correlation_id = new_uuid()
            try:
                own = f"{request.url.scheme}://{request.url.netloc}"
                call = Call(_authenticate(request), self._public_url or own)
                response = await self._answer(verb, request, call)
            except ApiError as error:
                response = _render(_refusal(error, correlation_id))
            except asyncio.CancelledError:
                # The program stops while an answer is late on purpose. This is no error.
                return Broken()
            response.headers["Klarna-Correlation-Id"] = correlation_id
            return response

        return endpoint

    async def _answer(self, verb: Verb, request: Request, call: Call) -> Response:
        body = await json_body(request)
        pushes.pass_time(self._world)
        key = self._key(verb, request)
        if key is None:
            return await self._run(verb, request, call, body, None)
        if kept := self._kept(call, key):
            return _render(kept)
        if (call.merchant, key) in self._running:
            raise _CONFLICT
        self._running.add((call.merchant, key))
        try:
            return await self._run(verb, request, call, body, key)
        finally:
            self._running.discard((call.merchant, key))

    def _key(self, verb: Verb, request: Request) -> str | None:
        key = request.headers.get("klarna-idempotency-key")
        if not key or verb.method not in _WRITES:
            return None
        kept = verb.path.startswith(_OM) or self._world.setting("keep_all_keys")
        return f"{request.url.path} {key}" if kept else None

    def _kept(self, call: Call, key: str) -> _Answer | None:
        since = self._world.now() - _KEEP_KEYS_SECONDS
        stored = self._world.storage.replay(call.merchant, key, since)
        if stored is None:
            return None
        kept = json.loads(stored.body)
        header = tuple(kept["header"]) if kept["header"] else None
        return _Answer(stored.status, kept["body"], header)

    async def _run(
        self, verb: Verb, request: Request, call: Call, body: Json, key: str | None
    ) -> Response:
        fault = self._world.faults.take(verb.fault)
        kind = fault.kind if fault else None
        if fault and kind == "refuse":
            raise ApiError(fault.status, fault.code or _code(verb), "Refused on demand.")
        if fault and kind == "hang":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_before":
            return Broken()
        if kind == "error_before":
            return _render(_failed())
        answer = self._effect(verb, request, call, body, key, fault)
        if fault and kind == "late":
            # It is done, but not answered: another attempt with the same key is answered at once.
            self._running.discard((call.merchant, key or ""))
            await asyncio.sleep(fault.seconds)
        if kind == "drop_after":
            return Broken()
        if kind == "error_after":
            return _render(_failed())
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
        kind = fault.kind if fault else ""
        if verb.method in _WRITES:
            _distort(body, kind)
        path = dict(request.path_params)
        with self._world.storage.transaction():
            try:
                made = verb.handler(self._world, call, body, path)
                answer = _made(verb, request, made, kind)
            except ApiError as error:
                answer = _refusal(error, new_uuid())
            if key is not None:
                text = json.dumps({"body": answer.body, "header": answer.header})
                replay = Replay("", answer.status, text)
                self._world.storage.remember(call.merchant, key, replay, self._world.now())
        return answer


def _made(verb: Verb, request: Request, made: Any, kind: str) -> _Answer:
    if isinstance(made, tuple):
        # The answer to a creation is in the headers alone.
        return _Answer(verb.status, "", made)
    if made is None:
        return _Answer(verb.status)
    told = public({name: value for name, value in made.items() if name not in ("id", "object")})
    if verb.method == "GET":
        _distort(told, kind)
    return _Answer(verb.status, json.dumps(told))


def _code(verb: Verb) -> str:
    if verb.fault in ("create", "page"):
        return "BAD_VALUE"
    return (
        "NOT_ALLOWED" if verb.fault in ("update", "extend") else f"{verb.fault.upper()}_NOT_ALLOWED"
    )


def _failed() -> _Answer:
    """Answer without keeping it for the key, so that the same key again tells how it went."""
    return _refusal(ApiError(500, "INTERNAL_ERROR", "Something went wrong."), new_uuid())


def _refusal(error: ApiError, correlation_id: str) -> _Answer:
    return _Answer(error.status, json.dumps({"correlation_id": correlation_id, **error.body}))


def _render(answer: _Answer) -> Response:
    headers = {}
    if answer.header is not None:
        name, made = answer.header
        headers = {name: made, "Location": f"/{name.lower()}/{made}"}
    if not answer.body:
        return Response(status_code=answer.status, headers=headers)
    return Response(answer.body, answer.status, headers=headers, media_type="application/json")


def _authenticate(request: Request) -> str:
    """Return the merchant of the API credential. ApiError 401, for a live one too."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(given, validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        pair = ""
    username, _, password = pair.partition(":")
    if not username or not password or password.startswith("klarna_live_"):
        raise ApiError(401, "UNAUTHORIZED", "Invalid credentials")
    return merchant_of(username, password)


def _distort(body: Json, kind: str) -> None:
    """Make a call, or its answer, be about another amount or currency."""
    if kind == "wrong_currency" and "purchase_currency" in body:
        body["purchase_currency"] = WRONG_CURRENCY
        body["purchase_country"] = "CH"
    if kind != "wrong_amount":
        return
    for name in ("order_amount", "captured_amount", "refunded_amount"):
        if isinstance(body.get(name), int) and body[name] > WRONG_BY:
            body[name] -= WRONG_BY
    lines = body.get("order_lines")
    if isinstance(lines, list) and lines and "order_amount" in body:
        less = {"name": "Wrong on demand", "quantity": 1, "unit_price": -WRONG_BY}
        body["order_lines"] = [*lines, {**less, "total_amount": -WRONG_BY}]
