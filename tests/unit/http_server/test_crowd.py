"""The tests check which connection is closed when there are too many."""

from __future__ import annotations

import pytest

from backend.http_server.crowd import Crowd, Room, source_key
from backend.http_server.heads import Hosts


class _Connection:
    def __init__(self) -> None:
        self.open = True

    def give_way(self) -> None:
        self.open = False


def _crowd(count: int, source: str, room: Room) -> tuple[Crowd, list[_Connection]]:
    crowd, held = Crowd(), [_Connection() for _ in range(count)]
    for number, one in enumerate(held, 1):
        assert crowd.enter(one, source, room, number)
    return crowd, held


def test_the_oldest_of_the_same_source_gives_way() -> None:
    room = Room(total=100, per_source=3)
    crowd, held = _crowd(3, "192.0.2.1", room)
    other = _Connection()
    assert crowd.enter(other, "192.0.2.2", room, 4)
    assert crowd.enter(_Connection(), "192.0.2.1", room, 5)
    assert [one.open for one in held] == [False, True, True]
    assert other.open and crowd.gave_way == 1


def test_one_that_waits_for_us_never_gives_way() -> None:
    room = Room(total=100, per_source=2)
    crowd, held = _crowd(2, "192.0.2.1", room)
    for one in held:
        crowd.works(one)
    assert not crowd.enter(_Connection(), "192.0.2.1", room, 3)
    assert crowd.enter(_Connection(), "192.0.2.9", room, 3)
    crowd.waits(held[1])
    assert crowd.enter(_Connection(), "192.0.2.1", room, 4)
    assert [one.open for one in held] == [True, False]


def test_behind_a_proxy_only_the_whole_counts() -> None:
    room = Room(total=4, per_source=None)
    crowd, held = _crowd(4, "10.0.0.1", room)
    crowd.works(held[0])
    assert crowd.enter(_Connection(), "10.0.0.1", room, 5)
    assert [one.open for one in held] == [True, False, True, True]


def test_a_place_that_was_left_is_free_again() -> None:
    room = Room(total=100, per_source=2)
    crowd, held = _crowd(2, "192.0.2.1", room)
    crowd.leave(held[0])
    crowd.leave(held[0])
    assert crowd.enter(_Connection(), "192.0.2.1", room, 2)
    assert held[1].open and crowd.gave_way == 0


def test_what_has_left_is_not_counted_as_waiting() -> None:
    room = Room(total=1, per_source=5)
    crowd, held = _crowd(1, "192.0.2.1", room)
    crowd.leave(held[0])
    crowd.waits(held[0])
    assert not crowd.enter(_Connection(), "192.0.2.1", room, 2)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_whose_connection_it_is(address: str, key: str) -> None:
    assert source_key(address) == key


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("checkout.example", True), ("CHECKOUT.example", True), ("checkout.example.", True),
        ("pay.shop.example", True), ("127.0.0.1", True), ("10.1.2.3", True), ("[::1]", True),
        ("localhost", True), ("shop.localhost", True), ("evil.example", False),
        ("checkout.example.evil.example", False), ("xcheckout.example", False),
        ("127.0.0.1.evil.example", False), ("notlocalhost", False), ("", False),
    ],
)  # fmt: skip
def test_which_names_are_answered_for(name: str, allowed: bool) -> None:
    assert Hosts(frozenset({"checkout.example", "pay.shop.example"})).allow(name) is allowed
