"""A transaction's money by who pays it: the gift card's part and the provider's.

Read from the transaction's events, each with its `gift_cards`
(docs/reference/dintero-api.md#transaction-events).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# docs/reference/dintero-api.md#transaction-status
_AFTER_AUTHORIZATION = frozenset(
    {
        "AUTHORIZED",
        "AUTHORIZATION_VOIDED",
        "CAPTURED",
        "PARTIALLY_CAPTURED",
        "REFUNDED",
        "PARTIALLY_REFUNDED",
        "PARTIALLY_CAPTURED_REFUNDED",
    }
)


@dataclass(frozen=True, slots=True)
class Parts:
    """Amounts in minor units."""

    total: int
    gift_card: int

    @property
    def provider(self) -> int:
        return self.total - self.gift_card


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event. `parts` is empty for an event that moves no amount, such as a void without one."""

    event: str
    created_at: str
    success: bool
    status: str
    parts: Parts | None
    error: str


@dataclass(frozen=True, slots=True)
class Split:
    """`capturable` is nothing once the rest was voided. `was_authorized` distinguishes an order of
    nothing that is paid from one that is not."""

    was_authorized: bool
    authorized: Parts
    captured: Parts
    refunded: Parts
    events: tuple[EventRow, ...]
    capturable: int

    @property
    def refundable(self) -> int:
        return self.captured.total - self.refunded.total


def split_of(transaction: dict[str, Any]) -> Split:
    events = [event for event in transaction.get("events") or [] if isinstance(event, dict)]
    was_authorized = str(transaction.get("status")) in _AFTER_AUTHORIZATION or any(
        _moved(event, "AUTHORIZE") for event in events
    )
    authorized = Parts(0, 0)
    if was_authorized:
        authorized = Parts(_int(transaction.get("amount")), _gift_cards(transaction))
    captured, refunded = _sum(events, "CAPTURE"), _sum(events, "REFUND")
    voided = any(_moved(event, "VOID") for event in events)
    return Split(
        was_authorized=was_authorized,
        authorized=authorized,
        captured=captured,
        refunded=refunded,
        events=tuple(_row(event) for event in events),
        capturable=0 if voided else max(0, authorized.total - captured.total),
    )


def _moved(event: dict[str, Any], name: str) -> bool:
    return event.get("event") == name and event.get("success") is True


def _sum(events: list[dict[str, Any]], name: str) -> Parts:
    moved = [event for event in events if _moved(event, name)]
    return Parts(
        sum(_int(event.get("amount")) for event in moved),
        sum(_gift_cards(event) for event in moved),
    )


def _row(event: dict[str, Any]) -> EventRow:
    error = event.get("error")
    amount = _int(event.get("amount"))
    moves = event.get("event") != "INITIALIZE"
    return EventRow(
        event=str(event.get("event", "")),
        created_at=str(event.get("created_at", "")),
        success=event.get("success") is True,
        status=str(event.get("transaction_status", "")),
        # AUTHORIZE decides who pays, so before it there is no split to show.
        parts=Parts(amount, _gift_cards(event)) if moves and "amount" in event else None,
        error=str(error.get("message", "")) if isinstance(error, dict) else "",
    )


def _gift_cards(holder: dict[str, Any]) -> int:
    cards = holder.get("gift_cards") or []
    return sum(_int(card.get("amount")) for card in cards if isinstance(card, dict))


def _int(value: object) -> int:
    return value if type(value) is int else 0
