"""Shops of each platform, replayed: their requests by hand, over the API with the real provider."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.accounts.profiles import save_profile
from tests.api.conftest import _card_gateway, card_gateway  # noqa: F401
from tests.e2e.conftest import *  # noqa: F403
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant, profile
from tests.support.plugin import PROFILE, Plugin
from tests.support.receiver import Receiver


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture
def server() -> Iterator[Receiver]:
    """The shop's own server, which callbacks go to."""
    with Receiver().running() as server:
        yield server


# One kind of database: what differs between the two is tested route by route in tests/api.
@pytest.fixture
async def replay_merchant(
    sqlite_url: str,
    card_gateway: CardGatewaySandbox,  # noqa: F811
) -> AsyncIterator[Merchant]:
    key = f"sk_test_{uuid.uuid4().hex}"
    merchant = await open_merchant(sqlite_url, card_gateway.base_url, key)
    # As most shops have it: Express where the request says so, and every option that is connected.
    every = {"active_payment_types": {"enabled": True}}
    setup = profile(
        card_gateway.base_url, key, express=False, configuration=every, profile_id=PROFILE
    )
    await save_profile(merchant.ctx, setup)
    yield merchant
    await merchant.audit()
    await close_merchant(merchant)


@pytest.fixture
def plugin(replay_merchant: Merchant, card_gateway: CardGatewaySandbox, server: Receiver) -> Plugin:  # noqa: F811
    return Plugin(replay_merchant, card_gateway, server)
