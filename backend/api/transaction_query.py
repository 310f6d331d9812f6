"""The query of `GET /transactions`. Source:
`docs/reference/dintero-api.md#transaction-endpoints`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.payments.views.listing import Range, TransactionFilter
from backend.sessions.request import Moment

MAX_AMOUNT = 10**15
Texts = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=100)]
Text = Annotated[str, Field(max_length=255)]
Status = Literal[
    "INITIATED",
    "AUTHORIZED",
    "ON_HOLD",
    "AUTHORIZATION_VOIDED",
    "CAPTURED",
    "PARTIALLY_CAPTURED",
    "REFUNDED",
    "PARTIALLY_REFUNDED",
    "PARTIALLY_CAPTURED_REFUNDED",
    "DECLINED",
    "FAILED",
    "UNKNOWN",
]


Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


def included(includes: Iterable[str]) -> frozenset[str]:
    """Return the names. They may be repeated parameters, or one parameter with commas."""
    return frozenset(name.strip() for one in includes for name in one.split(","))


class TransactionQuery(BaseModel):
    """Arrays are repeated parameters, and `payout_correlation_id` is separated by commas. A time
    without a zone is UTC. Amounts are minor units."""

    model_config = ConfigDict(extra="ignore")

    id: Texts = []
    session_id: Texts = []
    store_id: Texts = []
    status: list[Status] = []
    payment_product: Texts = []
    payment_product_type: Texts = []
    card_brand: Texts = []
    currency: Texts = []
    token_id: Texts = []
    payout_correlation_id: Annotated[str, Field(max_length=4000)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: Text | None = None
    amount: Amount | None = None
    amount_gte: Amount | None = Field(default=None, alias="amount.gte")
    amount_lte: Amount | None = Field(default=None, alias="amount.lte")
    created_at_gte: Moment | None = Field(default=None, alias="created_at.gte")
    created_at_lte: Moment | None = Field(default=None, alias="created_at.lte")
    captured_at_gte: Moment | None = Field(default=None, alias="captured_at.gte")
    captured_at_lte: Moment | None = Field(default=None, alias="captured_at.lte")
    refunded_at_gte: Moment | None = Field(default=None, alias="refunded_at.gte")
    refunded_at_lte: Moment | None = Field(default=None, alias="refunded_at.lte")
    search: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    merchant_reference: Text | None = None
    merchant_reference_2: Text | None = None
    payment_operation: Text | None = None
    customer_id: Text | None = None
    payout_destination_id: Text | None = None
    terminal_id: Text | None = None
    channel: Text | None = None
    includes: Texts = []

    def to_filter(self) -> TransactionFilter:
        lists = (
            "id",
            "session_id",
            "store_id",
            "status",
            "payment_product",
            "payment_product_type",
            "card_brand",
            "currency",
            "token_id",
        )
        singles = (
            "merchant_reference",
            "merchant_reference_2",
            "payment_operation",
            "customer_id",
            "payout_destination_id",
            "terminal_id",
            "channel",
        )
        any_of: dict[str, Any] = {name: getattr(self, name) for name in lists}
        for name in singles:
            value = getattr(self, name)
            any_of[name] = [] if value is None else [value]
        csv = self.payout_correlation_id
        any_of["payout_correlation_id"] = csv.split(",") if csv else []
        floors = [a for a in (self.amount, self.amount_gte) if a is not None]
        ceilings = [a for a in (self.amount, self.amount_lte) if a is not None]
        return TransactionFilter(
            any_of=any_of,
            amount=Range(max(floors, default=None), min(ceilings, default=None)),
            created_at=Range(self.created_at_gte, self.created_at_lte),
            captured_at=Range(self.captured_at_gte, self.captured_at_lte),
            refunded_at=Range(self.refunded_at_gte, self.refunded_at_lte),
            search=self.search,
            limit=self.limit,
            starting_after=self.starting_after,
        )
