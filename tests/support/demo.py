"""The whole product as `gavekort demo` starts it, a merchant who uses its API, and a shop's
address on a real socket that payers are sent back to."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.waiting import until
from tests.support.wide import ONE_PAYER

_OFFSETS = (0, *range(10, 16), 20, 21)
_SECONDS_TO_START = 150

CONTACT = {"email": "kari@example.no", "phone_number": "41234567"}
ADDRESS = {
    "first_name": "Kari",
    "last_name": "Nordmann",
    "address_line": "Karl Johans gate 1",
    "postal_code": "0154",
    "postal_place": "Oslo",
}


_taken: list[TextIOWrapper] = []
"""Locks on the ports of this process' demos; they go with the process."""


def _free_base_port() -> int:
    """Return the first port of a free range for the demo. No other test process on this machine
    chooses these ports before the demo has bound them."""
    for base in range(18100, 19900, 30):
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            lock = sockets.enter_context(
                (Path(tempfile.gettempdir()) / f"gavekort-demo-{base}.lock").open("w")
            )
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.ExitStack() as probes:
                for offset in _OFFSETS:
                    probe = probes.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", base + offset))
            _taken.append(lock)
            sockets.pop_all()
            return base
    raise RuntimeError("no free ports")


class Demo:
    """`gavekort demo`, which can be stopped and started again on the same ports and directory."""

    def __init__(
        self, repository: Path, directory: Path, log: Path | None = None, **environment: str
    ) -> None:
        """`log` receives the standard error, which otherwise goes where ours does. `environment`
        holds settings of the checkout that differ from the demo's."""
        self._environment = environment
        self._repository = repository
        self._directory = directory
        self._log = log
        self._port = _free_base_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def card_gateway_url(self) -> str:
        return f"http://127.0.0.1:{self._port + 10}"

    @property
    def directory(self) -> Path:
        return self._directory

    def gateway(self) -> dict[str, str]:
        """Return the demo's credentials at its card gateway, for a test's own profile."""
        seed = json.loads((self._directory / "seed.json").read_text(encoding="utf-8"))
        return {
            "base_url": self.card_gateway_url,
            "secret_key": seed["gateway_key"],
            "webhook_secret": seed["webhook_secret"],
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "backend.cli.main", "demo"]
        with contextlib.ExitStack() as files:
            log = files.enter_context(self._log.open("ab")) if self._log is not None else None
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port), "--data-dir", str(self._directory)],
                cwd=self._repository,
                # The limits of a test take precedence.
                env={
                    "GAVEKORT_LIMITS": json.dumps(ONE_PAYER),
                    **os.environ,
                    **self._environment,
                },
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        summary = self._directory / "demo.json"
        process = self._process

        def started() -> bool:
            assert process.poll() is None, "the demo ended while starting"
            return summary.exists()

        until(started, "the demo starts", seconds=_SECONDS_TO_START)
        self.facts = json.loads(summary.read_text(encoding="utf-8"))

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
            self._process = None

    @property
    def process_id(self) -> int:
        """Return the process id of the program that starts and watches the others."""
        assert self._process is not None
        return self._process.pid

    def card_gateway_settings(self, **settings: Any) -> None:
        """Change settings of the sandbox. For example, `late_seconds` sets when a bank that missed
        its time limit answers after all."""
        answer = httpx.post(f"{self.card_gateway_url}/_admin/settings", json=settings)
        assert answer.status_code == 200, answer.text

    def card_gateway_fault(self, verb: str, kind: str, **more: Any) -> None:
        """Set the fault of the next call of `verb` (`sandbox/common/faults.py`)."""
        fault = {"verb": verb, "kind": kind, **more}
        answer = httpx.post(f"{self.card_gateway_url}/_admin/faults", json=fault)
        assert answer.status_code == 200, answer.text

    def audit(self) -> None:
        """Run `gavekort audit` and assert that no money was lost."""
        command = [sys.executable, "-m", "backend.cli.main", "audit", "--data-dir"]
        done = subprocess.run(
            [*command, str(self._directory)],
            cwd=self._repository,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Shop:
    """A shop's server that remembers the payers who return to it and the callbacks it receives."""

    url: str = ""
    returned: list[dict[str, str]] = field(default_factory=list)
    called_back: list[dict[str, str]] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[Shop]:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                if parts.path == "/accept":
                    shop.returned.append(query)
                elif parts.path == "/callback":
                    shop.called_back.append(query)
                body = b"<!DOCTYPE html><title>The shop</title><h1>The shop</h1>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


class Merchant:
    """The demo's merchant, who uses only the public API. Amounts are in minor units."""

    _numbers = itertools.count(1)

    def __init__(self, demo: Demo, shop: Shop) -> None:
        self._facts = demo.facts
        self.account_id: str = demo.facts["account_id"]
        self._shop = shop
        # The server drops connections that were idle for five seconds, so no call reuses one of
        # them.
        limits = httpx.Limits(keepalive_expiry=2)
        self.http = httpx.Client(base_url=demo.base_url, timeout=20, limits=limits)
        account = self._facts["account_id"]
        answer = self.http.post(
            f"/v1/accounts/{account}/auth/token",
            auth=(self._facts["client_id"], self._facts["client_secret"]),
            json={
                "grant_type": "client_credentials",
                "audience": f"{demo.base_url}/v1/accounts/{account}",
            },
        )
        assert answer.status_code == 200, answer.text
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def post(self, path: str, body: Any) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def card(self, amount: int = 10000, currency: str = "NOK", **more: Any) -> dict[str, str]:
        """Issue a gift card and return `{card_id, number, pin}`."""
        body = {
            "card_id": f"e2e-{next(self._numbers)}-{time.time_ns()}",
            "amount": amount,
            "currency": currency,
            "pin": {"format": {"length": 4, "numbers": True}},
            "card_token": {"format": {"length": 16, "numbers": True}},
        } | more
        made = self.post(f"/v1/accounts/{self._facts['account_id']}/wallets/cards", body)
        return {
            "card_id": made["card_id"],
            "number": made["card_token"]["token"]["value"],
            "pin": made["pin"]["pin"]["value"],
        }

    def balance(self, card: dict[str, str]) -> tuple[int, int]:
        """Return the card's available and held amounts."""
        account = self._facts["account_id"]
        known = self.get(f"/v1/accounts/{account}/wallets/cards/{card['card_id']}")
        return known["amount_available"], known["amount_pending"]

    def session(self, amount: int = 40000, currency: str = "NOK", **more: Any) -> dict[str, str]:
        """Create a session and return `{id, url}`. `more` replaces top-level parts of the
        request."""
        body = {
            "url": self.addresses(),
            "order": {
                "amount": amount,
                "currency": currency,
                "vat_amount": amount // 5,
                "merchant_reference": "order-1",
                "items": [
                    {
                        "id": "10",
                        "line_id": "1",
                        "description": "Ullpledd",
                        "quantity": 2,
                        "amount": amount,
                        "vat": 25,
                    }
                ],
            },
            "profile_id": "default",
        } | more
        made: dict[str, str] = self.post("/v1/sessions-profile", body)
        return made

    def ready(self, amount: int = 40000, **more: Any) -> dict[str, str]:
        """Create a session whose payer has given the details."""
        session = self.session(amount, **more)
        answer = self.http.put(
            f"/v1/view/{session['id']}/session/order/addresses",
            json={"shipping_address": {**ADDRESS, "country": "NO", **CONTACT}},
        )
        assert answer.status_code == 200, answer.text
        return session

    def with_card(
        self, session: dict[str, str], card: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Add `card`, or a new gift card of 100.00, to `session` as a payer does."""
        card = card or self.card()
        answer = self.http.put(
            f"/v1/view/{session['id']}/session/order/gift_card",
            json={"token": card["number"], "pin": card["pin"]},
        )
        assert answer.status_code == 200, answer.text
        return session

    def lock(self, session: dict[str, str]) -> None:
        answer = self.http.post(f"/v1/view/{session['id']}/session/lock")
        assert answer.status_code == 200, answer.text

    def change(
        self, session: dict[str, str], amount: int, *, without_lock: bool = False, **more: Any
    ) -> None:
        """Change the order's amount and remove the lock, as the shop's server does."""
        order = {
            "amount": amount,
            "currency": "NOK",
            "vat_amount": amount // 5,
            "items": [
                {
                    "id": "10",
                    "line_id": "1",
                    "description": "Ullpledd",
                    "quantity": 3,
                    "amount": amount,
                    "vat": 25,
                }
            ],
        } | more.pop("order", {})
        answer = self.http.put(
            f"/v1/sessions/{session['id']}",
            params={"update_without_lock": True} if without_lock else {},
            json={"order": order, "remove_lock": True, **more},
        )
        assert answer.status_code == 200, answer.text

    def addresses(self) -> dict[str, str]:
        return {
            "return_url": f"{self._shop.url}/accept",
            "callback_url": f"{self._shop.url}/callback?method=GET",
            "merchant_terms_url": "https://example.com/terms.html",
        }

    def transaction(self, transaction_id: str) -> Any:
        return self.get(f"/v1/transactions/{transaction_id}")
