"""A server of its own over a database with one merchant, and what its pages may send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.event_socket import SECRET, Served, serve

_NOBODY = "http://127.0.0.1:9"
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

NewServer = Callable[..., Served]


@pytest.fixture
async def merchant(sqlite_url: str) -> AsyncIterator[Merchant]:
    """With the server's database, in this process."""
    merchant = await open_merchant(sqlite_url, _NOBODY, "sk_test_nobody")
    yield merchant
    await close_merchant(merchant)


@pytest.fixture
def new_server(
    merchant: Merchant, built_frontend: Path, repository: Path, sqlite_url: str, tmp_path: Path
) -> Iterator[NewServer]:
    """Starts `gavekort serve` with these settings."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(
            serve(repository, sqlite_url, tmp_path / "serve.log", **settings)
        )


@pytest.fixture(scope="session")
def events(built_frontend: Path, repository: Path) -> dict[str, Any]:
    """The names that the framework registers, and what the gate lets in."""
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
