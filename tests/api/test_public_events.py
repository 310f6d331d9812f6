"""A payer's view of a session costs the same however much has happened to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import event

from tests.support.checkout import Merchant


@contextlib.contextmanager
def _statements(merchant: Merchant) -> Iterator[list[str]]:
    seen: list[str] = []

    def keep(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    engine = merchant.ctx.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", keep)


async def test_no_event_is_read_for_the_payers_view(merchant: Merchant) -> None:
    session_id = await merchant.ready()
    with _statements(merchant) as seen:
        shown = await merchant.get(f"/v1/view/{session_id}/session")
    assert "events" not in shown
    assert seen and not [text for text in seen if "session_event" in text]
    with _statements(merchant) as seen:
        whole = await merchant.get(f"/v1/sessions/{session_id}")
    assert [one["name"] for one in whole["events"]] == ["INITIATED", "SET_SHIPPING_ADDRESS"]
    assert [text for text in seen if "session_event" in text]
