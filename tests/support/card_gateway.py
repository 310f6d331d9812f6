"""The sandbox acquirer as a process of its own, and a payer who uses its page without a browser."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

APPROVED = "4000 0000 0000 0002"
CHALLENGE = "4000 1000 0000 0000"
DECLINED = "4100 0000 0000 0076"
INSUFFICIENT = "4000 0000 0000 9995"
AUTHORIZATION_TIMES_OUT = "4100 0000 0000 0001"
CAPTURE_TIMES_OUT = "4100 0000 0000 0019"
REFUND_TIMES_OUT = "4100 0000 0000 0027"
CANCEL_TIMES_OUT = "4100 0000 0000 0043"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Acquirer:
    """`python -m backend.sandbox.card_gateway`, started, stopped and started again."""

    def __init__(self, repository: Path, data_dir: Path) -> None:
        self._repository = repository
        self._data_dir = data_dir
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = f"http://127.0.0.1:{self._port}"
        # One client for all: making one takes longer than most calls.
        self.http = httpx.Client()

    def start(self) -> None:
        module = "backend.sandbox.card_gateway"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, f"--port={self._port}", f"--data-dir={self._data_dir}"],
            cwd=self._repository,
        )
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                if self.http.get(f"{self.base_url}/_admin/health").status_code == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError("the acquirer did not start")

    def kill(self) -> None:
        """As hard as it goes: no chance to write anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def admin(self, path: str, **body: Any) -> Any:
        response = self.http.post(f"{self.base_url}/_admin/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def fault(self, verb: str, kind: str, **more: Any) -> None:
        self.admin("faults", verb=verb, kind=kind, **more)

    def reset(self) -> None:
        self.http.delete(f"{self.base_url}/_admin/faults")
        self.admin("clock")
        self.admin("settings", multicapture=True, late_seconds=30, settle_seconds=60)

    def pay(self, url: str, number: str = APPROVED, **other: str) -> httpx.Response:
        """Submit a card on the page, as a form without script does; the redirect is returned."""
        form = {"number": number, "expiry": "12/34", "cvc": "123", "name": "Kari Nordmann"}
        return self.http.post(url, data=form | other)

    def answer_challenge(self, url: str, result: str) -> httpx.Response:
        return self.http.post(f"{url}/challenge", data={"result": result})


class Received:
    """One delivery that reached the listener: lower-case headers and the raw body."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body


class Listener:
    """A merchant's notification address on a real socket; answers `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                listener.received.append(Received(headers, body))
                self.send_response(listener.statuses.pop(0) if listener.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/notifications"

    @contextlib.contextmanager
    def running(self) -> Iterator[Listener]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)

    def wait_for(self, count: int, kind: bytes = b"", seconds: float = 5.0) -> list[Received]:
        """The deliveries whose body holds `kind`, once there are `count`; AssertionError else."""
        deadline = time.monotonic() + seconds
        while True:
            found = [one for one in self.received if kind in one.body]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {count} deliveries came"
            time.sleep(0.02)
