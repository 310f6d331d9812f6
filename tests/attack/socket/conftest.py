"""Two servers with a merchant each, and what their pages may send. Everything that these tests send
comes from strangers, so the servers' logs may hold only counts."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.event_socket import SECRET, Place, ProviderHarness, new_client, serve

_LIST = """
import json, sys
from checkout_ui.checkout_ui import app
from checkout_ui.gate.allowed import allowed_of
from reflex_base.registry import RegistrationContext
allowed = allowed_of(app)
json.dump({
    "registered": sorted(RegistrationContext.get().event_handlers),
    "allowed": sorted(allowed.events), "connects": allowed.connects, "stores": allowed.stores,
    "storage": dict(allowed.storage), "reports": sorted(allowed.reports),
}, sys.stdout)
"""

_COUNTS = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ WARNING checkout_ui\.gate\.counts"
    r"(?: \[[0-9a-f-]{36}\])?: the event socket dropped \d+ messages or sockets"
    r" of \d+ sources: [a-z ]+ \d+(, [a-z ]+ \d+)*"
    r"|.* backend\.core\.logs(?: \[[0-9a-f-]{36}\])?: \d+ lines like earlier ones were left out"
)
_numbers = itertools.count(10)


@contextmanager
def _place(repository: Path, template: Path, directory: Path, **settings: Any) -> Iterator[Place]:
    database = directory / "gavekort.db"
    shutil.copyfile(template, database)
    url, log = f"sqlite:///{database}", directory / "serve.log"
    client = asyncio.run(new_client(url))
    with serve(repository, url, log, socket_log_interval=1, **settings) as served:
        till = ProviderHarness(served, client)
        yield Place(served, till)
        till.http.close()
    lines = served.log_lines()
    assert [line for line in lines if not _COUNTS.fullmatch(line)] == []


@pytest.fixture(scope="session")
def usual(
    built_frontend: Path,
    repository: Path,
    _sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    """Run a server with the usual limits, but without a limit on the messages of a source."""
    fast = {"socket_messages_per_second": 1e5, "socket_messages_per_second_and_source": 1e5}
    directory = tmp_path_factory.mktemp("usual")
    with _place(repository, _sqlite_template, directory, **fast) as place:
        yield place


@pytest.fixture(scope="session")
def tight(
    built_frontend: Path,
    repository: Path,
    _sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    """Run a server with limits that a test can reach."""
    low = {
        "sockets": 9,
        "sockets_per_source": 5,
        "socket_messages_per_second": 5,
        "socket_messages_per_second_and_source": 20,
        "socket_idle": 2,
    }
    directory = tmp_path_factory.mktemp("tight")
    with _place(repository, _sqlite_template, directory, **low) as place:
        yield place


@pytest.fixture
def source() -> tuple[str, int]:
    """Return an address of this machine that no other test uses as its source."""
    return f"127.0.1.{next(_numbers)}", 0


@pytest.fixture(scope="session")
def events(built_frontend: Path, repository: Path) -> dict[str, Any]:
    """Return the names that the framework registers and those that the gate lets in."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST],
        cwd=repository,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(repository),
            "REFLEX_ENV_MODE": "prod",
            "__REFLEX_SKIP_COMPILE": "1",
            "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "1",
            "GAVEKORT_SECRET_KEY": SECRET,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
