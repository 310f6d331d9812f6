"""A demo of the bench's own: fresh directory, free ports, stopped at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.wide import WIDE

REPOSITORY = Path(__file__).resolve().parent.parent.parent
_START_SECONDS = 180


@contextmanager
def running_demo(directory: Path | None = None) -> Iterator[dict[str, Any]]:
    """The facts of `demo.json`. The output of the demo goes to a file beside it, and is shown
    where the demo does not come up."""
    with tempfile.TemporaryDirectory(prefix="gavekort-bench-") as temporary:
        kept = directory or Path(temporary) / "demo"
        output = Path(temporary) / "output"
        command = [sys.executable, "-m", "backend.cli.main", "demo", "--port", "0"]
        with output.open("wb") as sink:
            process = subprocess.Popen(
                [*command, "--data-dir", str(kept)],
                cwd=REPOSITORY,
                env=_environment(),
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _facts(process, kept / "demo.json", output)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)


def _environment() -> dict[str, str]:
    """All payers of a measurement are one source, and all calls one client's."""
    ours = {name: text for name, text in os.environ.items() if "GAVEKORT_" not in name}
    return {
        **ours,
        "GAVEKORT_LIMITS": json.dumps(WIDE),
        "GAVEKORT_SOCKETS_PER_SOURCE": "4000",
        "GAVEKORT_SOCKET_MESSAGES_PER_SECOND_AND_SOURCE": "100000",
    }


def _facts(process: subprocess.Popen[bytes], path: Path, output: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists():
            facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return facts
        time.sleep(0.02)
    raise RuntimeError(f"the demo did not start:\n{output.read_text(errors='replace')}")
