"""A receiver on a real socket: a merchant's server or an SMS gateway."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.waiting import pause


@dataclass(frozen=True)
class Got:
    """One request; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Answers with `replies` in turn, and then with 200. A reply is a status, a status with a body,
    or None to close the connection without an answer."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.replies: list[int | tuple[int, bytes] | None] = []
        self.slow_seconds = 0.0
        # Two requests may arrive at once. The first in the list got the first reply.
        taking = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                with taking:
                    receiver.got.append(Got(self.command, self.path, headers, body))
                    reply = receiver.replies.pop(0) if receiver.replies else 200
                pause(receiver.slow_seconds, "the receiver is slow")
                if reply is None:
                    self.close_connection = True
                    return
                status, content = reply if isinstance(reply, tuple) else (reply, b"")
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(content)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)
