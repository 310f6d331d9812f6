"""All tests of this room share one sandbox of each kind. Every test uses its own merchant."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from backend.psp.stripe.connector import CardGateway
from backend.psp.tools import Tools
from tests.psp.klarna_shop import Shop
from tests.psp.provider import Provider
from tests.psp.providers import PROVIDERS, BamboraProvider, KlarnaProvider
from tests.psp.till import WRITES, ProviderHarness, verbs_of
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.patience import IMPATIENT_SECONDS
from tests.support.sandbox import Listener, Sandbox

WEBHOOK_SECRET = "whsec_not_used_for_signing_in_these_tests"


@pytest.fixture(scope="session")
def _card_gateway(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CardGatewaySandbox]:
    card_gateway = CardGatewaySandbox(repository, tmp_path_factory.mktemp("card_gateway"))
    card_gateway.start()
    yield card_gateway
    card_gateway.kill()
    card_gateway.http.close()


@pytest.fixture
def card_gateway(_card_gateway: CardGatewaySandbox) -> Iterator[CardGatewaySandbox]:
    yield _card_gateway
    _card_gateway.reset()


@pytest.fixture
def secret_key() -> str:
    return f"sk_test_{uuid.uuid4().hex}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as listener:
        yield listener


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def gateway(
    card_gateway: CardGatewaySandbox, secret_key: str, http: httpx.AsyncClient
) -> CardGateway:
    return CardGateway(
        card_gateway.base_url, secret_key, WEBHOOK_SECRET, Tools(http, lambda: datetime.now(UTC))
    )


@pytest.fixture
def impatient(
    card_gateway: CardGatewaySandbox, secret_key: str, http: httpx.AsyncClient
) -> CardGateway:
    """Return the same as `gateway` for answers that never come. It waits half a second for them."""
    return CardGateway(
        card_gateway.base_url,
        secret_key,
        WEBHOOK_SECRET,
        Tools(http, lambda: datetime.now(UTC), read_timeout=IMPATIENT_SECONDS),
    )


@pytest.fixture(scope="session")
def sandboxes(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Sandbox]]:
    """Return a sandbox by its name. The first test that needs it starts it."""
    running: dict[str, Sandbox] = {}

    def sandbox(name: str) -> Sandbox:
        if name not in running:
            running[name] = Sandbox(repository, name, tmp_path_factory.mktemp(name))
            running[name].start()
        return running[name]

    yield sandbox
    for one in running.values():
        one.kill()
        one.http.close()


@pytest.fixture
def bambora(
    sandboxes: Callable[[str], Sandbox], listener: Listener, http: httpx.AsyncClient
) -> Iterator[BamboraProvider]:
    sandbox = sandboxes("bambora")
    yield BamboraProvider(sandbox, listener, http)
    sandbox.reset()
    sandbox.admin("settings", tells_transactions=True)


@pytest.fixture
def shop(
    sandboxes: Callable[[str], Sandbox], listener: Listener, http: httpx.AsyncClient
) -> Iterator[Shop]:
    sandbox = sandboxes("klarna")
    yield Shop(KlarnaProvider(sandbox, listener, http))
    sandbox.reset()
    sandbox.admin(
        "settings", offer=True, keep_all_keys=False, fraud_seconds=60, fraud_outcome="ACCEPTED"
    )


@pytest.fixture(params=list(PROVIDERS))
def provider(
    request: pytest.FixtureRequest,
    sandboxes: Callable[[str], Sandbox],
    listener: Listener,
    http: httpx.AsyncClient,
) -> Iterator[Provider]:
    """Return each of the providers in turn."""
    make = PROVIDERS[request.param]
    sandbox = sandboxes(make.sandbox_name)
    yield make(sandbox, listener, http)
    sandbox.reset()


@pytest.fixture
def till(provider: Provider) -> ProviderHarness:
    return ProviderHarness(provider)


@pytest.fixture(params=WRITES)
def verb(request: pytest.FixtureRequest, provider: Provider) -> str:
    """Return each operation after the payment that this provider supports."""
    if request.param not in verbs_of(provider):
        pytest.skip("with direct capture there are refunds only")
    return str(request.param)
