"""Run a test's own Redis server if the machine has the program."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import until

BINARIES = ("redis-server", "valkey-server")


def find_server() -> str | None:
    """Return the path of the server's program; None if the machine has none."""
    return next((path for name in BINARIES if (path := shutil.which(name))), None)


@contextmanager
def running_redis(binary: str, port: int) -> Iterator[str]:
    """Run a server that keeps nothing on disk; yield its URL."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:

            def listens() -> bool:
                assert server.poll() is None, "the Redis server ended"
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            until(listens, "the Redis server listens")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(10)
