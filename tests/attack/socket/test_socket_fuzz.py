"""Send every event name that the framework registers, with payloads that no page sends."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from tests.support.event_socket import CHECKOUT, ROOT, Client, Place, Served, client, until

MARK = "Geheim4321"
BOMB = "can't access property \"" * 1000
MESSAGES = 1000
HELD = 0.05

DEEP: Any = MARK
for _ in range(400):
    DEEP = [DEEP]

NASTY: list[Any] = [
    {"info": BOMB + MARK, "component_stack": BOMB},
    {"info": f"{MARK}\n2026-01-01 ERROR \x1b[31mforged\x1b[0m\r\n", "component_stack": ""},
    {"var_name": "stage", "value": MARK},
    {"vars": {f"{CHECKOUT}.stage_rx_state_": "paid"}},
    {"vars": {f"{CHECKOUT}.open_details_rx_state_": MARK * 100}},
    {"vars": {"": MARK, "a.b.c": MARK}},
    {"value": True, "x": MARK},
    {"form_data": DEEP},
    {"form_data": {"unknown": MARK}},
    {"form_data": {f"field{i}": MARK for i in range(500)}},
    {"form_data": {"email": MARK * 1000}},
    {"form_data": {"gift_card_number": [MARK], "gift_card_pin": {"$ne": MARK}}},
    {"form_data": {"__reflex_form_data__": [["email", MARK, MARK]]}},
    {"form_data": {"__reflex_form_data__": {"email": MARK}}},
    {"form_data": {"seen": MARK, "seen_order": "9" * 400}},
    {"form_data": {"message": json.dumps({"kind": "hello", "page": MARK, "origin": MARK})}},
    {"form_data": {"shipping_address.country": f"\ud800{MARK}"}},
    {"form_data": {"scc": f"\0{MARK}"}},
    {"key": f"{MARK}'; DROP TABLE checkout_session; --"},
    {"code": MARK, "self": MARK, "__class__": MARK},
    {"tag": MARK * 3, "kind": MARK, "country": MARK},
    {"kind": "shipping_address", "country": 10**400},
    [MARK],
    MARK,
    {MARK: MARK},
]
WRAPPINGS: list[Callable[[dict[str, Any]], str]] = [
    lambda event: "42/_event," + json.dumps(["event", event]),
    lambda event: "42/_event," + json.dumps(["event", json.dumps(event)]),
    lambda event: "42/_event,17" + json.dumps(["event", event]),
    lambda event: "42/_event," + json.dumps(["client_error", event]),
    lambda event: "42/_event," + json.dumps([event["name"], event]),
    lambda event: "40/_event," + json.dumps({"event": event, "state_schema": MARK}),
    lambda event: "42" + json.dumps(["event", event]),
    lambda event: "451-/_event," + json.dumps(["event", {"_placeholder": True, "num": 0}]),
    lambda event: "42/_event," + json.dumps(["event", event])[: -len(MARK)],
    lambda event: "b" + json.dumps(["event", event]),
]
ADDRESSES: list[Any] = [
    None,
    {"pathname": f"//[{MARK}", "asPath": f"//[{MARK}", "query": {}},
    {"pathname": f"/{MARK}" * 2000, "asPath": "/", "query": {}},
    {"pathname": "/", "asPath": f"/?sid=%00{MARK}\n", "query": {MARK: [MARK]}},
    {"pathname": 1, "asPath": {"a": MARK}, "query": MARK, "headers": {"cookie": MARK}},
]


def _messages(names: list[str], path: str) -> Iterator[str]:
    """Return more than a thousand messages: each name with each payload in some form."""
    shapes = itertools.cycle(WRAPPINGS)
    places = itertools.cycle([None] * 4 + ADDRESSES)
    for name, payload in itertools.product(names, NASTY):
        for wrap in (WRAPPINGS[0], next(shapes)):
            event = {"name": name, "payload": payload, "token": MARK, "substate_token": MARK}
            event["router_data"] = next(places) or {"pathname": path, "asPath": path, "query": {}}
            yield wrap(event)


async def test_a_thousand_messages_that_no_page_sends(
    usual: Place, events: dict[str, Any], source: tuple[str, int]
) -> None:
    """The fixture in conftest checks at the end that the log holds only counts."""
    till, begins = usual.till, len(usual.served.log_lines())
    session_id = till.session()
    path = f"/v1/view/{session_id}"
    async with client(usual.served, path) as honest:
        await honest.hello()
        await honest.until("stage", "open")
        await until(lambda: "VISITED" in till.names(session_id))
    before = _without_visits(till.read(session_id))
    names = [*events["registered"], f"{ROOT}.__init__", f"{CHECKOUT}._show_missing", MARK, ""]
    messages = _some(list(_messages(names, path)))
    assert {name for name in names if not any(f'"{name}"' in m for m in messages)} == set()
    held = await _send_all(usual.served, path, messages)
    assert len(held) == MESSAGES
    assert [(seconds, message) for seconds, message in held if seconds >= HELD] == []
    # The page still works, and the session is unchanged.
    async with client(usual.served, path) as honest:
        await honest.hello()
        await honest.until("stage", "open")
    assert _without_visits(till.read(session_id)) == before
    await until(lambda: len(usual.served.log_lines()) > begins)
    assert not any(MARK in line for line in usual.served.log_lines()[begins:])


def _without_visits(session: dict[str, Any]) -> dict[str, Any]:
    """Each opening of the page records the visitor."""
    names = [event["name"] for event in session["events"] if event["name"] != "VISITED"]
    left = {key: value for key, value in session.items() if key != "updated_at"}
    return {**left, "events": names}


def _some(messages: list[str]) -> list[str]:
    """Return MESSAGES of them, spread from the first to the last."""
    return [messages[i * len(messages) // MESSAGES] for i in range(MESSAGES)]


async def _send_all(served: Served, path: str, messages: list[str]) -> list[tuple[float, str]]:
    """Return how long the event loop computed for each of them."""
    held: list[tuple[float, str]] = []
    left = iter(messages)
    async with httpx.AsyncClient(base_url=served.base_url) as http:
        while len(held) < len(messages):
            async with client(served, path) as attacker:
                await attacker.hello()
                await attacker.until("stage")
                for message in left:
                    held.append((await _held_by(attacker, served, http, message), message[:200]))
                    if attacker.socket.close_code is not None:
                        # The server closes the socket after this number of bad messages.
                        break
    return held


async def _held_by(
    attacker: Client, served: Served, http: httpx.AsyncClient, message: str
) -> float:
    began = served.busy()
    with suppress(ConnectionClosed):
        await attacker.socket.send(message)
    # The answer comes after the server has handled the message, because the loop does one thing at
    # a time.
    assert (await http.get("/ping")).status_code == 200
    return served.busy() - began


def test_the_list_is_what_the_built_pages_send(
    events: dict[str, Any], built_frontend: Path
) -> None:
    """Read the names in another way, from the scripts that the browser receives."""
    scripts = [
        file.read_text(encoding="utf-8")
        for file in (built_frontend / "assets").glob("*.js")
        if not file.name.startswith(("context", "reflex-env"))
    ]
    sent = {
        name
        for name in events["registered"]
        for script in scripts
        if re.search(rf'["`\']{re.escape(name)}["`\']', script)
    }
    ours = {name for name in sent if "checkout_ui___" in name}
    loads = {name for name in events["allowed"] if name.endswith(".on_load_internal")}
    assert set(events["allowed"]) == ours | loads
    assert {name.rpartition(".")[2] for name in set(events["registered"]) - ours} >= {
        "watch",
        "load",
        "arrive",
        "setvar",
        "hydrate",
        "set_is_hydrated",
        "handle_frontend_exception",
    }
    assert list(events["storage"]) == [f"{CHECKOUT}.open_details_rx_state_"]
