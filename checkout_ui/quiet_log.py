"""Keeps what a payer typed out of the log.

Reflex logs an event it cannot handle as it came: with the fields of its form, a gift card's number
and PIN among them, and with the address, which is the payer's key. That happens to honest payers
too, e.g. on a page that is older than the server (`reference/reflex.md#5`).
"""

from __future__ import annotations

import logging

_TALKATIVE = ("reflex.app", "reflex_base.event.processor.event_processor")
_BEFORE_DATA = ("router_data=", "payload=", "Event data:")


class _WithoutData(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        ends = [message.index(mark) for mark in _BEFORE_DATA if mark in message]
        if ends:
            record.msg, record.args = f"{message[: min(ends)]}…", ()
        return True


def install() -> None:
    """On Reflex's own loggers, before whatever handlers there are. May be called again."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if not any(isinstance(known, _WithoutData) for known in logger.filters):
            logger.addFilter(_WithoutData())
