"""The provider refuses a wrong secret key, and nobody but the provider sees ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from backend.psp.protocol import (
    Outcome,
)
from backend.psp.stripe.connector import CardGateway
from backend.psp.tools import Tools
from tests.support.card_gateway import (
    CardGatewaySandbox,
)

Authorize = Callable[[], Awaitable[str]]


async def test_wrong_credentials(card_gateway: CardGatewaySandbox, http: httpx.AsyncClient) -> None:
    stranger = CardGateway(
        card_gateway.base_url, "sk_live_secret", "whsec", Tools(http, lambda: datetime.now(UTC))
    )
    payment = await stranger.fetch("cs_test_1")
    assert (payment.outcome, payment.code) == (Outcome.REFUSED, "configuration")


@pytest.mark.parametrize(
    "url",
    [
        "http://provider.example",
        "ftp://127.0.0.1",
        "127.0.0.1:8010",
        "https://user@provider.example",
        "http://127.0.0.1.example.com",
    ],
)
def test_the_key_is_not_sent_in_the_clear(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        CardGateway(
            url, "sk_test_1", "whsec", Tools(httpx.AsyncClient(), lambda: datetime.now(UTC))
        )
