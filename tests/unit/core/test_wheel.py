"""A process has one timer. The tests run it on a clock that they move."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from backend.core import wheel as wheels
from backend.core.wheel import Wheel
from tests.support.clock import SteppedClock
from tests.support.waiting import pause_async, until_holds

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def until(rung: list[str], count: int) -> None:
    await until_holds(lambda: len(rung) >= count, f"{count} rings")


async def test_it_rings_in_the_order_of_the_moments_when_the_clock_is_moved() -> None:
    clock = SteppedClock(NOON)
    wheel = Wheel(clock.now)
    rung: list[str] = []
    for seconds, name in ((7200, "late"), (60, "early"), (3600, "middle")):
        wheel.at(after(seconds), partial(rung.append, name))
    await pause_async(wheels.TICK * 1.5, "the wheel has looked once")
    assert rung == []
    clock.advance(timedelta(seconds=3600))
    await until(rung, 2)
    assert rung == ["early", "middle"]
    assert len(wheel) == 1
    clock.advance(timedelta(days=1))
    await until(rung, 3)
    assert (rung[-1], len(wheel)) == ("late", 0)
    wheel.close()


async def test_what_is_earlier_than_all_others_does_not_wait_for_them() -> None:
    clock = SteppedClock(NOON)
    wheel = Wheel(clock.now)
    rung: list[str] = []
    wheel.at(after(3600), lambda: rung.append("later"))
    await asyncio.sleep(0)
    wheel.at(after(-1), lambda: rung.append("at once"))
    await until(rung, 1)
    assert rung == ["at once"]
    wheel.close()


async def test_a_cancelled_timer_does_not_ring_and_leaves_no_room_taken() -> None:
    clock = SteppedClock(NOON)
    wheel = Wheel(clock.now)
    rung: list[str] = []
    for number in range(1000):
        timer = wheel.at(after(60 + number), lambda: rung.append("cancelled"))
        wheel.cancel(timer)
        wheel.cancel(timer)
    kept = wheel.at(after(30), lambda: rung.append("kept"))
    assert len(wheel) == 1
    assert len(wheel._heap) < 200
    clock.advance(timedelta(hours=1))
    await until(rung, 1)
    wheel.cancel(kept)
    assert (rung, len(wheel)) == (["kept"], 0)
    wheel.close()


async def test_one_that_fails_stops_no_other() -> None:
    clock = SteppedClock(NOON)
    wheel = Wheel(clock.now)
    rung: list[str] = []

    def fail() -> None:
        raise RuntimeError("no good")

    wheel.at(after(1), fail)
    wheel.at(after(2), lambda: rung.append("next"))
    clock.advance(timedelta(seconds=5))
    await until(rung, 1)
    assert rung == ["next"]
    # The wheel starts again after it has stopped.
    wheel.at(after(6), lambda: rung.append("again"))
    clock.advance(timedelta(seconds=5))
    await until(rung, 2)
    assert rung == ["next", "again"]
    wheel.close()
