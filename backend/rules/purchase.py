"""What a transaction is for, and what an operation of it was asked for: typed values, read once
from the JSON that their rows keep. See `backend.rules.order`. Amounts are minor units.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.rules import json_values as values
from backend.rules.json_values import Json
from backend.rules.order import Address, Item
from backend.rules.session_body import Customer


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order as it was when the payer pressed Pay, or when its authorization was updated. The
    shipping option is one of the items. `language` is that of the page (a BCP 47 tag). `push_to`
    is the phone (E.164) whose app was asked."""

    items: tuple[Item, ...]
    shipping_address: Address
    billing_address: Address
    customer: Customer
    language: str
    push_to: str | None
    on_phone: bool
    auto_capture: bool
    event_reference: str | None
    merchant_reference_2: str | None
    channel: str | None
    store_id: str | None
    terminal_id: str | None
    payout_destination_id: str | None
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> Purchase:
        store = values.part(raw.get("store"))
        return cls(
            items=read_items(raw.get("items")),
            shipping_address=Address.read(raw.get("shipping_address")),
            billing_address=Address.read(raw.get("billing_address")),
            customer=Customer.read(raw.get("customer")),
            language=values.text(raw.get("language")) or "",
            push_to=values.text(raw.get("push_to")),
            on_phone=raw.get("on_phone") is True,
            auto_capture=raw.get("auto_capture") is True,
            event_reference=values.text(raw.get("event_reference")),
            merchant_reference_2=values.text(raw.get("merchant_reference_2")),
            channel=values.text(raw.get("channel")),
            store_id=values.text(store.get("id")),
            terminal_id=values.text(store.get("terminal_id")),
            payout_destination_id=values.text(raw.get("payout_destination_id")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """What an operation was asked for. `items` describe its amount. `refund_to` and `refund_card`
    say where the gift card's part of a refund goes, if it does not go to the card that paid.
    `published`: a push that was begun with its session. `warnings` is what was odd about the
    request, as its answer tells it."""

    items: tuple[Item, ...]
    reference: str | None
    reason: str | None
    description: str | None
    request_id: str
    refund_to: str | None
    refund_card: str | None
    published: bool
    metadata: Json
    headers: Json
    warnings: tuple[Json, ...]
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> OperationRequest:
        refund = values.part(raw.get("refund_to"))
        return cls(
            items=read_items(raw.get("items")),
            reference=values.text(raw.get("reference")),
            reason=values.text(raw.get("reason")),
            description=values.text(raw.get("description")),
            request_id=values.text(raw.get("request_id")) or "",
            refund_to=values.text(refund.get("to")),
            refund_card=values.text(refund.get("card")),
            published=raw.get("published") is True,
            metadata=values.part(raw.get("metadata")),
            headers=values.part(raw.get("headers")),
            warnings=values.parts(raw.get("warnings")),
            raw=raw,
        )


def read_items(value: object) -> tuple[Item, ...]:
    """Return the items of a list; none if the value is no list."""
    return tuple(map(Item.read, values.parts(value)))
