"""The ways through the program: which of its files and functions one request enters.

python -m tests.bench.ways [--list]

Counted are the functions of `backend` and `checkout_ui` that run while one request of the API is
answered, from its route to the database and the provider. What runs in the background is left out.
`docs/architecture.md` shows the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from backend.core.db import migrate
from tests.support.card_gateway import APPROVED, CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant, close_merchant, open_merchant

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = tuple(f"{_ROOT / folder}/" for folder in ("backend", "checkout_ui"))


@dataclass
class Way:
    """What one request entered: pairs of a file and a function's qualified name."""

    entered: set[tuple[str, str]] = field(default_factory=set)

    @property
    def files(self) -> list[str]:
        return sorted({file for file, _ in self.entered})

    def note(self, frame: FrameType, event: str, _arg: Any) -> None:
        code = frame.f_code
        # A comprehension or a lambda is a part of the function around it.
        if event == "call" and code.co_filename.startswith(_PROGRAM) and code.co_name[0] != "<":
            name = str(Path(code.co_filename).relative_to(_ROOT))
            self.entered.add((name, code.co_qualname))


@contextmanager
def followed() -> Iterator[Way]:
    """Note every function of ours that this thread enters."""
    way = Way()
    sys.setprofile(way.note)
    try:
        yield way
    finally:
        sys.setprofile(None)


async def ways(merchant: Merchant, card_gateway: CardGatewaySandbox) -> dict[str, Way]:
    """One payment with a gift card of 100.00 for an order of 400.00, step by step. Each request is
    made once before, so that what is read once in a process does not count."""
    found: dict[str, Way] = {}
    for _ in range(2):
        found = await _one_payment(merchant, card_gateway)
    return found


async def _one_payment(merchant: Merchant, card_gateway: CardGatewaySandbox) -> dict[str, Way]:
    card = await merchant.card()
    session_id = await merchant.ready()
    found: dict[str, Way] = {}

    async def request(name: str, make: Callable[[], Awaitable[Any]]) -> Any:
        with followed() as found[name]:
            answer = await make()
        assert answer.status_code in (200, 302), answer.text
        return answer

    gift_card = f"/v1/view/{session_id}/session/order/gift_card"
    added = {"token": card["number"], "pin": card["pin"]}
    await request("gift card added", lambda: merchant.api.put(gift_card, json=added))
    pay = {"payment_product_type": OPTION}
    path = f"/v1/sessions/{session_id}/pay"
    answer = await request("Pay", lambda: merchant.api.post(path, json=pay))
    back = card_gateway.pay(answer.json()["redirect_url"], APPROVED).headers["location"]
    await request("return from the provider", lambda: merchant.api.get(back))
    transaction_id = (await merchant.view(session_id)).transaction_id
    path = f"/v1/transactions/{transaction_id}/capture"
    await request("capture", lambda: merchant.api.post(path, json={"amount": 15000}))
    return found


async def _measured(folder: Path) -> dict[str, Way]:
    card_gateway = CardGatewaySandbox(_ROOT, folder)
    card_gateway.start()
    try:
        url = f"sqlite:///{folder / 'ways.db'}"
        await asyncio.to_thread(migrate, url)
        merchant = await open_merchant(url, card_gateway.base_url, "sk_test_of_the_ways")
        try:
            return await ways(merchant, card_gateway)
        finally:
            await close_merchant(merchant)
    finally:
        card_gateway.kill()
        card_gateway.http.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ways", description=__doc__)
    parser.add_argument("--list", action="store_true", help="also the files of each way")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(_measured(Path(folder)))
    print("| request | files | functions |\n| --- | --- | --- |")
    for name, way in found.items():
        print(f"| {name} | {len(way.files)} | {len(way.entered)} |")
        if options.list:
            print("\n".join(f"    {file}" for file in way.files))


if __name__ == "__main__":
    main()
