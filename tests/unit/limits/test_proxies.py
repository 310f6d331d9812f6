"""The tests check when an operator has to hear that no proxy is trusted."""

from __future__ import annotations

import pytest

from backend.limits.proxies import proxy_warning


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
def test_when_the_operator_is_warned(base_url: str, hops: int, told: bool) -> None:
    said = proxy_warning(base_url, hops)
    assert (said is not None) is told
    assert said is None or "GAVEKORT_TRUSTED_PROXY_HOPS" in said
