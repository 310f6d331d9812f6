"""A stranger's program: wrong PINs over many connections, as fast as the answers come.

`python -m tests.bench.flood`: one JSON object on standard input (`base_url`, `address` to come
from, `connections`, `paths`, `numbers`), then it floods until standard input ends. It prints one
line once every connection has had an answer, and one at its end: how many answers by status.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter
from typing import Any
from urllib.parse import urlsplit


async def _connection(facts: dict[str, Any], place: int, answers: Counter[str]) -> None:
    address = urlsplit(facts["base_url"])
    reader, writer = await asyncio.open_connection(
        address.hostname, address.port, local_addr=(facts["address"], 0)
    )
    paths, numbers = facts["paths"], facts["numbers"]
    try:
        for guess in itertools.count(place):
            body = json.dumps(
                {"token": numbers[guess % len(numbers)], "pin": f"{guess % 10000:04}"}
            )
            head = (
                f"PUT {paths[place % len(paths)]} HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write((head + body).encode())
            answers[await _status(reader)] += 1
    finally:
        writer.close()


async def _status(reader: asyncio.StreamReader) -> str:
    """Read one whole answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.lower().split("\r\n")
    lengths = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return head.split(" ")[1]


async def _flood(facts: dict[str, Any]) -> None:
    answers: Counter[str] = Counter()
    tasks = [
        asyncio.create_task(_connection(facts, place, answers))
        for place in range(facts["connections"])
    ]
    while answers.total() < facts["connections"]:
        await asyncio.sleep(0.05)
        for task in tasks:
            if task.done():
                task.result()
    print(json.dumps(answers), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    asyncio.run(_flood(json.loads(sys.stdin.readline())))
