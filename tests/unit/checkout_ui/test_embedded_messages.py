"""The tests check what the page that embeds ours hears again, and what it already knows."""

from __future__ import annotations

from typing import Any

import pytest

from checkout_ui.embed.messages import content_of

SESSION: dict[str, Any] = {
    "id": "T12345678.a",
    "updated_at": "2026-01-01T00:00:00Z",
    "order": {"amount": 40000, "items": [{"line_id": "1", "amount": 40000}]},
}


@pytest.mark.parametrize(
    "more",
    [
        {"updated_at": "2026-01-01T00:00:01Z"},
        {"pay_lock": {"pay_lock_id": "1"}},
        {"operations": []},
    ],
)
def test_the_lock_and_the_time_are_no_content(more: dict[str, Any]) -> None:
    assert content_of(SESSION | more) == content_of(SESSION)
    turned = dict(reversed((SESSION | more).items()))
    assert content_of(turned) == content_of(SESSION)


@pytest.mark.parametrize(
    "more",
    [
        {"order": SESSION["order"] | {"amount": 39999}},
        {"order": SESSION["order"] | {"items": []}},
        {"customer": {"email": "kari@example.no"}},
        {"express": {"shipping_options": []}},
        {"warnings": [{"code": "x"}]},
    ],
)
def test_everything_else_is(more: dict[str, Any]) -> None:
    assert content_of(SESSION | more) != content_of(SESSION)
