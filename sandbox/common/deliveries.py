"""Notifications that are sent when they are due, tried again until a 2xx, in any order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from sandbox.common.storage import Delivery
from sandbox.common.world import World

log = logging.getLogger(__name__)
_HELD_SECONDS = 0.25
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Sending:
    """One request to the merchant, made when it is sent."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Retry:
    """`gaps` are the seconds until the next attempt. The last one repeats until `tries` attempts
    were made."""

    gaps: tuple[int, ...]
    tries: int


Prepare = Callable[[Delivery], Sending | None]
"""Returns None if the target or the event is gone. Then it is never tried again."""


class Held(Exception):
    """It is not sent yet, because it waits for another one that has failed. This is no attempt."""


class Postman:
    def __init__(
        self, world: World, prepare: Prepare, retry: Retry, pass_time: Callable[[], None]
    ) -> None:
        self._world = world
        self._prepare = prepare
        self._retry = retry
        self._pass_time = pass_time
        self._under_way: set[int] = set()

    async def deliver_for_ever(self) -> None:
        """Deliver what is due, and do what has a deadline, until cancelled."""
        tasks: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as http:
            while True:
                self._world.woken.clear()
                try:
                    self._pass_time()
                    for delivery in self._world.storage.due_deliveries(time.time()):
                        if delivery.seq not in self._under_way:
                            self._under_way.add(delivery.seq)
                            task = asyncio.create_task(self._deliver(http, delivery))
                            tasks.add(task)
                            task.add_done_callback(tasks.discard)
                except Exception:
                    log.exception("the provider's clock tick failed")
                try:
                    await asyncio.wait_for(self._world.woken.wait(), 0.25)
                except TimeoutError:
                    continue

    async def _deliver(self, http: httpx.AsyncClient, delivery: Delivery) -> None:
        try:
            try:
                sending = self._prepare(delivery)
            except Held:
                self._world.storage.postpone(delivery, time.time() + _HELD_SECONDS)
                return
            if sending is None:
                self._world.storage.tried(delivery, "nowhere to send it", None)
                return
            try:
                response = await http.request(
                    sending.method,
                    sending.url,
                    content=sending.body,
                    headers=dict(sending.headers),
                )
                status, good = str(response.status_code), response.is_success
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                status, good = type(error).__name__, False
            gap = self._retry.gaps[min(delivery.tries, len(self._retry.gaps) - 1)]
            gap = int(self._world.setting("retry_gap")) or gap
            last = good or delivery.tries + 1 >= self._retry.tries
            self._world.storage.tried(delivery, status, None if last else time.time() + gap)
        finally:
            self._under_way.discard(delivery.seq)
