"""The payer returns from the provider while the database cannot be used. A page says so and
continues automatically once it works. The failures are real: a full disk, a lock, a stopped
server."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import PHONE
from tests.support.axe import violations
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer
from tests.support.postgres import StoppableServer, stoppable_server

AS_A_BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "fi"}
CHECKING = "Tarkistamme vielä"
HEADING = {"nb-NO": "Vi sjekker fortsatt", "de-DE": "Wir prüfen noch"}


@pytest.fixture(scope="module")
def on_sqlite(
    built_frontend: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    directory = tmp_path_factory.mktemp("gone")
    demo = Demo(repository, directory, directory / "log")
    demo.start()
    yield demo
    demo.audit()
    demo.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[StoppableServer]:
    with stoppable_server() as server:
        yield server


@pytest.fixture(scope="module")
def on_postgres(
    built_frontend: Path,
    repository: Path,
    postgres: StoppableServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Demo]:
    url = postgres.start().url("postgres")
    directory = tmp_path_factory.mktemp("gone-postgres")
    demo = Demo(repository, directory, directory / "log", GAVEKORT_DATABASE_URL=url)
    demo.start()
    yield demo
    demo.stop()


@contextmanager
def disk_full(demo: Demo) -> Iterator[None]:
    """Stop the checkout from writing any file further."""
    of_the_demo = psutil.Process(demo.process_id).children(recursive=True)
    database = str(demo.directory / "gavekort.db")
    serving = [one for one in of_the_demo if database in {file.path for file in one.open_files()}]
    assert serving, "no process has the database open"
    before = {one: one.rlimit(psutil.RLIMIT_FSIZE) for one in serving}
    for one, (_, hard) in before.items():
        one.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for one, limits in before.items():
            one.rlimit(psutil.RLIMIT_FSIZE, limits)


@contextmanager
def locked(demo: Demo) -> Iterator[None]:
    """Keep a write transaction open in another process."""
    connection = sqlite3.connect(demo.directory / "gavekort.db", timeout=20, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def stopped(server: StoppableServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


def _settles(browser: Browser, demo: Demo, gone: AbstractContextManager[None], locale: str) -> None:
    """Pay, come back while the database is gone, and wait for the shop without a press."""
    context = browser.new_context(viewport=PHONE, locale=locale, reduced_motion="reduce")
    with Shop().running() as shop:
        merchant, payer = Merchant(demo, shop), Payer(context, demo.base_url)
        card = merchant.card()
        session = merchant.with_card(merchant.ready(), card)
        payer.open(session)
        payer.press_pay()
        with gone:
            with payer.page.expect_response(re.compile("/redirect/"), timeout=30000) as answered:
                payer.pay_with()
            expect(payer["h1"]).to_have_text(HEADING[locale], timeout=20000)
            answer = answered.value
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) >= 2
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert payer["html"].get_attribute("lang") == locale[:2]
            assert violations(payer.page) == []
            # The page keeps asking, and stays unchanged while there is no answer.
            with payer.page.expect_response(re.compile("/redirect/"), timeout=30000) as again:
                pass
            assert again.value.status == 503
            expect(payer["h1"]).to_have_text(HEADING[locale])
            assert shop.returned == []
        payer.at_shop(60)
        assert merchant.balance(card) == (0, 10000)
        paid = merchant.transaction(shop.returned[-1]["transaction_id"])
        assert (paid["status"], paid["amount"]) == ("AUTHORIZED", 40000)
        assert [event["event"] for event in paid["events"]] == ["INITIALIZE", "AUTHORIZE"]
        # Each 503 is one error of the console.
        payer.forgive("status of 503")
        assert payer.complaints == []
        context.close()
        merchant.http.close()


def test_a_full_disk(browser: Browser, on_sqlite: Demo) -> None:
    _settles(browser, on_sqlite, disk_full(on_sqlite), "nb-NO")


def test_a_database_that_is_locked(browser: Browser, on_sqlite: Demo) -> None:
    _settles(browser, on_sqlite, locked(on_sqlite), "de-DE")


def test_a_stopped_postgresql(
    browser: Browser, on_postgres: Demo, postgres: StoppableServer
) -> None:
    _settles(browser, on_postgres, stopped(postgres), "nb-NO")


def test_every_address_without_a_database(on_postgres: Demo, postgres: StoppableServer) -> None:
    with Shop().running() as shop:
        merchant = Merchant(on_postgres, shop)
        session_id = merchant.ready()["id"]
        view = f"/v1/view/{session_id}"
        opened = [
            f"/?sid={session_id}",
            view,
            f"{view}?language=fi",
            "/v1/phone/abc",
            f"/embedResult/?sid={session_id}",
            f"/balance/{merchant.account_id}",
            f"/v1/sessions/{session_id}/redirect/abc?a=1&still_checking=3&b=%26",
        ]
        # The server ends a connection on which something failed.
        once = httpx.Limits(max_keepalive_connections=0)
        with (
            stopped(postgres),
            httpx.Client(base_url=on_postgres.base_url, timeout=30, limits=once) as http,
        ):
            for path in opened:
                answer = http.get(path, headers=AS_A_BROWSER)
                assert (path, answer.status_code) == (path, 503)
                assert CHECKING in answer.text, path
                assert answer.headers["content-type"] == "text/html; charset=utf-8"
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["content-language"] == "fi"
                assert "Traceback" not in answer.text and "postgres" not in answer.text.lower()
            # A browser without scripts tries again later with the whole address.
            assert '"8;url=/v1/sessions/' in answer.text.replace("&quot;", '"')
            assert 'abc?a=1&amp;b=%26&amp;still_checking=4">' in answer.text
            assert answer.headers["retry-after"] == "8"
            given_up = http.post(f"{view}/session/abandon", headers=AS_A_BROWSER)
            assert given_up.status_code == 503
            assert f'href="{view}"' in given_up.text
            # A client that asks for JSON gets it.
            as_json = {"accept": "application/json"}
            for answer in (
                http.get(opened[-1], headers=as_json),
                http.post(f"{view}/session/abandon"),
                http.get(f"{view}/session", headers=AS_A_BROWSER),
                http.get("/v1/sessions/abc", headers=merchant.http.headers),
            ):
                assert answer.status_code >= 500, answer.url
                assert set(answer.json()) == {"error"}, answer.url
        with httpx.Client(base_url=on_postgres.base_url, timeout=30) as http:
            # The pool still holds connections to the previous server.
            answers = [http.get(view, headers=AS_A_BROWSER).status_code for _ in range(40)]
        assert answers[-1] == 200
        merchant.http.close()
