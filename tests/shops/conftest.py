"""Shops of each platform, replayed: their requests by hand, over the API with the real provider."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from backend.accounts.profiles import save_profile
from tests.api.conftest import _card_gateway, card_gateway  # noqa: F401
from tests.e2e.conftest import demo, merchant, new_payer, payer, shop  # noqa: F401
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant, profile
from tests.support.plugin import PROFILE, Plugin
from tests.support.receiver import Receiver


@pytest.fixture
def server() -> Iterator[Receiver]:
    """Run the shop's own server, which receives the callbacks."""
    with Receiver().running() as server:
        yield server


# One kind of database: what differs between the two is tested route by route in tests/api.
@pytest.fixture
async def replay_merchant(
    sqlite_url: str,
    card_gateway: CardGatewaySandbox,  # noqa: F811
) -> AsyncIterator[Merchant]:
    key = f"sk_test_{uuid.uuid4().hex}"
    replayed = await open_merchant(sqlite_url, card_gateway.base_url, key)
    # Most shops use this setting: Express if the request says so, and every connected option.
    every = {"active_payment_types": {"enabled": True}}
    setup = profile(
        card_gateway.base_url, key, express=False, configuration=every, profile_id=PROFILE
    )
    await save_profile(replayed.ctx, setup)
    yield replayed
    await replayed.audit()
    await close_merchant(replayed)


@pytest.fixture
def plugin(replay_merchant: Merchant, card_gateway: CardGatewaySandbox, server: Receiver) -> Plugin:  # noqa: F811
    return Plugin(replay_merchant, card_gateway, server)
