"""Events with arguments, typed."""

from __future__ import annotations

from typing import Any

from reflex.event import EventSpec


def event_of(handler: Any, *values: object) -> EventSpec:
    """Return the event that calls `handler` with `values`.

    `rx.event` is a class whose `__new__` makes something else, so that the type checker does not
    see that a handler can be called.
    """
    event: EventSpec = handler(*values)
    return event
