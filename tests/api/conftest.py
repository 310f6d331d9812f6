"""The API over each database, with the real provider on its own port."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.accounts.profiles import save_profile
from tests.support.bambora import OPTION as BAMBORA
from tests.support.bambora import BamboraSandbox
from tests.support.bambora import Merchant as BamboraMerchant
from tests.support.bambora_payer import BamboraPayer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant, profile
from tests.support.klarna import OPTION as KLARNA
from tests.support.klarna import KlarnaSandbox


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
async def merchant(database_url: str, card_gateway: CardGatewaySandbox) -> AsyncIterator[Merchant]:
    secret_key = f"sk_test_{uuid.uuid4().hex}"
    merchant = await open_merchant(database_url, card_gateway.base_url, secret_key)
    yield merchant
    await close_merchant(merchant)


@pytest.fixture(scope="session")
def _bambora(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BamboraSandbox]:
    bambora = BamboraSandbox(repository, tmp_path_factory.mktemp("bambora"))
    bambora.start()
    yield bambora
    bambora.kill()
    bambora.http.close()


@pytest.fixture
def bambora(_bambora: BamboraSandbox) -> Iterator[BamboraSandbox]:
    yield _bambora
    _bambora.reset()


@pytest.fixture
async def payer_at_bambora(
    merchant: Merchant, bambora: BamboraSandbox
) -> AsyncIterator[BamboraPayer]:
    account = BamboraMerchant(bambora)
    connected = {BAMBORA: account.credentials}
    await save_profile(merchant.ctx, profile("", "", connections=connected))
    yield BamboraPayer(merchant, bambora, account)
    await merchant.audit()


@pytest.fixture(scope="session")
def _klarna(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KlarnaSandbox]:
    klarna = KlarnaSandbox(repository, tmp_path_factory.mktemp("klarna"))
    klarna.start()
    yield klarna
    klarna.kill()
    klarna.http.close()


@pytest.fixture
async def klarna(_klarna: KlarnaSandbox, merchant: Merchant) -> AsyncIterator[KlarnaSandbox]:
    """Connect Klarna, and nothing else, to the merchant's profile."""
    await save_profile(merchant.ctx, profile("", "", connections={KLARNA: _klarna.credentials}))
    yield _klarna
    _klarna.reset()
