"""Fixtures for what strangers and hostile merchants send, to the API with the real provider and to
the real program over sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core.vault import PinMac, Vault
from tests.api.conftest import *  # noqa: F403
from tests.api.conftest import _card_gateway  # noqa: F401
from tests.support.served import Served, serving


@pytest.fixture(scope="session")
def served(
    repository: Path, built_frontend: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Run one `gavekort serve` for all tests of a run, with deadlines of a second."""
    folder = tmp_path_factory.mktemp("served")
    quick = {"header_timeout": "1", "body_timeout": "1", "slowest_rate": "100000"}
    quick |= {"connections_per_source": "200"}
    # Let the limit on a session's size apply before the limit on how often it changes.
    quick |= {"limits": '{"payer.changes": "100000/60"}'}
    with serving(repository, folder, files=None, **quick) as running:
        yield running


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Collect the result of each check of a card's MAC. An unknown number has no check."""
    ran: list[bool] = []
    real = Vault.pin_fits

    def fits(self: Vault, card: str, pin: str, kept: PinMac | None) -> bool:
        said = real(self, card, pin, kept)
        if kept is not None:
            ran.append(said)
        return said

    monkeypatch.setattr(Vault, "pin_fits", fits)
    return ran
