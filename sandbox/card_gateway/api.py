"""The provider's API: authentication, idempotency, faults, answers. One table of routes.

Source: `docs/reference/psp/stripe.md`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.card_gateway import checkout_sessions, payment_intents, refunds, webhooks
from sandbox.card_gateway.wire import ApiError, integer, missing, parse_form
from sandbox.card_gateway.world import API_VERSION, Call, World, merchant_of
from sandbox.common.faults import WRONG_BY, WRONG_CURRENCY, Fault
from sandbox.common.storage import Json, Replay
from sandbox.common.wire import Broken, new_id, public

Handler = Callable[[World, Call, Json, Json], Json]
_KEEP_KEYS_SECONDS = 24 * 3600
_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?")
_EXPANDABLE = {"payment_intent": "payment_intent", "latest_charge": "charge", "charge": "charge"}


@dataclass(frozen=True, slots=True)
class Verb:
    method: str
    path: str
    handler: Handler
    fault: str | None = None


def _list(kind: str, *filters: str) -> Handler:
    def handler(world: World, call: Call, params: Json, path: Json) -> Json:
        limit = integer(params, "limit", 10)
        if not 1 <= limit <= 100:
            raise ApiError(400, "limit is 1 to 100", param="limit")
        parent = next((params[name] for name in filters if params.get(name)), None)
        after = params.get("starting_after")
        rows = world.storage.newest(
            call.merchant, kind, parent=parent, after=after, limit=limit + 1
        )
        url = "/v1/" + {"checkout.session": "checkout/sessions"}.get(kind, f"{kind}s")
        more = len(rows) > limit
        return {"object": "list", "url": url, "has_more": more, "data": rows[:limit]}

    return handler


def _read(kind: str) -> Handler:
    def handler(world: World, call: Call, params: Json, path: Json) -> Json:
        found = world.storage.get(call.merchant, kind, path["id"])
        if found is None:
            raise missing(kind, path["id"])
        return found

    return handler


_S, _P = "/v1/checkout/sessions", "/v1/payment_intents"
_R, _W = "/v1/refunds", "/v1/webhook_endpoints"
VERBS = (
    Verb("POST", _S, checkout_sessions.create, "create"),
    Verb("GET", _S, _list("checkout.session", "payment_intent"), "read"),
    Verb("GET", _S + "/{id}", checkout_sessions.read, "read"),
    Verb("POST", _S + "/{id}/expire", checkout_sessions.expire, "expire"),
    Verb("POST", _P, payment_intents.create, "create"),
    Verb("GET", _P + "/{id}", _read("payment_intent"), "read"),
    Verb("POST", _P + "/{id}/confirm", payment_intents.confirm, "confirm"),
    Verb("POST", _P + "/{id}/capture", payment_intents.capture, "capture"),
    Verb("POST", _P + "/{id}/cancel", payment_intents.cancel, "cancel"),
    Verb("GET", "/v1/charges/{id}", _read("charge"), "read"),
    Verb("POST", _R, refunds.create, "refund"),
    Verb("GET", _R, _list("refund", "payment_intent"), "read"),
    Verb("GET", _R + "/{id}", refunds.read, "read"),
    Verb("GET", "/v1/events", _list("event")),
    Verb("GET", "/v1/events/{id}", _read("event")),
    Verb("POST", _W, webhooks.create),
    Verb("GET", _W, _list("webhook_endpoint")),
    Verb("GET", _W + "/{id}", webhooks.read),
    Verb("DELETE", _W + "/{id}", webhooks.delete),
)


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
            request_id = new_id("req", 14)
            headers = {"Request-Id": request_id}
            try:
                headers["Stripe-Version"] = _version(request)
                call = Call(_authenticate(request), request_id)
                call.idempotency_key = request.headers.get("idempotency-key") or None
                response = await self._answer(verb, request, call)
            except ApiError as error:
                response = _json(error.status, json.dumps(public(error.body)))
            except asyncio.CancelledError:
                # The program stops while an answer is late on purpose. This is no error.
                return Broken()
            response.headers.update(headers)
            return response

        return endpoint

    async def _answer(self, verb: Verb, request: Request, call: Call) -> Response:
        params = parse_form(request.url.query)
        encoded = await request.body()
        if verb.method == "POST":
            params |= parse_form(encoded.decode("utf-8", "replace"))
        webhooks.pass_time(self._world)
        key = call.idempotency_key if verb.method == "POST" else None
        if key is None:
            return await self._run(verb, request, call, params, None)
        if len(key) > 255:
            raise ApiError(400, "Idempotency keys have at most 255 characters")
        fingerprint = _fingerprint(request.url.path, params)
        if stored := self._world.storage.replay(
            call.merchant, key, self._world.now() - _KEEP_KEYS_SECONDS
        ):
            if stored.fingerprint != fingerprint:
                raise _reused(key)
            return _json(stored.status, stored.body, replayed=True)
        if (call.merchant, key) in self._running:
            message = f"There is currently another in-progress request using this key: {key}"
            raise ApiError(409, message, kind="idempotency_error", code="idempotency_key_in_use")
        self._running.add((call.merchant, key))
        try:
            return await self._run(verb, request, call, params, fingerprint)
        finally:
            self._running.discard((call.merchant, key))

    async def _run(
        self, verb: Verb, request: Request, call: Call, params: Json, fingerprint: str | None
    ) -> Response:
        fault = self._world.faults.take(verb.fault) if verb.fault else None
        kind = fault.kind if fault else None
        if fault and kind == "refuse":
            raise ApiError(
                fault.status,
                "Refused on demand.",
                kind="card_error" if fault.status == 402 else "invalid_request_error",
                code=fault.code,
            )
        if fault and kind == "hang":
            await asyncio.sleep(fault.seconds)
        if kind == "drop_before":
            return Broken()
        if kind == "error_before":
            return self._fail(call, fingerprint)
        status, body = self._effect(verb, request, call, params, fingerprint, fault)
        if fault and kind == "late":
            await self._wait(call, fault.seconds)
        elif call.late:
            await self._wait(call, float(self._world.setting("late_seconds")))
        if kind == "drop_after":
            return Broken()
        if kind == "error_after":
            return self._fail(call, fingerprint)
        return _json(status, body)

    async def _wait(self, call: Call, seconds: float) -> None:
        """Wait before the answer, after the effect. Another attempt with the same key is answered
        at once."""
        if call.idempotency_key:
            self._running.discard((call.merchant, call.idempotency_key))
        await asyncio.sleep(seconds)

    def _effect(
        self,
        verb: Verb,
        request: Request,
        call: Call,
        params: Json,
        fingerprint: str | None,
        fault: Fault | None,
    ) -> tuple[int, str]:
        """Carry the call out and remember the answer, in one transaction."""
        kind = fault.kind if fault else ""
        wrong = kind in ("wrong_amount", "wrong_currency")
        if wrong:
            _distort(verb, params, kind)
        if verb.handler is checkout_sessions.create:
            own = f"{request.url.scheme}://{request.url.netloc}"
            params["_base_url"] = self._public_url or own
        with self._world.storage.transaction():
            try:
                found = verb.handler(self._world, call, params, dict(request.path_params))
                if verb.handler is checkout_sessions.create and self._world.faults.take("early"):
                    # This looks as if the payer had paid, on a page that nobody has seen yet.
                    self._world.emit(call, "checkout.session.completed", found)
                expanded = self._expanded(call, found, _expanded(params))
                status = 200
            except ApiError as error:
                if not error.keep:
                    raise
                status, expanded = error.status, error.body
            if wrong and verb.method == "GET":
                _distort_answer(expanded, kind)
            body = json.dumps(public(expanded))
            self._remember(call, fingerprint, status, body)
        return status, body

    def _fail(self, call: Call, fingerprint: str | None) -> Response:
        """Return a 500, kept for its key as the provider does."""
        body = json.dumps({"error": {"type": "api_error", "message": "Something went wrong."}})
        with self._world.storage.transaction():
            self._remember(call, fingerprint, 500, body)
        return _json(500, body)

    def _remember(self, call: Call, fingerprint: str | None, status: int, body: str) -> None:
        if fingerprint is not None and call.idempotency_key is not None:
            answer = Replay(fingerprint, status, body)
            now = self._world.now()
            self._world.storage.remember(call.merchant, call.idempotency_key, answer, now)

    def _expanded(self, call: Call, found: Json, paths: list[list[str]]) -> Json:
        """Return `found` with the objects in place of the ids, and in each row of a list too
        (`data.`)."""
        result = dict(found)
        for path in paths:
            if path[0] == "data" and isinstance(result.get("data"), list):
                rest = [path[1:]] if path[1:] else []
                result["data"] = [self._expanded(call, row, rest) for row in result["data"]]
                continue
            kind = _EXPANDABLE.get(path[0])
            if kind is None or path[0] not in result:
                message = f"This property cannot be expanded ({path[0]})."
                raise ApiError(400, message, param="expand")
            inner = result[path[0]]
            if isinstance(inner, str):
                inner = self._world.storage.get(call.merchant, kind, inner)
            if isinstance(inner, dict):
                rest = [path[1:]] if path[1:] else []
                result[path[0]] = self._expanded(call, inner, rest)
        return result


def _authenticate(request: Request) -> str:
    """Return the merchant of the secret key, given as bearer or as basic user; ApiError 401."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    key = given.strip() if scheme.lower() == "bearer" else ""
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(given, validate=True).decode().partition(":")[0]
        except ValueError:
            key = ""
    if not key:
        raise ApiError(401, "You did not provide an API key.")
    if not re.fullmatch(r"(sk|rk)_test_[A-Za-z0-9_]{1,200}", key):
        raise ApiError(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}")
    return merchant_of(key)


