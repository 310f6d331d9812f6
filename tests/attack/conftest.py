"""What strangers, and merchants who mean harm, send: over the API with the real provider, and over
sockets to the real program."""

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
    """One `gavekort serve` for all tests of a run, with deadlines of a second."""
    folder = tmp_path_factory.mktemp("served")
    quick = {"header_timeout": "1", "body_timeout": "1", "slowest_rate": "100000"}
    quick |= {"connections_per_source": "200"}
    # What a session may grow to is met before how fast it may be changed.
    quick |= {"limits": '{"payer.changes": "100000/60"}'}
    with serving(repository, folder, files=None, **quick) as running:
        yield running


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each check of a card's MAC said; an unknown number has none."""
    ran: list[bool] = []
    real = Vault.pin_fits

    def fits(self: Vault, card: str, pin: str, kept: PinMac | None) -> bool:
        said = real(self, card, pin, kept)
        if kept is not None:
            ran.append(said)
        return said

    monkeypatch.setattr(Vault, "pin_fits", fits)
    return ran
