"""Fixtures for all tests: databases of both kinds, migrated, one of its own for every test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browser import NO_ASKING, chromium_arguments, find_chromium
from tests.support.postgres import PostgresServer, running_server
from tests.support.template import MADE, make_template

# isort: split
# The browser module sets what Playwright needs before it is imported.
from playwright.sync_api import Browser, expect, sync_playwright

REPOSITORY = Path(__file__).resolve().parent.parent

# A machine that does other things too takes a second where mostly a millisecond is taken; how long
# one example takes is no property of what is tested.
settings.register_profile("gavekort", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gavekort")

# How long a thing is waited for that comes at all, and no property of what is tested.
expect.set_options(timeout=30_000)

_TEMPLATE = "gavekort_template"
_numbers = itertools.count(1)
_NEEDS_THE_PAGE = {"built_frontend", "chromium_path", "demo"}
"""Fixtures that build the page or start a browser, in whatever room a test is that uses them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the built page, and give one second attempt to a test whose marker
    `second_try` says why. A test that fails now and then shows a defect of the product or of the
    test, so that none should need it. With GAVEKORT_SECOND_TRY every browser test has one, because
    the whole run loads the machine; the summary shows what failed first."""
    for item in items:
        if _NEEDS_THE_PAGE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.e2e)
        marker = item.get_closest_marker("second_try")
        if marker is None:
            if "e2e" in item.keywords and os.environ.get("GAVEKORT_SECOND_TRY"):
                item.add_marker(pytest.mark.flaky(reruns=1))
            continue
        if not marker.kwargs.get("reason"):
            raise pytest.UsageError(f"{item.nodeid}: second_try needs a reason")
        item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried_again = terminalreporter.getreports("rerun")
    if tried_again:
        terminalreporter.write_sep("=", "TRIED AGAIN")
    for report in tried_again:
        terminalreporter.write_sep("_", report.nodeid)
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return find_chromium()


# Playwright's synchronous side keeps an event loop running in this thread as long as it is open:
# it is closed after every module, so that asynchronous tests elsewhere find none.
@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=[*chromium_arguments(), NO_ASKING]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def built_frontend() -> Path:
    """The directory of the page's built files, built now if anything in it has changed."""
    from backend.frontend import ensure_frontend, ensure_shop_packages

    ensure_shop_packages(REPOSITORY)
    return ensure_frontend(REPOSITORY)


# --- databases ---------------------------------------------------------------------------------
# Migrating takes long, copying a migrated database does not.


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    from backend.core.db import migrate

    with postgres_server.database(_TEMPLATE, as_template=True) as url:
        migrate(url)
        yield _TEMPLATE


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if MADE in os.environ:
        return Path(os.environ[MADE])
    path = tmp_path_factory.mktemp("sqlite-template") / "template.db"
    make_template(path)
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite database."""
    path = tmp_path / "gavekort.db"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer, _postgres_template: str) -> Iterator[str]:
    """A migrated, empty PostgreSQL database."""
    name = f"gavekort_{next(_numbers)}"
    with postgres_server.database(name, template=_postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each kind in turn: the test runs once on either."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind in turn without any tables, for what migrates by itself."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(f"gavekort_bare_{next(_numbers)}") as url:
        yield url
