"""A session's row is read as typed values."""

from __future__ import annotations

from tests.unit.sessions.conftest import row


def test_a_body_is_read_once() -> None:
    session = row({"order": {"amount": 100, "currency": "NOK"}})
    assert session.content.order.amount == 100
    assert session.content is session.content


def test_another_body_is_read_anew() -> None:
    session = row({"order": {"amount": 100, "currency": "NOK"}})
    before = session.content
    session.body = {"order": {"amount": 200, "currency": "NOK"}}
    assert session.content.order.amount == 200
    assert before.order.amount == 100
