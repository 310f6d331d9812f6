"""Run a sandbox provider as its own process, with a merchant's notification address."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.support.waiting import until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Sandbox:
    """`python -m sandbox.<name>`, started, stopped and started again."""

    def __init__(
        self, repository: Path, name: str, data_dir: Path, arguments: Sequence[str] = ()
    ) -> None:
        self._arguments = arguments
        self._repository = repository
        self._name = name
        self._data_dir = data_dir
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = f"http://127.0.0.1:{self._port}"
        # All sandboxes share one client, because making one takes longer than most calls.
        self.http = httpx.Client()

    def start(self) -> None:
        module = f"sandbox.{self._name}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", module),
                *(f"--port={self._port}", f"--data-dir={self._data_dir}", *self._arguments),
            ],
            cwd=self._repository,
        )
        until(self._answers, f"the sandbox {self._name} answers")

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.http.get(f"{self.base_url}/_admin/health").status_code == 200
        return False

    def kill(self) -> None:
        """Kill the process so that it cannot write anything more."""
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

    def faults_left(self) -> int:
        """Return the number of faults that still wait for a call."""
        answer = self.http.get(f"{self.base_url}/_admin/faults")
        return len(answer.json()["faults"])

    def reset(self) -> None:
        """Reset to no faults, the machine's time and the provider's own time limits."""
        self.http.delete(f"{self.base_url}/_admin/faults")
        self.admin("clock")
        self.admin("settings", retry_gap=0)


class Received:
    """One delivery that reached the listener: lower-case headers, `:path` among them, and the raw
    body."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body


class Listener:
    """A merchant's notification address on a real socket. It answers with `statuses` in turn, and
    then with 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        # Two requests may arrive at once. The first in the list got the first status.
        taking = threading.Lock()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                headers[":path"] = self.path
                with taking:
                    listener.received.append(Received(headers, body))
                    status = listener.statuses.pop(0) if listener.statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.do_POST()

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

    def wait_for(self, count: int, kind: bytes = b"", seconds: float = 30.0) -> list[Received]:
        """Wait for `count` deliveries whose body holds `kind`, and return them. Raises
        AssertionError."""

        def found() -> list[Received]:
            return [one for one in self.received if kind in one.body]

        until(lambda: len(found()) >= count, f"{count} deliveries", seconds=seconds)
        return found()
