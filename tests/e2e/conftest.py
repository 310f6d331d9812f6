"""Fixtures run the unchanged demo and a real browser with a payer whose page must not complain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.support.callback_server import CallbackServer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.host import HostPage, HostServer, host_server, make_profile
from tests.support.payer import Payer
from tests.support.states import Scene

PHONE: ViewportSize = {"width": 390, "height": 844}

NewPayer = Callable[..., Payer]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def demo(
    built_frontend: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    demo = Demo(repository, tmp_path_factory.mktemp("demo"))
    demo.start()
    yield demo
    demo.audit()
    demo.stop()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop().running() as shop:
        yield shop


@pytest.fixture
def merchant(demo: Demo, shop: Shop) -> Iterator[Merchant]:
    merchant = Merchant(demo, shop)
    yield merchant
    merchant.http.close()


@pytest.fixture
def new_payer(browser: Browser, demo: Demo) -> Iterator[NewPayer]:
    """Make payers, by default with a phone in Norwegian. At the end assert that there was no error
    in the console or a script, and no violation of the policy."""
    payers: list[Payer] = []

    def make(**wanted: Any) -> Payer:
        options: dict[str, Any] = {"viewport": PHONE, "locale": "nb-NO"} | wanted
        payer = Payer(browser.new_context(**options), demo.base_url)
        payers.append(payer)
        return payer

    yield make
    for payer in payers:
        payer.page.context.close()
    assert [payer.complaints for payer in payers if payer.complaints] == []


@pytest.fixture(scope="session")
def host(built_frontend: Path, repository: Path) -> Iterator[HostServer]:
    """Serve a shop's pages on another origin, with Dintero's Web SDK from npm."""
    with host_server(repository) as server:
        yield server


NewHost = Callable[..., HostPage]


@pytest.fixture
def new_host(
    browser: Browser, demo: Demo, merchant: Merchant, host: HostServer
) -> Iterator[NewHost]:
    """Make a tab with the shop's page, for a session of a profile that its origin may embed. As for
    a payer, our pages may cause no complaint."""
    made: list[Payer] = []

    def make(session: dict[str, str], origin: str = "", **wanted: Any) -> HostPage:
        options: dict[str, Any] = {"viewport": PHONE, "locale": "nb-NO"} | wanted
        tab = Payer(browser.new_context(**options), demo.base_url)
        made.append(tab)
        return HostPage(tab.page, demo, session["id"], origin or host.origin)

    yield make
    for tab in made:
        tab.page.context.close()
    assert [tab.complaints for tab in made if tab.complaints] == []


@pytest.fixture(scope="session")
def embeddable(demo: Demo, host: HostServer) -> str:
    """Return a profile whose sessions the shop's page may embed, under its first name."""
    with Shop().running() as shop:
        merchant = Merchant(demo, shop)
        try:
            return make_profile(demo, merchant, host.origin)
        finally:
            merchant.http.close()


@pytest.fixture
def callbacks() -> Iterator[CallbackServer]:
    """Run the shop's server that answers with its deliveries."""
    with CallbackServer().running() as server:
        yield server


NewScene = Callable[[Payer, str], Scene]


@pytest.fixture
def new_scene(demo: Demo, merchant: Merchant, shop: Shop, callbacks: CallbackServer) -> NewScene:
    """Make the scene of a state, for a payer and the language of the page."""

    def make(payer: Payer, language: str) -> Scene:
        return Scene(payer, merchant, demo, shop, callbacks, language)

    return make


@pytest.fixture
def payer(new_payer: NewPayer) -> Payer:
    return new_payer()
