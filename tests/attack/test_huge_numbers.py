"""An integer that no database column holds gets a 400 that names the field, and never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.api.app import create_api
from tests.support.checkout import ACCOUNT, OPTION, Merchant, session_body

HUGE = (2**63, -(2**63) - 1, 10**30, -(10**30))
PATHS = {
    "account_id": ACCOUNT, "customer_id": "c", "card_id": "c", "session_id": f"{ACCOUNT}.none",
    "transaction_id": f"{ACCOUNT}.none", "hook_id": "h", "delivery_id": "d",
    "profile_id": "default",
}  # fmt: skip


def described() -> dict[str, Any]:
    return create_api().openapi()


def integer_parameters() -> Iterator[tuple[str, str, str]]:
    """Return method, path and name of each integer in a query, from the API's own description."""
    for path, verbs in described()["paths"].items():
        for verb, operation in verbs.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and '"integer"' in str(parameter["schema"]).replace(
                    "'", '"'
                ):
                    yield verb, path, parameter["name"]


async def test_every_integer_in_a_query(merchant: Merchant) -> None:
    found = list(integer_parameters())
    names = {name for _, _, name in found}
    assert {"limit", "amount", "amount.gte", "amount_available", "amount_available.lte"} <= names
    for verb, path, name in found:
        for value in (*HUGE, "9" * 5000):
            where = path.format(**PATHS)
            answer = await merchant.api.request(verb, where, params={name: str(value)})
            assert (path, name, answer.status_code) == (path, name, 400), answer.text
            fields = [entry["field"] for entry in answer.json()["error"]["errors"]]
            assert [name in field for field in fields] == [True], fields


async def test_an_amount_filter_takes_what_a_column_holds(merchant: Merchant) -> None:
    path = f"/v1/accounts/{ACCOUNT}/wallets/cards"
    await merchant.card(100)
    for name, value, count in (
        ("amount_available", 2**63 - 1, 0),
        ("amount_available.gte", -(2**63), 1),
        ("amount_available.lte", 2**63 - 1, 1),
        ("amount_available.gte", 2**63 - 1, 0),
    ):
        listed = await merchant.get(f"{path}?{name}={value}")
        assert (name, value, len(listed["cards"])) == (name, value, count)


def integers(
    schema: Any, schemas: dict[str, Any], where: str, seen: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every integer of a body at any depth. Metadata is stored unchanged and in no column of
    its own."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from integers(schemas[name], schemas, where, (*seen, name))
        return
    if "ge" in schema and "le" in schema:
        # Pydantic's way to write the bounds of an integer or a fraction.
        return
    if schema.get("type") == "integer" and "const" not in schema and "enum" not in schema:
        yield where, schema
    for key in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(key, []):
            yield from integers(part, schemas, where, seen)
    for name, part in schema.get("properties", {}).items():
        if name != "metadata":
            yield from integers(part, schemas, f"{where}.{name}", seen)
    for key in ("items", "additionalProperties"):
        yield from integers(schema.get(key), schemas, f"{where}[]", seen)


def test_every_integer_in_a_body_is_bounded() -> None:
    """A field without bounds would reach its column or a sum of columns."""
    api = described()
    schemas = api["components"]["schemas"]
    found: list[str] = []
    for path, verbs in api["paths"].items():
        for verb, operation in verbs.items():
            content = operation.get("requestBody", {}).get("content", {})
            for body in content.values():
                for where, schema in integers(body["schema"], schemas, f"{verb} {path}", ()):
                    found.append(where)
                    minimum = schema.get("minimum", schema.get("exclusiveMinimum"))
                    maximum = schema.get("maximum", schema.get("exclusiveMaximum"))
                    assert minimum is not None and minimum >= -(2**63), where
                    assert maximum is not None and maximum < 2**63, where
    assert "post /v1/sessions/{session_id}/pay.amount" in found
    assert "post /v1/sessions-profile.order.amount" in found
    assert len(found) > 30


@pytest.mark.parametrize("value", [*HUGE, 1e30, -1e30])
async def test_amounts_in_bodies(merchant: Merchant, value: float) -> None:
    """Send the integers, whatever the description says."""
    session_id = await merchant.ready()
    body = session_body()
    item = body["order"]["items"][0]
    card = {"card_id": "c", "amount": 1, "currency": "NOK"}
    option = {"id": "a", "line_id": "a", "operator": "P", "title": "T", "amount": value}
    wallets, view = f"/v1/accounts/{ACCOUNT}/wallets", f"/v1/view/{session_id}/session"
    requests: list[tuple[str, str, Any, str]] = [
        (
            "POST",
            "/v1/sessions-profile",
            body | {"order": {**body["order"], "amount": value}},
            "order.amount",
        ),
        (
            "POST",
            "/v1/sessions-profile",
            body | {"order": {**body["order"], "items": [{**item, "amount": value}]}},
            "order.items.0.amount",
        ),
        (
            "POST",
            "/v1/sessions-profile",
            body | {"express": {"shipping_options": [option]}},
            "express.shipping_options.0.amount",
        ),
        ("PUT", f"/v1/sessions/{session_id}", {"order": {"amount": value}}, "order.amount"),
        ("PUT", f"{view}/order/gift_card", {"amount": value}, "amount"),
        ("PUT", f"{view}/order/shipping_option", option, "amount"),
        (
            "POST",
            f"/v1/sessions/{session_id}/pay",
            {"payment_product_type": OPTION, "amount": value},
            "amount",
        ),
        ("POST", f"{wallets}/cards", {**card, "amount": value}, "amount"),
        (
            "POST",
            f"{wallets}/cards",
            {**card, "card_token": {"expires_in": value}},
            "card_token.expires_in",
        ),
        (
            "POST",
            f"{wallets}/cards",
            {**card, "pin": {"format": {"length": value}}},
            "pin.format.length",
        ),
        (
            "POST",
            f"{wallets}/transactions",
            {"ref_id": "r", "amount": value, "currency": "NOK", "card_id": "c"},
            "amount",
        ),
        ("POST", f"{wallets}/transactions/t/capture", {"ref_id": "r", "amount": value}, "amount"),
        ("POST", f"/v1/transactions/{ACCOUNT}.none/capture", {"amount": value}, "amount"),
        ("POST", f"/v1/transactions/{ACCOUNT}.none/refund", {"amount": value}, "amount"),
        ("POST", f"/v1/transactions/{ACCOUNT}.none/authorization", {"amount": value}, "amount"),
    ]
    for method, path, sent, field in requests:
        answer = await merchant.api.request(method, path, json=sent)
        assert (path, field, answer.status_code) == (path, field, 400), answer.text
        assert field in [entry["field"] for entry in answer.json()["error"]["errors"]], answer.text
