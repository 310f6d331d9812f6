"""The header `Idempotency-Key` on every POST of a known caller. See `docs/idempotency.md`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from backend.accounts.clients import Principal
from backend.api.deps import principal
from backend.api.errors import render
from backend.core.context import Backend, current
from backend.core.errors import Conflict, FieldError, GavekortError, InvalidRequest, Unauthorized
from backend.idempotency import keys
from backend.idempotency.keys import Answer, Claim, Earlier

HEADER = "idempotency-key"
MAX_KEY = 255
_ACCEPTED = 202
_REFUSED = 400
Inner = Callable[[], Awaitable[Response]]


async def answer_once(request: Request, inner: Inner) -> Response:
    """Answer a request under its key: with the answer that was kept, else by `inner`, whose effect
    and answer are written together. An answer without an effect is not kept, because the same call
    may succeed later."""
    ctx = current()
    try:
        caller = await principal(request, ctx)
    except Unauthorized:
        # The route itself refuses unknown callers, if it needs to know who calls.
        return await inner()
    claim = await _claim(ctx, caller, request)
    for _ in range(2):
        earlier = await keys.find(ctx, claim)
        if earlier is not None and earlier.answer is not None:
            return _replayed(earlier.answer)
        if earlier is not None and earlier.operation_id is None:
            break
        try:
            return await _work(ctx, claim, earlier, inner)
        except keys.Repeated:
            continue
    raise Conflict("another request with this Idempotency-Key is under way")


async def _claim(ctx: Backend, caller: Principal, request: Request) -> Claim:
    key = request.headers[HEADER]
    if not 0 < len(key) <= MAX_KEY:
        text = f"the Idempotency-Key has 1 to {MAX_KEY} characters"
        raise InvalidRequest(text, (FieldError("Idempotency-Key", text),))
    query = "&".join(
        sorted(f"{name}={value}" for name, value in request.query_params.multi_items())
    )
    return Claim(
        account_id=caller.account_id,
        client_id=caller.client_id,
        method=request.method,
        path=request.url.path,
        key=key,
        fingerprint=keys.fingerprint(ctx, query, await request.body()),
    )


async def _work(ctx: Backend, claim: Claim, earlier: Earlier | None, inner: Inner) -> Response:
    """Do it, or continue what an earlier request began. Repeated if another request was first."""
    operation_id = earlier.operation_id if earlier is not None else None
    first = _nothing if earlier is not None else keys.be_first(ctx, claim)
    with keys.under_way(claim, operation_id):
        async with ctx.db.shared_transaction(first) as work:
            try:
                response = await inner()
            except GavekortError as error:
                # Only an operation that was written down can have failed at the provider.
                began = work.commit_early or earlier is not None
                if not began or error.status != _REFUSED:
                    raise
                response = render(error)
            if work.session is None and not work.commit_early and earlier is None:
                return response
            if response.status_code == _ACCEPTED or response.status_code >= 500:
                # This is not the end yet, so a repeat asks the operation again.
                return response
            answer = Answer(response.status_code, bytes(response.body).decode())
            async with ctx.db.unit_of_work() as db:
                kept = await keys.keep_answer(ctx, db, claim, answer)
    return response if kept is answer else _replayed(kept)


async def _nothing(_db: object) -> None:
    """Write nothing, because the record exists already."""


def _replayed(answer: Answer) -> Response:
    return Response(
        answer.body,
        status_code=answer.status,
        media_type="application/json",
        headers={"Idempotent-Replayed": "true"},
    )
