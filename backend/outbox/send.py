"""One attempt, over HTTP unless it is a mail. Its time and the size of the answer are limited."""

from __future__ import annotations

import asyncio

import httpx

from backend.core.context import Backend
from backend.outbox.outcome import Outcome
from backend.outbox.request import Outgoing, Unsendable, prepare
from backend.outbox.smtp import send_mail
from backend.outbox.tables import Delivery

KEPT_BYTES = 2048


async def send(ctx: Backend, delivery: Delivery) -> Outcome:
    """Send once. It never raises an error because of what the other side does."""
    if delivery.kind == "email":
        return await send_mail(ctx, delivery)
    try:
        outgoing = await prepare(ctx, delivery)
    except Unsendable as nothing:
        return Outcome(delivery.method, delivery.url, error=str(nothing), final=nothing.final)
    outcome = Outcome(outgoing.method, outgoing.shown, outgoing.kept)
    try:
        async with asyncio.timeout(outgoing.timeout):
            await _exchange(outgoing, outcome)
    except (TimeoutError, httpx.TimeoutException):
        if outcome.status is None:
            outcome.error = f"no answer within {outgoing.timeout:g} s"
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        if outcome.status is None:
            outcome.error = f"{type(failed).__name__}: {failed}"[:255]
    return outcome


async def _exchange(outgoing: Outgoing, outcome: Outcome) -> None:
    extensions = {"sni_hostname": outgoing.server_name} if outgoing.server_name else {}
    async with outgoing.client.stream(
        outgoing.method,
        outgoing.url,
        content=outgoing.content,
        headers=outgoing.headers,
        extensions=extensions,
        timeout=outgoing.timeout,
        follow_redirects=False,
    ) as answer:
        # Only the status decides. The body is kept for whoever looks into it later.
        outcome.status = answer.status_code
        received = bytearray()
        try:
            # The body is read as it comes, because unpacking could make much of little.
            async for chunk in answer.aiter_raw():
                received += chunk
                if len(received) >= KEPT_BYTES:
                    break
        finally:
            outcome.body = _as_text(bytes(received[:KEPT_BYTES]))


def _as_text(received: bytes) -> str:
    # No database column holds NUL.
    return received.decode(errors="replace").replace("\x00", "�")
