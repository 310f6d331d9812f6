"""A source that ignores `Retry-After` gets its refusals a second late, and nobody else does."""

from __future__ import annotations

import asyncio

import pytest

from backend.api import pacing
from backend.api.pacing import AT_ONCE, LATE_SECONDS, Pace


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect how long each refusal would wait, without waiting."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("backend.api.pacing.asyncio.sleep", sleep)
    return waits


class Loop:
    """A loop whose time stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr("backend.api.pacing.asyncio.get_running_loop", lambda: loop)
    return loop


async def test_the_first_refusals_come_at_once_and_a_flood_is_slowed_down(
    loop: Loop, slept: list[float]
) -> None:
    pace = Pace()
    for _ in range(AT_ONCE):
        await pace.wait("a")
    assert slept == []
    for _ in range(5):
        await pace.wait("a")
    assert slept == [LATE_SECONDS] * 5
    await pace.wait("b")
    assert len(slept) == 5, "another source is not slower"
    loop.now += 1
    for _ in range(3):
        await pace.wait("a")
    assert len(slept) == 6, "two a second come at once"
    loop.now += 3600
    for _ in range(AT_ONCE):
        await pace.wait("a")
    assert len(slept) == 6, "whoever was quiet begins anew"


async def test_only_so_many_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "MAX_LATE", 3)
    waiting, go = 0, asyncio.Event()

    async def sleep(_seconds: float) -> None:
        nonlocal waiting
        waiting += 1
        await go.wait()

    monkeypatch.setattr("backend.api.pacing.asyncio.sleep", sleep)
    pace = Pace()
    async with asyncio.timeout(30):
        for _ in range(AT_ONCE):
            await pace.wait("a")
        late = [asyncio.create_task(pace.wait("a")) for _ in range(3)]
        while waiting < 3:
            await asyncio.wait(late, timeout=0.01)
        await pace.wait("a")
        assert waiting == 3, "beyond that they are answered at once"
        go.set()
        await asyncio.gather(*late)


async def test_what_is_kept_of_sources_is_bounded(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    monkeypatch.setattr(pacing, "MAX_SOURCES", 50)
    pace = Pace()
    for number in range(500):
        await pace.wait(f"source {number}")
    assert len(pace._sources) <= 50
    assert slept == []
