"""The gate passes only messages that our pages send, and writes them anew. It refuses all
others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from checkout_ui.gate import frames
from checkout_ui.gate.allowed import Allowed
from checkout_ui.gate.arguments import Flag, Form, Number, Refused, Rule, Text

ALLOWED = Allowed(
    events={
        "s.press": Rule(),
        "s.choose": Rule({"kind": Text(only=frozenset({"a", "b"})), "key": Text(20)}),
        "s.count": Rule({"number": Number(), "sure": Flag()}, frozenset({"sure"})),
        "s.weigh": Rule({"weight": Number(whole=False)}),
        "s.submit": Rule(
            {"form": Form(frozenset({"email", "message"}), ("consent.",), {"message": 2000})}
        ),
        "s.load": Rule(),
    },
    connects="s.hydrate",
    stores="s.store",
    storage={"s.kept": 30},
    loads=frozenset({"s.load"}),
    reports=frozenset({"s.failed"}),
)
HERE = {"pathname": "/v1/view/1", "asPath": "/v1/view/1?a=b#c", "query": {"a": "b"}}


def event(name: str, payload: object = None, router_data: object = HERE, **more: Any) -> str:
    message = {"name": name, "payload": payload, "router_data": router_data, **more}
    return "42/_event," + json.dumps(["event", message])


def connect(event: object, **more: Any) -> str:
    return "40/_event," + json.dumps({"event": event, **more})


def boot(payload: object = None, **more: Any) -> dict[str, Any]:
    return {"name": "s.hydrate", "payload": payload, "router_data": HERE, **more}


def passed(frame: str) -> Any:
    """Return the message that the gate passes on."""
    read = frames.read(frame, ALLOWED)
    assert isinstance(read, frames.Event | frames.Connect)
    return json.loads(read.frame[len("42/_event,") :])


@pytest.mark.parametrize(
    ("name", "payload", "goes_on"),
    [
        ("s.press", {}, {}),
        ("s.press", None, {}),
        ("s.choose", {"kind": "a", "key": "æ"}, {"kind": "a", "key": "æ"}),
        ("s.count", {"number": 7}, {"number": 7}),
        ("s.count", {"number": -7, "sure": True}, {"number": -7, "sure": True}),
        ("s.weigh", {"weight": 0.5}, {"weight": 0.5}),
        ("s.submit", {"form": {}}, {"form": {}}),
        ("s.submit", {"form": {"consent.a": True, "email": None}}, {"form": {"consent.a": True}}),
        (
            "s.submit",
            {"form": {"email": "a@b", "consent.terms": "on", "else": "gone"}},
            {"form": {"email": "a@b", "consent.terms": "on"}},
        ),
        (
            "s.submit",
            {"form": {"__reflex_form_data__": [["email", "a"], ["else", "b"], ["email", "c"]]}},
            {"form": {"__reflex_form_data__": [["email", "a"], ["email", "c"]]}},
        ),
        (
            "s.submit",
            {"form": {"__reflex_form_data__": [["email", "a"]], "email": "b"}},
            {"form": {"email": "b"}},
        ),
        ("s.submit", {"form": {"message": "m" * 2000}}, {"form": {"message": "m" * 2000}}),
        ("s.store", {"vars": {"s.kept": "x" * 30}}, {"vars": {"s.kept": "x" * 30}}),
        ("s.store", {"vars": {}}, {"vars": {}}),
    ],
)
def test_what_a_page_sends_passes(name: str, payload: Any, goes_on: Any) -> None:
    assert passed(event(name, payload)) == [
        "event",
        {"name": name, "payload": goes_on, "router_data": HERE},
    ]


def test_nothing_but_what_is_known_goes_on() -> None:
    more = {"token": "t", "substate_token": "t", "handler": "uploadFiles", "event_actions": {}}
    where = {**HERE, "headers": {"cookie": "c"}, "ip": "1.2.3.4", "token": "t"}
    (_, sent) = passed(event("s.press", {}, where, **more))
    assert sent == {"name": "s.press", "payload": {}, "router_data": HERE}


def test_connecting() -> None:
    hashes = ["0a", "1b"]
    kept = {"vars": {"s.kept": "x"}, "hashes": hashes}
    assert passed(connect(boot(kept), state_schema="ab12", else_="gone")) == {
        "event": {"name": "s.hydrate", "payload": kept, "router_data": HERE},
        "state_schema": "ab12",
    }
    assert passed(connect(boot())) == {
        "event": {"name": "s.hydrate", "payload": {}, "router_data": HERE}
    }


@pytest.mark.parametrize(
    "frame",
    [
        connect(None),
        connect([]),
        connect({"name": "s.press", "router_data": HERE}),
        connect({"name": ["s.hydrate"], "router_data": HERE}),
        connect(boot({"vars": {"s.else": "x"}})),
        connect(boot({"vars": {"s.kept": 1}})),
        connect(boot({"vars": {"s.kept": "x" * 31}})),
        connect(boot({"hashes": "ab"})),
        connect(boot({"hashes": ["a"] * 201})),
        connect(boot({"hashes": ["\n"]})),
        connect(boot({"else": 1})),
        connect(boot([1])),
        connect(boot(), state_schema="a b"),
        connect(boot(), state_schema=["a"]),
        "40/_event,",
        "40/_event,{}",
        "40/_event,[]",
        "40",
        '40{"event":{}}',
        '40/other,{"event":{}}',
    ],
)
def test_a_connection_of_another_kind_is_refused(frame: str) -> None:
    with pytest.raises(Refused):
        frames.read(frame, ALLOWED)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("s.hydrate", {}),
        ("s.unknown", {}),
        ("", {}),
        ("s.press", {"x": 1}),
        ("s.press", [1]),
        ("s.press", "x"),
        ("s.choose", {"kind": "a"}),
        ("s.choose", {"kind": "c", "key": "x"}),
        ("s.choose", {"kind": "a", "key": "x" * 21}),
        ("s.choose", {"kind": "a", "key": "x", "more": "x"}),
        ("s.choose", {"kind": "a", "key": ["x"]}),
        ("s.choose", {"kind": "a", "key": None}),
        ("s.choose", {"kind": "a", "key": "\0"}),
        ("s.choose", {"kind": "a", "key": "\ud800"}),
        ("s.count", {"number": "7"}),
        ("s.count", {"number": True}),
        ("s.count", {"number": 7.5}),
        ("s.count", {"number": 10**30}),
        ("s.count", {"number": 7, "sure": 1}),
        ("s.submit", {}),
        ("s.submit", {"form": []}),
        ("s.submit", {"form": "email"}),
        ("s.submit", {"form": {"email": 1}}),
        ("s.submit", {"form": {"email": {"$ne": 1}}}),
        ("s.submit", {"form": {"email": "x" * 501}}),
        ("s.submit", {"form": {f"f{i}": "x" for i in range(101)}}),
        ("s.submit", {"form": {"x" * 301: "x"}}),
        ("s.submit", {"form": {"__reflex_form_data__": {"email": "a"}}}),
        ("s.submit", {"form": {"__reflex_form_data__": [["email"]]}}),
        ("s.submit", {"form": {"__reflex_form_data__": [["email", 1]]}}),
        ("s.store", {"vars": {"s.else": "x"}}),
        ("s.store", {"vars": {"s.kept": "x" * 31}}),
        ("s.store", {"vars": [["s.kept", "x"]]}),
        ("s.store", {}),
        ("s.store", None),
    ],
)
def test_what_no_page_sends_is_refused(name: str, payload: Any) -> None:
    with pytest.raises(Refused):
        frames.read(event(name, payload), ALLOWED)


@pytest.mark.parametrize(
    "router_data",
    [
        None, [], "x", {}, {"pathname": "/"},
        {**HERE, "pathname": "v1"}, {**HERE, "asPath": "//[x"}, {**HERE, "asPath": "/a b"},
        {**HERE, "asPath": "/a\nb"}, {**HERE, "asPath": "/?sid=%00"}, {**HERE, "asPath": "\\x"},
        {**HERE, "pathname": "/" + "x" * 400}, {**HERE, "asPath": "/" + "x" * 8000},
        {**HERE, "query": {"a": ["b"]}}, {**HERE, "query": {"a": 1}}, {**HERE, "query": ["a"]},
        {**HERE, "query": {f"q{i}": "x" for i in range(101)}}, {**HERE, "query": {"\0": "x"}},
    ],
)  # fmt: skip
def test_an_address_that_no_browser_shows_is_refused(router_data: Any) -> None:
    for frame in (
        event("s.press", {}, router_data),
        connect({**boot(), "router_data": router_data}),
    ):
        with pytest.raises(Refused):
            frames.read(frame, ALLOWED)


@pytest.mark.parametrize(
    "frame",
    [
        "", "2", "2probe", "5", "6", "0", "4", "42", '42["event",{}]', "bAAAA", "44/_event,", "3x",
        "42/_event,", "42/_event,x", "42/_event,[]", '42/_event,["event"]', "42/_event,{}",
        '42/_event,["event",1]', '42/_event,["event",{},{}]', '42/_event,["ping"]',
        '42/_event,["event","{}"]', '42/_event,7["event",{}]', '42/_event,["disconnect",{}]',
        "43/_event,1[]", '451-/_event,["event",{}]', "46/_event,", "41", "41/other,",
        "42/_event,[" + "[" * 50_000, '42/_event,["event",{"name":NaN}]',
        '42/_event,["event",{"name":' + "9" * 5000 + "}]", "x" * 65_537,
        event("s.press", {}, [[[[[[[[[1]]]]]]]]]),
    ],
)  # fmt: skip
def test_a_message_of_another_shape_is_refused(frame: str) -> None:
    with pytest.raises(Refused):
        frames.read(frame, ALLOWED)


def test_what_a_browser_reports_is_known_as_that() -> None:
    report = {"info": "x" * 30_000}
    assert frames.read(event("s.failed", report), ALLOWED) == frames.Report()
    assert frames.read('42/_event,["client_error",{"message":"x"}]', ALLOWED) == frames.Report()


def test_the_rest_of_what_a_browser_says() -> None:
    for frame in ("3", "41/_event,", "1"):
        read = frames.read(frame, ALLOWED)
        assert not isinstance(read, frames.Report) and read.frame == frame
    loads = frames.read(event("s.load"), ALLOWED)
    assert isinstance(loads, frames.Event) and loads.loads
