"""A checkout that tests kill with SIGKILL and start again, with its merchant, payers and books."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import signal
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import create_engine, text

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import save_profile
from backend.cards.audit import Difference
from backend.core import context
from backend.core.db import Database, sync_url
from backend.core.settings import Settings
from backend.payments.views.audit import audit_everything
from backend.rules.transaction import UNPAID
from tests.support.callbacks import CallbackListener
from tests.support.card_gateway import APPROVED, CardGatewaySandbox, free_port
from tests.support.checkout import ACCOUNT, OPTION, profile, session_body
from tests.support.crash_facts import ADDRESS, AtProvider, Died
from tests.support.crash_server import serve
from tests.support.waiting import until
from tests.support.wide import ONE_PAYER

SECRET_KEY = "a master secret of the tests, long enough"
NOTIFIED = "notified"
"""The profile to whose payments the provider sends notifications; `default` gets none."""
# This is longer than any claim and shorter than the time that a payer has.
STEP_SECONDS = 130
# Everything is imported once and forked from there: a start takes a tenth of a second.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.crash_server"])
_numbers = itertools.count(1)


class Checkout:
    """One database, and one process at a time that serves it on one port."""

    def __init__(
        self,
        database_url: str,
        card_gateway: CardGatewaySandbox,
        callbacks: CallbackListener,
        **environment: str,
    ) -> None:
        self.database_url = database_url
        self.card_gateway = card_gateway
        self.callbacks = callbacks
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.ahead = 0.0
        self._process: Any = None
        self._http = httpx.Client(base_url=self.base_url, timeout=30)
        self._engine = create_engine(sync_url(database_url))
        self._keys = {
            name: f"sk_test_crash{next(_numbers)}{self.port}" for name in ("default", NOTIFIED)
        }
        self._environment = {
            "GAVEKORT_SECRET_KEY": SECRET_KEY,
            "GAVEKORT_DATABASE_URL": database_url,
            "GAVEKORT_BASE_URL": self.base_url,
            "GAVEKORT_ALLOW_INSECURE_ADDRESSES": "true",
            "GAVEKORT_WORKER_INTERVAL": "0.03",
            "GAVEKORT_LIMITS": json.dumps(ONE_PAYER),
            # Nothing here uses TLS, and reading the system's certificates takes longer than the
            # rest of a start.
            "SSL_CERT_DIR": "/nonexistent",
            **environment,
        }

    # --- the process ---------------------------------------------------------------------------

    def set_up(self) -> None:
        """Create the account with its profiles, and then start the process for the first time."""
        asyncio.run(self._create_account())
        self.start()
        answer = self._http.post(
            f"/v1/accounts/{ACCOUNT}/auth/token",
            auth=self._client,
            json={
                "grant_type": "client_credentials",
                "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
            },
        )
        self._http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def _create_account(self) -> None:
        settings = Settings(secret_key=SECRET_KEY, database_url=self.database_url)
        ctx = context.create(settings)
        await create_account(ctx, ACCOUNT, "Fjord & Form")
        made = await create_client(ctx, ACCOUNT, SCOPES)
        self._client = (made.client_id, made.client_secret)
        secret = self._register_notifications()
        for name, key in self._keys.items():
            setup = profile(self.card_gateway.base_url, key, profile_id=name)
            if name == NOTIFIED:
                setup.connections[OPTION]["webhook_secret"] = secret
            await save_profile(ctx, setup)
        await ctx.close()

    def _register_notifications(self) -> str:
        path = f"/v1/psp/{ACCOUNT}/{NOTIFIED}/{OPTION}/notifications"
        answer = self.card_gateway.http.post(
            f"{self.card_gateway.base_url}/v1/webhook_endpoints",
            data={"url": self.base_url + path, "enabled_events[0]": "*"},
            headers={"authorization": f"Bearer {self._keys[NOTIFIED]}"},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["secret"])

    def start(self, crash_at: str = "") -> None:
        self._process = _processes.Process(
            target=serve, args=(self._environment, self.port, self.ahead, crash_at), daemon=True
        )
        self._process.start()
        process = self._process

        def started() -> bool:
            with contextlib.suppress(httpx.TransportError):
                # The API itself answers an unknown path.
                if self._http.get("/v1/nothing").status_code == 404:
                    return True
            # The process crashed in its worker before it answered, and some tests want exactly
            # that.
            return process.exitcode is not None

        until(started, "the checkout starts")

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.exitcode is None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join(10)
            self._process = None

    def arm(self, point: str) -> None:
        """Make the running process die when it reaches `point`."""
        self.ask("POST", "/_test/crash_at", json={"point": point})

    def wait_until_dead(self) -> None:
        """Assert that the process killed itself at the armed point."""
        self._process.join(30)
        assert self._process.exitcode == -signal.SIGKILL, "the crash point was not reached"
        self._process = None

    def restart(self, crash_at: str = "") -> None:
        self.wait_until_dead()
        self.start(crash_at)

    def close(self) -> None:
        self.kill()
        self._http.close()
        self._engine.dispose()

    # --- time ----------------------------------------------------------------------------------

    def set_clock(self, ahead: float) -> None:
        self.ahead = ahead
        self.ask("POST", "/_test/clock", json={"ahead": ahead})

    def settle(self, jump: float = 0) -> None:
        """Move the clock by `jump` seconds, and then on until no operation is open and nothing is
        left to deliver."""
        self.ahead += jump
        for step in range(60):
            self.set_clock(self.ahead)
            # A few steps are usually enough. A busy machine gets the time that it needs.
            if self.wait(lambda: self.unsettled() == 0, 0.15 if step < 20 else 1.0):
                return
            self.ahead += STEP_SECONDS
        raise AssertionError(f"{self.unsettled()} things never ended")

    def unsettled(self) -> int:
        operations = "SELECT count(*) FROM operation WHERE state IN ('pending', 'unknown')"
        deliveries = "SELECT count(*) FROM delivery WHERE state = 'pending'"
        return self.number(operations) + self.number(deliveries)

    @staticmethod
    def wait(reached: Callable[[], bool], seconds: float) -> bool:
        try:
            return until(reached, "what is waited for", seconds=seconds)
        except AssertionError:
            return False

    # --- the merchant and the payer ------------------------------------------------------------

    def ask(self, method: str, path: str, expect: int | None = 200, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise Died(path) from error
        assert expect is None or answer.status_code == expect, answer.text
        return answer

    def card(self, amount: int = 10000, ask: Callable[..., httpx.Response] | None = None) -> str:
        ask = ask or self.ask
        card_id = f"card-{next(_numbers)}-{self.port}"
        body = {"card_id": card_id, "amount": amount, "currency": "NOK"}
        ask("POST", f"/v1/accounts/{ACCOUNT}/wallets/cards", json=body)
        return card_id

    @property
    def headers(self) -> dict[str, str]:
        """Return the merchant's authorization header for other clients than ours."""
        return {"authorization": self._http.headers["authorization"]}

    def session(
        self,
        card_id: str,
        amount: int = 40000,
        profile_id: str = "default",
        ask: Callable[..., httpx.Response] | None = None,
        **more: Any,
    ) -> str:
        """Create a session with a preset card whose payer has given the details. Another thread
        passes its own client as `ask`. `more` replaces parts of the request."""
        ask = ask or self.ask
        body = session_body(amount, profile_id=profile_id)
        body["url"]["callback_url"] = self.callbacks.url
        body |= more
        body["customer"] = {"gift_cards": {"dintero.wallets": [{"card_id": card_id}]}}
        session_id = str(ask("POST", "/v1/sessions-profile", json=body).json()["id"])
        path = f"/v1/view/{session_id}/session/order/addresses"
        ask("PUT", path, json={"shipping_address": ADDRESS})
        return session_id

    def press_pay(self, session_id: str) -> str | None:
        """Return the address of the provider's page or of the shop's. Return None while the
        provider has not answered."""
        path = f"/v1/sessions/{session_id}/pay"
        answer = self.ask("POST", path, None, json={"payment_product_type": OPTION})
        assert answer.status_code in (200, 202), answer.text
        body = answer.json()
        assert body["success"] is True, body
        redirect: str | None = body.get("redirect_url")
        return redirect

    def pay_at_provider(self, page: str, number: str = APPROVED) -> str:
        """Pay on the provider's page as the payer, and return where it redirects."""
        answer = self.card_gateway.pay(page, number)
        assert answer.status_code in (302, 303), answer.text
        return str(answer.headers["location"])

    def come_back(self, url: str) -> str:
        """Follow the provider's redirect to us and return where we send the payer."""
        parts = urlsplit(url)
        answer = self.ask("GET", f"{parts.path}?{parts.query}", 302)
        return str(answer.headers["location"])

    def cancel_link(self, session_id: str) -> str:
        """Return the address that the provider's page links as "cancel"."""
        return str(self.pages(session_id)[0]["cancel_url"])

    def paid(self, session_id: str) -> str:
        """Pay from the page to the end, and return the transaction's id."""
        page = self.press_pay(session_id)
        assert page is not None
        self.come_back(self.pay_at_provider(page))
        return str(self.live_transaction(session_id)["id"])

    # --- the books -----------------------------------------------------------------------------

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def number(self, query: str) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one() or 0)

    def transactions(self, session_id: str) -> list[dict[str, Any]]:
        query = 'SELECT * FROM "transaction" WHERE session_id = :id ORDER BY created_at'
        return self.rows(query, id=session_id)

    def live_transaction(self, session_id: str) -> dict[str, Any]:
        (live,) = [t for t in self.transactions(session_id) if t["status"] not in UNPAID]
        return live

    def totals(self, sessions: list[str]) -> tuple[int, int, int]:
        """Return the sums of the provider's part of all their transactions: authorized and not
        released, captured, refunded."""
        every = [t for one in sessions for t in self.transactions(one) if t["status"] not in UNPAID]
        kept = [t for t in every if t["status"] != "AUTHORIZATION_VOIDED"]
        return (
            sum(t["psp_authorized"] for t in kept),
            sum(t["psp_captured"] for t in every),
            sum(t["psp_refunded"] for t in every),
        )

    def session_state(self, session_id: str) -> str:
        query = "SELECT state FROM checkout_session WHERE id = :id"
        return str(self.rows(query, id=session_id)[0]["state"])

    def balance(self, card_id: str) -> tuple[int, int, int]:
        """Return the card's available, held and drawn amounts, in minor units."""
        query = "SELECT available, held, drawn FROM card WHERE card_id = :id"
        (row,) = self.rows(query, id=card_id)
        return row["available"], row["held"], row["drawn"]

    def audit(self) -> list[Difference]:
        async def all_of_it() -> list[Difference]:
            database = Database(self.database_url)
            try:
                return await audit_everything(database)
            finally:
                await database.close()

        return asyncio.run(all_of_it())

    # --- the provider's books ------------------------------------------------------------------

    def at_provider(self, session_id: str) -> AtProvider:
        pages = self.pages(session_id)
        intents = [page["payment_intent"] for page in pages if page["payment_intent"]]
        held = [i for i in intents if i["status"] in ("requires_capture", "succeeded")]
        return AtProvider(
            open_pages=sum(page["status"] == "open" for page in pages),
            authorized=held,
            captured=sum(intent["amount_received"] for intent in held),
            refunded=sum(self._refunded(intent["id"]) for intent in held),
        )

    def pages(self, session_id: str) -> list[dict[str, Any]]:
        """Return the provider's pages for one of our sessions, newest first."""
        found = self._list("checkout/sessions", {"expand[0]": "data.payment_intent"})
        return [page for page in found if page["metadata"]["session_id"] == session_id]

    def _refunded(self, intent_id: str) -> int:
        rows = self._list("refunds", {"payment_intent": intent_id})
        return sum(row["amount"] for row in rows if row["status"] == "succeeded")

    def _list(self, kind: str, params: dict[str, str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for key in self._keys.values():
            after: dict[str, str] = {}
            while True:
                answer = self.card_gateway.http.get(
                    f"{self.card_gateway.base_url}/v1/{kind}",
                    params={"limit": "100"} | params | after,
                    headers={"authorization": f"Bearer {key}"},
                )
                assert answer.status_code in (200, 404), answer.text
                body = answer.json()
                rows += body.get("data", [])
                if not body.get("has_more"):
                    break
                after = {"starting_after": rows[-1]["id"]}
        return rows

    # --- what must be true at the end ----------------------------------------------------------

    def check(self, session_id: str, *, books: bool = True) -> None:
        """Assert after `settle` that we and the provider agree on whether it is paid, that the
        books balance, that no hold is left, and that the merchant has been told."""
        transactions = self.transactions(session_id)
        live = [t for t in transactions if t["status"] not in UNPAID]
        there = self.at_provider(session_id)
        assert len(live) <= 1
        assert there.open_pages == 0
        state = self.session_state(session_id)
        if live:
            (paid,) = live
            assert paid["status"] not in ("INITIATED", "ON_HOLD")
            assert state == "paid"
            if paid["status"] == "AUTHORIZATION_VOIDED":
                assert there.authorized == []
            else:
                part = [paid["psp_authorized"]] if paid["psp_authorized"] else []
                assert [intent["amount"] for intent in there.authorized] == part
            assert there.captured == paid["psp_captured"]
            assert there.refunded == paid["psp_refunded"]
            assert self.callbacks.count(paid["id"]) >= 1
        else:
            assert there.authorized == []
            assert state in ("open", "cancelled")
        if books:
            self.check_books()

    def check_books(self) -> None:
        assert self.audit() == []
        left_over = self.number(
            "SELECT count(*) FROM hold WHERE state = 'pending' AND purpose NOT IN"
            " (SELECT 'transaction:' || id FROM \"transaction\" WHERE status <> 'FAILED')"
        )
        assert left_over == 0
