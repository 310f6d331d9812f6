"""Named points between the steps of a payment, at which a crash test kills the process.

In an installed product nothing happens at these points: no setting and no environment variable can
switch them on. A test sets its own action in the program with which it starts the process; see
`tests/support/crash_server.py`.
"""

from __future__ import annotations

from collections.abc import Callable

# Points that end in `ing` are inside a unit of work that is not committed yet. Nothing of it may be
# seen afterwards.
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


def _nothing(_name: str) -> None:
    pass


_reached: Callable[[str], None] = _nothing


def point(name: str) -> None:
    """Note that this step is reached. Nothing happens, unless a test has set an action."""
    _reached(name)


def build_in(reached: Callable[[str], None]) -> None:
    """Set what happens at every point from now on, in this process. Only tests call this."""
    global _reached
    _reached = reached
