"""The source of a request comes from what proxies write, and not from what strangers invent."""

from __future__ import annotations

import pytest

from backend.limits.source import UNKNOWN, client_address, networks_of, read_address


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.2.3.4", "1.2.3.4"),
        (" 1.2.3.4 ", "1.2.3.4"),
        ("1.2.3.4:567", "1.2.3.4"),
        ('"1.2.3.4:567"', "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ("64:ff9b::102:304", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:DB8:0:0::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:1", "fe80::1"),
    ],
)
def test_an_address_is_read_as_proxies_write_it(written: str, meant: str) -> None:
    assert str(read_address(written)) == meant


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "1.2.3.4:port", "1.2.3.4:123456",
        "[1.2.3.4", "2001:db8::1]:443", "01.2.3.4", "localhost", "1.2.3.4\n", "x" * 5000,
        "2001:db8::1:2:3:4:5:6:7:8", "1.2.3.4/8", "0x7f.1", "2001:db8:1:2::/64", "/run/socket",
    ],
)  # fmt: skip
def test_what_is_no_address_is_one_shared_source(written: str) -> None:
    if written != "1.2.3.4\n":  # blanks around the address do not belong to it
        assert read_address(written) is None
        assert networks_of(written) == (UNKNOWN,)


def test_networks_are_the_narrowest_first() -> None:
    assert networks_of("1.2.3.4:99") == ("1.2.3.4",)
    assert networks_of("::ffff:1.2.3.4") == ("1.2.3.4",)
    assert networks_of("2001:db8:1:2:3:4:5:6") == (
        "2001:db8:1:2::/64",
        "2001:db8:1::/56",
        "2001:db8:1::/48",
    )
    assert networks_of("2001:db8:1:2::1")[0] == "2001:db8:1:2::/64"
    assert networks_of("fe80::1%eth0")[0] == "fe80::/64"
    assert networks_of("192.0.2.1") == ("192.0.2.1",)
    # Two lines of one customer have the /56 in common, two customers of one company the /48.
    assert networks_of("2001:db8:1:2ff::1")[1] == "2001:db8:1:200::/56"
    assert networks_of("2001:db8:1:2ff::1")[2] == networks_of("2001:db8:1:2::1")[2]


PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("lines", "hops", "meant"),
    [
        ([], 0, PEER),
        (["1.2.3.4"], 0, PEER),
        (["1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6,1.2.3.4:567"], 1, "1.2.3.4"),
        (["6.6.6.6, [2001:db8::1]:443"], 1, "2001:db8::1"),
        (["6.6.6.6, 1.2.3.4, 10.0.0.2"], 2, "1.2.3.4"),
        (["1.2.3.4"], 2, PEER),  # too short: it did not come by our proxies
        ([", ,1.2.3.4, ,"], 1, "1.2.3.4"),
        (["6.6.6.6, unknown"], 1, PEER),
        (["made up by a stranger"], 1, PEER),
        ([""], 1, PEER),
    ],
)
def test_only_what_our_proxies_wrote_is_believed(lines: list[str], hops: int, meant: str) -> None:
    assert client_address(PEER, lines, hops) == meant


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("for=1.2.3.4", "1.2.3.4"),
        ('for="1.2.3.4:567";proto=https;by=10.0.0.9', "1.2.3.4"),
        ('by=10.0.0.9;For="[2001:db8::1]:443"', "2001:db8::1"),
        ('for=6.6.6.6, for="[2001:db8::1]"', "2001:db8::1"),
        ("for=6.6.6.6, for=_hidden", PEER),
        ("for=6.6.6.6, proto=https", PEER),
        ("for=6.6.6.6, for=unknown", PEER),
        ("xfor=6.6.6.6", PEER),
    ],
)
def test_the_standard_header_where_the_proxies_write_that_one(line: str, meant: str) -> None:
    assert client_address(PEER, [line], 1, "forwarded") == meant


@pytest.mark.parametrize("peer", [None, "", "/run/gavekort.sock", "made up"])
def test_a_socket_without_an_address(peer: str | None) -> None:
    assert client_address(peer, ["1.2.3.4"], 0) == UNKNOWN
    assert client_address(peer, ["6.6.6.6, 1.2.3.4"], 1) == "1.2.3.4"
    assert client_address(peer, ["nonsense"], 1) == UNKNOWN
