"""A merchant's server on a real socket, and a merchant whose server may be on this machine."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.receiver import Receiver


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
async def told(database_url: str, card_gateway: CardGatewaySandbox) -> AsyncIterator[Merchant]:
    """Return a merchant whose server may be on this machine."""
    merchant = await open_merchant(
        database_url,
        card_gateway.base_url,
        f"sk_test_{uuid.uuid4().hex}",
        allow_insecure_addresses=True,
    )
    yield merchant
    await close_merchant(merchant)
