"""With every provider we call nobody else, and store and reveal no secret."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from backend.psp.protocol import (
    Connector,
    Outcome,
    Payment,
    Result,
)
from tests.psp.provider import Provider
from tests.psp.till import ProviderHarness, Sent


async def _everything(till: ProviderHarness) -> list[Result | Payment]:
    connector: Connector = till.connector
    reference = await till.paid()
    if till.provider.direct_capture:
        ends: list[Result | Payment] = []
    else:
        ends = [
            await connector.capture(reference, till.part, "c-1", final=True),
            await connector.capture(reference, till.part, "c-2", final=True),
            await connector.void(reference, "v-1"),
        ]
    unpaid, _ = await till.created()
    return [
        *ends,
        await connector.refund(reference, till.part, "r-1"),
        await connector.refund(reference, till.whole, "r-2"),
        await connector.fetch(reference),
        await connector.fetch("none"),
        await connector.abort(unpaid, "a-1"),
        await connector.create_payment(till.provider.request()),
        await till.ask("refund", reference),
    ]


async def test_only_the_provider_is_called(till: ProviderHarness) -> None:
    sent = Sent(till.provider.http)
    await _everything(till)
    own = httpx.URL(till.provider.sandbox.base_url)
    assert {(one.url.host, one.url.port) for one in sent.requests} == {(own.host, own.port)}


@pytest.mark.parametrize(
    "url", ["http://provider.example", "ftp://127.0.0.1", "http://127.0.0.1.example.com", "x:1"]
)
def test_credentials_are_not_sent_in_the_clear(provider: Provider, url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        provider.connect(url, provider.http)


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_redirects_are_not_followed(provider: Provider, status: int) -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://elsewhere.example/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = provider.connect("https://provider.example", http)
        created = await connector.create_payment(provider.request())
        assert created.outcome is not Outcome.DONE
        assert (await connector.fetch("x")).outcome is not Outcome.DONE
    assert set(seen) <= {"provider.example"}


@pytest.mark.parametrize(
    "answer",
    [b"<html>hello", b"[]", b"{}", b"", b"[" * 100_000, b'{"id": 5}', b'{"a": NaN}'],
)
async def test_unreadable_answers_are_unknown(provider: Provider, answer: bytes) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=answer)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        connector = provider.connect("https://provider.example", http)
        assert (await connector.create_payment(provider.request())).outcome is Outcome.UNKNOWN
        assert (await connector.fetch("/psp/paymentorders/1")).outcome is not Outcome.DONE


async def test_no_secret_is_kept_logged_or_said(
    till: ProviderHarness, caplog: pytest.LogCaptureFixture
) -> None:
    # httpx logs addresses at INFO, and none of them holds a provider's secret.
    with caplog.at_level(logging.DEBUG):
        ends = await _everything(till)
    kept = json.dumps([dict(one.raw) for one in ends])
    said = " ".join(str(one.message) for one in ends)
    own = "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("backend", "httpx"))
    )
    assert any(one.raw for one in ends)
    for secret in (*till.provider.secrets, "kari@example.com"):
        assert secret not in kept
        assert secret not in said
        assert secret not in own
        assert secret not in repr(till.connector)
    for address in till.provider.opens_page:
        assert address not in kept


async def test_what_is_not_supported_sends_nothing(till: ProviderHarness) -> None:
    if not till.provider.direct_capture:
        pytest.skip("supports all verbs")
    reference = await till.paid()
    sent = Sent(till.provider.http)
    for result in (
        await till.connector.capture(reference, till.part, "c-1", final=True),
        await till.connector.void(reference, "v-1"),
    ):
        assert (result.outcome, result.code) == (Outcome.REFUSED, "not_allowed")
    assert sent.requests == []
