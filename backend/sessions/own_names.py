"""The names in a session that only our answers write.

A request may send any field, and we keep unknown fields and give them back. A field with one of
these names could claim something that only we may say, such as that the session is paid. So we drop
it from requests. The answers write through these types: a new field must be named here before an
answer can write it, and from then on it is dropped from requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict


class OwnFields(TypedDict, total=False):
    """Fields of a session as its merchant reads it. A request may send `expires_at`."""

    id: str
    created_at: str
    updated_at: str
    payment_operation: str
    events: list[dict[str, Any]]
    customer_ip: str
    user_agent: str
    transaction_id: str
    cancelled_at: str
    cancelled_by: str
    initiating_system_request_headers: dict[str, Any]
    warnings: list[dict[str, Any]]
    remainder: dict[str, Any]


class OwnToPayers(TypedDict, total=False):
    """Further fields of a session as its payer reads it."""

    pay_lock: dict[str, str]
    operations: list[dict[str, str]]


class OwnOfCreated(TypedDict, total=False):
    """Further fields of the answer to a new session. A request has `id` and `url` as well."""

    publish: list[dict[str, Any]]
    session: dict[str, Any]


class OwnOfOrder(TypedDict, total=False):
    gift_cards: list[dict[str, Any]]


class OwnOfConfiguration(TypedDict, total=False):
    merchant: dict[str, Any]


class OwnOfProduct(TypedDict, total=False):
    """Fields of a payment product in `configuration`."""

    payability: str


OwnMetadata = TypedDict(
    "OwnMetadata",
    {
        "session:profile_id": str,
        "merchant_name": str,
        "merchant_country": str,
        "event_reference": str,
        "gateway:id": str,
    },
    total=False,
)
"""Fields of the metadata of a session and of its transaction."""

NAMES = frozenset(
    {*OwnFields.__annotations__, *OwnToPayers.__annotations__, *OwnOfCreated.__annotations__}
    # Answers show the lock only as `pay_lock`.
    | {"pay_lock_id"}
)
_PARTS: Mapping[str, frozenset[str]] = {
    "order": frozenset(OwnOfOrder.__annotations__),
    "configuration": frozenset(OwnOfConfiguration.__annotations__),
    "metadata": frozenset(OwnMetadata.__annotations__),
}
_OF_PRODUCT = frozenset(OwnOfProduct.__annotations__)


def without_ours(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's body, as a request sends it, without the names that are ours."""
    kept = {name: value for name, value in body.items() if name not in NAMES}
    for part, names in _PARTS.items():
        if isinstance(kept.get(part), dict):
            kept[part] = _without(kept[part], names)
    configuration = kept.get("configuration")
    if isinstance(configuration, dict):
        kept["configuration"] = {name: _products(of) for name, of in configuration.items()}
    return kept


def without_our_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return _without(metadata or {}, _PARTS["metadata"])


def _without(part: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}


def _products(group: Any) -> Any:
    """Return a payment type without our names. It has products, or is a product itself."""
    if not isinstance(group, dict):
        return group
    return {
        name: _without(product, _OF_PRODUCT) if isinstance(product, dict) else product
        for name, product in _without(group, _OF_PRODUCT).items()
    }
