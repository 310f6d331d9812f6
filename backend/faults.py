"""Named points between the steps of a payment, at which a crash test kills the process.

Nothing happens unless `GAVEKORT_CRASH_AT` names the point; see `tests/crash`.
"""

from __future__ import annotations

import os
import signal

# `*ing`: inside a unit of work that is not committed yet, so none of it may be seen afterwards.
POINTS = (
    "pay.writing",
    "pay.written",
    "pay.created_at_provider",
    "pay.storing",
    "pay.redirect_stored",
    "authorize.read",
    "authorize.storing",
    "authorize.stored",
    "reopen.created_at_provider",
    "abort.read",
    "abort.done_at_provider",
    "abort.storing",
    "abort.stored",
    "abandon.reopened",
    "abandon.storing",
    "capture.writing",
    "capture.written",
    "capture.done_at_provider",
    "capture.storing",
    "capture.stored",
    "refund.writing",
    "refund.written",
    "refund.done_at_provider",
    "refund.storing",
    "refund.stored",
    "void.writing",
    "void.written",
    "void.done_at_provider",
    "void.storing",
    "void.stored",
    "reconcile.claimed",
    "reconcile.read",
    "reconcile.sending_again",
    "callback.claimed",
    "callback.sent",
    "callback.storing",
    "callback.stored",
)


def point(name: str) -> None:
    """Die here, as a power cut would, where the environment asks for it."""
    if name == os.environ.get("GAVEKORT_CRASH_AT"):
        os.kill(os.getpid(), signal.SIGKILL)
