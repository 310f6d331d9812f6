"""The checkout as `gavekort serve` starts it, which also tells what it has asked of its database.

python -m tests.bench.counted_server PORT COUNTS_PORT

Any request to the second port is answered with a JSON object: `statements`, `begins` and `commits`
since the start, and the `cpu` seconds of the process.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from backend.cli.main import main
from backend.core.db import NO_BEGIN

_counts = {"statements": 0, "begins": 0, "commits": 0}


class _Counts(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(_counts | {"cpu": time.process_time()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the output is the server's."""


def _count(port: int) -> None:
    """Count every statement of every engine of this process, and answer on the port."""

    def statement(_c: Any, _cursor: Any, text: str, *_more: Any) -> None:
        if not text.startswith("BEGIN"):
            _counts["statements"] += 1

    def begin(connection: Connection) -> None:
        _counts["begins"] += _in_transaction(connection)

    def commit(connection: Connection) -> None:
        _counts["commits"] += _in_transaction(connection)

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "begin", begin)
    event.listen(Engine, "commit", commit)
    server = HTTPServer(("127.0.0.1", port), _Counts)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _in_transaction(connection: Connection) -> bool:
    return connection.get_execution_options().get("gavekort_begin") != NO_BEGIN


if __name__ == "__main__":
    _count(int(sys.argv[2]))
    sys.exit(main(["serve", "--port", sys.argv[1]]))
