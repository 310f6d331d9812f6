"""Named points between the steps of a payment, at which a crash test kills the process.

Nothing happens unless `GAVEKORT_CRASH_AT` names the point; see `tests/crash`.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "pay.written",
    "pay.created_at_provider",
    "pay.redirect_stored",
    "authorize.read",
    "authorize.stored",
    "capture.written",
    "capture.done_at_provider",
    "capture.stored",
    "refund.written",
    "refund.done_at_provider",
    "refund.stored",
    "void.written",
    "void.done_at_provider",
    "void.stored",
    "abort.done_at_provider",
    "callback.sent",
)

_CRASH_AT = os.environ.get("GAVEKORT_CRASH_AT")


def point(name: str) -> None:
    """Die here, as a power cut would, where the environment asks for it."""
    if name == _CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)