def _version(request: Request) -> str:
    version = request.headers.get("stripe-version") or API_VERSION
    if not _VERSION.fullmatch(version):
        raise ApiError(400, f"Invalid Stripe API version: {version[:40]}")
    return version


def _expanded(params: Json) -> list[list[str]]:
    given = params.get("expand") or []
    names = given if isinstance(given, list) else [given]
    return [str(name).split(".")[:4] for name in names]


def _fingerprint(path: str, params: Json) -> str:
    text = json.dumps([path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _reused(key: str) -> ApiError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first"
        f" used with. Try using a key other than '{key}' if you meant to execute a different"
        " request."
    )
    return ApiError(400, message, kind="idempotency_error")


def _json(status: int, body: str, *, replayed: bool = False) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return Response(body, status, headers=headers, media_type="application/json")


def _distort(verb: Verb, params: Json, kind: str) -> None:
    """Make the call be about another amount, or currency, than asked."""
    lines = params.get("line_items")
    place: Json = params
    name = {"capture": "amount_to_capture"}.get(verb.fault or "", "amount")
    if isinstance(lines, list) and verb.handler is checkout_sessions.create:
        place, name = lines[0]["price_data"], "unit_amount"
    if kind == "wrong_currency":
        if place is not params:  # the other verbs name none
            place["currency"] = WRONG_CURRENCY.lower()
    elif str(place.get(name, "")).isdigit():
        place[name] = str(int(place[name]) - WRONG_BY)


def _distort_answer(body: Json, kind: str) -> None:
    if kind == "wrong_currency":
        if "currency" in body:
            body["currency"] = WRONG_CURRENCY.lower()
    else:
        for name in ("amount", "amount_total", "amount_subtotal", "amount_capturable"):
            if body.get(name):
                body[name] -= WRONG_BY
    for name in ("payment_intent", "latest_charge"):
        if isinstance(body.get(name), dict):
            body[name] = dict(body[name])
            _distort_answer(body[name], kind)
