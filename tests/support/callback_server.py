"""A shop's server for the callbacks of an Express session, on a real socket."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import pause, until_async

Answer = tuple[int, bytes]
LONGEST_HELD = 30
"""Seconds. A test that never lets an answer go fails, and does not hang."""


class CallbackServer:
    """`answer` is called with each posted JSON body, and gives status and body back."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Answer] = lambda body: (500, b"")
        self.delay = 0.0
        self._may_answer = threading.Event()
        self._may_answer.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                pause(server.delay, "the shop is slow")
                server._may_answer.wait(LONGEST_HELD)
                status, content = server.answer(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/express"

    def answers(self, body: Any, status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.answer = lambda _asked: (status, content)

    def hold(self) -> None:
        """Receive requests and answer none of them until `let_go`."""
        self._may_answer.clear()

    def let_go(self) -> None:
        self._may_answer.set()

    async def is_asked(self, times: int = 1) -> None:
        """Return when this number of requests has arrived."""

        async def asked() -> bool:
            return len(self.asked) >= times

        await until_async(asked, f"the shop is asked {times} times")

    @contextlib.contextmanager
    def running(self) -> Iterator[CallbackServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.let_go()
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)
