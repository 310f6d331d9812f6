"""A Redis server of a test's own, where the machine has one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                assert server.poll() is None, "the Redis server ended"
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.02)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(10)
