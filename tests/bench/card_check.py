"""How long an honest payer's card check takes, alone and beside a flood of wrong PINs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx

from tests.bench.figures import heading, line, milliseconds
from tests.bench.merchant import Merchant
from tests.bench.running import REPOSITORY
from tests.bench.size import Size

CONNECTIONS = 40
STRANGER, PAYER = "127.0.0.3", "127.0.0.2"
"""Two addresses of this machine, so that the two are two sources."""
_SECONDS_TO_SETTLE = 2.0


def card_check(facts: dict[str, Any], *, size: Size) -> float:
    """Print the figures; return how many times as long the check takes beside the flood."""
    heading(f"A payer's card check, alone and beside {CONNECTIONS} connections of wrong PINs")
    count = size.pick(150, 30, 3)
    prepared = asyncio.run(_prepare(facts, 2 * count + 1))
    asyncio.run(_checks(facts, prepared[:1]))  # connections and caches are warm
    alone = asyncio.run(_checks(facts, prepared[1 : count + 1]))
    line("alone", milliseconds(alone))
    paths, numbers = asyncio.run(_targets(facts))
    with _flood(facts, paths, numbers) as program:
        time.sleep(_SECONDS_TO_SETTLE)  # the first guesses are counted, the others refused
        begun = time.perf_counter()
        beside = asyncio.run(_checks(facts, prepared[count + 1 :]))
        seconds = time.perf_counter() - begun
        answers = _end(program)
    line("beside the flood", milliseconds(beside))
    ratio = median(beside) / median(alone)
    line("beside the flood / alone, p50", f"{ratio:.2f}")
    by_status = ", ".join(f"{status}: {n}" for status, n in sorted(answers.items()))
    line("answers to the flood, by status", f"{by_status}   (in {seconds:.0f} s and the settling)")
    return ratio


async def _prepare(facts: dict[str, Any], count: int) -> list[tuple[str, tuple[str, str]]]:
    """A session and a card for each check."""
    merchant = Merchant(facts, 4)
    try:
        await merchant.sign_in()
        made = []
        for _ in range(count):
            session = await merchant.create_session()
            made.append((str(session["id"]), await merchant.issue_card(10000)))
        return made
    finally:
        await merchant.close()


async def _targets(facts: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Where the stranger knocks: a session for each connection; numbers that exist, and others."""
    merchant = Merchant(facts, 4)
    try:
        await merchant.sign_in()
        sessions = [str((await merchant.create_session())["id"]) for _ in range(CONNECTIONS)]
        known = [(await merchant.issue_card(10000))[0] for _ in range(10)]
    finally:
        await merchant.close()
    made_up = [f"9{place:015}" for place in range(10)]
    return [_path(session) for session in sessions], known + made_up


def _path(session_id: str) -> str:
    return f"/v1/view/{session_id}/session/order/gift_card"


async def _checks(
    facts: dict[str, Any], prepared: list[tuple[str, tuple[str, str]]]
) -> list[float]:
    """Return the milliseconds of each. Raises RuntimeError if a right PIN was refused."""
    took = []
    transport = httpx.AsyncHTTPTransport(local_address=PAYER)
    async with httpx.AsyncClient(
        base_url=facts["base_url"], transport=transport, timeout=60.0
    ) as payer:
        await payer.get("/ping")
        for session_id, (number, pin) in prepared:
            begun = time.perf_counter()
            answer = await payer.put(_path(session_id), json={"token": number, "pin": pin})
            took.append((time.perf_counter() - begun) * 1000)
            if answer.status_code != httpx.codes.OK:
                raise RuntimeError(f"{answer.status_code}: {answer.text}")
    return took


@contextmanager
def _flood(
    facts: dict[str, Any], paths: list[str], numbers: list[str]
) -> Iterator[subprocess.Popen[str]]:
    """The program, once each of its connections has had an answer."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.flood"],
        cwd=REPOSITORY,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        wanted = {
            "base_url": facts["base_url"],
            "address": STRANGER,
            "connections": CONNECTIONS,
            "paths": paths,
            "numbers": numbers,
        }
        assert program.stdin is not None and program.stdout is not None
        program.stdin.write(json.dumps(wanted) + "\n")
        program.stdin.flush()
        if not program.stdout.readline():
            raise RuntimeError("the flood did not begin")
        yield program
    finally:
        program.kill()
        program.wait()


def _end(program: subprocess.Popen[str]) -> dict[str, int]:
    text, _ = program.communicate(timeout=30)
    answers: dict[str, int] = json.loads(text)
    return answers
