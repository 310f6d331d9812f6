"""A checkout in a process of its own on each database, with the real provider in another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.callbacks import CallbackListener
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.crash import Checkout
from tests.support.crash_providers import BEHIND, ProviderCheckout
from tests.support.postgres import PostgresServer


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run every case on SQLite, and one for every step on PostgreSQL, because the databases differ
    only by step. `GAVEKORT_CRASH_ALL=1` runs every case on both."""
    if os.environ.get("GAVEKORT_CRASH_ALL"):
        return
    left_out = [item for item in items if _only_on_sqlite(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _only_on_sqlite(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    if callspec is None or callspec.params.get("_database_url") != "postgresql":
        return False
    then, verb = callspec.params.get("then"), callspec.params.get("verb")
    first = ("presses_again", "comes_back", "pays_anew")
    return (then is not None and then not in first) or (verb is not None and verb != "capture")


@pytest.fixture(scope="session")
def crash_card_gateway(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CardGatewaySandbox]:
    card_gateway = CardGatewaySandbox(repository, tmp_path_factory.mktemp("card_gateway"))
    card_gateway.start()
    yield card_gateway
    card_gateway.kill()
    card_gateway.http.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def _database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Run one checkout for all tests of a module. Each test uses its own sessions and cards."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("crash") / "gavekort.db"
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("_postgres_template")
    with server.database(f"gavekort_{request.module.__name__[-20:]}", template=template) as url:
        yield url


@pytest.fixture(scope="module")
def _checkout(_database_url: str, crash_card_gateway: CardGatewaySandbox) -> Iterator[Checkout]:
    with CallbackListener().running() as callbacks:
        checkout = Checkout(_database_url, crash_card_gateway, callbacks)
        checkout.set_up()
        yield checkout
        checkout.close()


@pytest.fixture
def checkout(_checkout: Checkout) -> Iterator[Checkout]:
    """Return the running checkout, at the right time and with no crash point armed."""
    if _checkout.alive:
        _checkout.arm("")
        _checkout.set_clock(0)
    else:
        _checkout.kill()
        _checkout.ahead = 0.0
        _checkout.start()
    yield _checkout
    _checkout.card_gateway.reset()


@pytest.fixture(scope="module", params=list(BEHIND))
def _provider_checkout(
    request: pytest.FixtureRequest,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
    _sqlite_template: Path,
) -> Iterator[ProviderCheckout]:
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copyfile(_sqlite_template, folder / "gavekort.db")
    behind = BEHIND[request.param](repository, folder)
    with CallbackListener().running() as callbacks:
        checkout = ProviderCheckout(f"sqlite:///{folder / 'gavekort.db'}", behind, callbacks)
        checkout.set_up()
        yield checkout
        checkout.close()
    behind.sandbox.kill()
    behind.sandbox.http.close()


@pytest.fixture
def provider_checkout(_provider_checkout: ProviderCheckout) -> ProviderCheckout:
    """Return the running checkout, at the right time and with no crash point armed."""
    if _provider_checkout.alive:
        _provider_checkout.arm("")
        _provider_checkout.set_clock(0)
    else:
        _provider_checkout.kill()
        _provider_checkout.ahead = 0.0
        _provider_checkout.start()
    return _provider_checkout
