"""The rule says whether a new session reaches its payer by SMS or by push."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.rules.publish import PushFacts, Way, push_option, way_of


@pytest.mark.parametrize(
    ("channel", "kind", "gift_card", "way"),
    [
        ("sms", "checkout-link", False, Way.SMS),
        ("sms", "checkout-link", True, Way.SMS),
        ("sms", "app", False, Way.SMS),
        ("sms", "terminal", True, Way.NONE),
        ("push", "app", False, Way.PUSH),
        ("push", "app", True, Way.SMS),
        ("push", "checkout-link", False, Way.NONE),
        ("push", "checkout-link", True, Way.SMS),
        ("push", "terminal", False, Way.NONE),
        ("push", "terminal", True, Way.NONE),
    ],
)
def test_the_way_of_a_message(channel: str, kind: str, gift_card: bool, way: Way) -> None:
    assert way_of(channel, kind, gift_card=gift_card) is way


READY = PushFacts(
    amount=500,
    details_done=True,
    offers_shipping=False,
    requires_consent=False,
    options=("dintero_psp.creditcard", "vipps", "swish.swish"),
    minimums={"vipps": 100, "swish.swish": 1},
)


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({}, "vipps"),
        ({"amount": 100}, "vipps"),
        ({"amount": 99}, "swish.swish"),
        ({"amount": 0}, None),
        ({"details_done": False}, None),
        ({"offers_shipping": True}, None),
        ({"requires_consent": True}, None),
        ({"options": ("dintero_psp.creditcard",)}, None),
        ({"options": ()}, None),
        ({"minimums": {}, "amount": 1}, "vipps"),
        # A provider without a minimum is still not asked for nothing.
        ({"minimums": {"vipps": 0}, "amount": 0}, None),
    ],
)
def test_the_option_of_a_push(change: dict[str, Any], option: str | None) -> None:
    assert push_option(replace(READY, **change)) == option


def test_the_ways_have_the_words_of_the_api() -> None:
    assert [way.value for way in Way] == ["sms", "push", "none"]
