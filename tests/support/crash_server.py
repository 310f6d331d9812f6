"""Run the API and the worker in one process that tests kill and control from outside.

The control is here and not in the product. It moves the clock, arms a crash point, and ends a
payment as the page does when the payer returns.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import uvicorn
from fastapi import Body, FastAPI

from backend import worker
from backend.api.app import create_api
from backend.core import context, crash_points
from backend.payments.attempts.resolve import reopen

_PR_SET_PDEATHSIG = 1


class _CrashAt:
    """Kills the process at the armed point, as a power cut would."""

    def __init__(self, point: str) -> None:
        self.point = point

    def __call__(self, reached: str) -> None:
        if reached == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


class _AheadClock:
    def __init__(self, seconds: float) -> None:
        self.ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def create_app(ahead: float, crash_at: str = "") -> FastAPI:
    """`ahead` is the number of seconds by which the clock is ahead of the machine's. `crash_at` is
    the point that is armed from the start."""
    clock = _AheadClock(ahead)
    armed = _CrashAt(crash_at)
    crash_points.build_in(armed)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = context.start()
        running.clock = clock
        at_work = worker.start(running)
        yield
        await at_work.stop()
        await context.stop()

    app = FastAPI(lifespan=lifespan)

    @app.post("/_test/clock")
    async def set_clock(ahead: float = Body(embed=True)) -> None:
        clock.ahead = timedelta(seconds=ahead)

    @app.post("/_test/crash_at")
    async def arm(point: str = Body(embed=True)) -> None:
        armed.point = point

    @app.post("/_test/reopen/{session_id}")
    async def reopen_session(session_id: str) -> None:
        await reopen(context.current(), session_id)

    app.mount("/", create_api())
    return app


def serve(environment: dict[str, str], port: int, ahead: float, crash_at: str = "") -> None:
    """What a killable process runs."""
    if sys.platform.startswith("linux"):
        # A killed test run must leave no server behind.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.update(environment)
    uvicorn.run(create_app(ahead, crash_at), host="127.0.0.1", port=port, log_level="error")
