"""When an operator has to be told that no proxy is trusted."""

from __future__ import annotations

import pytest

from backend.limits.proxies import what_is_wrong


@pytest.mark.parametrize(
    ("base_url", "hops", "told"),
    [
        ("https://checkout.example", 0, True),
        ("HTTPS://checkout.example", 0, True),
        ("https://checkout.example", 1, False),
        ("https://checkout.example", 2, False),
        ("http://127.0.0.1:8000", 0, False),
        ("http://checkout.example", 1, False),
    ],
)
def test_what_is_wrong(base_url: str, hops: int, told: bool) -> None:
    said = what_is_wrong(base_url, hops)
    assert (said is not None) is told
    assert said is None or "GAVEKORT_TRUSTED_PROXY_HOPS" in said
