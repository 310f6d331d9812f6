"""Wait for an event and not for a time.

No other file of the tests sleeps (`scripts/fixed_waits.py` checks it). A test waits with `until`
for what it needs. If nothing may happen, `stays` looks all the time. If a test needs time itself to
pass, `pause` says why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from playwright.sync_api import Page

SECONDS = 60.0
"""Much longer than anything takes that comes at all, on a machine that does other things too."""
_LOOK_AGAIN = 0.02
_LOOK_AGAIN_MS = 50

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, *, seconds: float = SECONDS) -> T:
    """Return the first true answer of `look`. Raises AssertionError with `what` if none comes."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(_LOOK_AGAIN)
    return found


def until_on(page: Page, look: Callable[[], T | None], what: str, *, seconds: float = SECONDS) -> T:
    """Do the same as `until` beside a browser, and handle its pages' events meanwhile."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        page.wait_for_timeout(_LOOK_AGAIN_MS)
    return found


async def until_holds(holds: Callable[[], object], what: str = "what the test waits for") -> None:
    """Wait in an event loop until `holds` is true. AssertionError with `what` if it never is."""

    async def look() -> object:
        return holds()

    await until_async(look, what)


async def until_async(
    look: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = SECONDS
) -> T:
    """Do the same as `until` in an event loop."""
    deadline = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(_LOOK_AGAIN)
    return found


def stays(page: Page, holds: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Check for `seconds` that `holds` stays true, because no later event proves that something did
    not happen. Raises AssertionError with `what` as soon as it is false."""
    deadline = time.monotonic() + seconds
    while True:
        assert holds(), what
        if time.monotonic() > deadline:
            return
        page.wait_for_timeout(_LOOK_AGAIN_MS)


def pause(seconds: float, why: str) -> None:
    """Let time pass if the test needs time itself. `why` is for the reader."""
    assert why
    time.sleep(seconds)


def pause_on(page: Page, seconds: float, why: str) -> None:
    """Do the same as `pause` beside a browser."""
    assert why
    page.wait_for_timeout(seconds * 1000)


async def pause_async(seconds: float, why: str) -> None:
    """Do the same as `pause` in an event loop."""
    assert why
    await asyncio.sleep(seconds)
