"""Check each answer of the API against the API's own description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from backend.api.app import create_api

NULLS = {"gift_card_amount"}
"""Fields for which the description promises a null."""
INTEGERS = {"amount", "vat_amount", "gross_amount", "calculated_vat_amount", "max_count"}
THEIRS = {"metadata", "emd", "nested"}
"""Where a merchant writes what it likes."""


@cache
def description() -> dict[str, Any]:
    return create_api().openapi()


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the paths of the API, starting with those that have the fewest parameters."""
    paths = sorted(description()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in paths]


@cache
def _validator(method: str, path: str, status: str) -> Any:
    operation = description()["paths"][path][method]
    content = operation["responses"][status]["content"]["application/json"]
    schema = {**content["schema"], "components": description()["components"]}
    return jsonschema_rs.validator_for(schema)


class Recorder:
    """Checks every answer that a client receives and collects each difference from the
    description."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.seen: set[tuple[str, str, int]] = set()
        self.problems: list[str] = []
        self.request_ids: list[str] = []
        client.event_hooks["response"] = [self._take]

    async def _take(self, response: httpx.Response) -> None:
        await response.aread()
        self.request_ids.append(response.headers["request-id"])
        path, method = response.request.url.path, response.request.method.lower()
        template = next((t for pattern, t in _patterns() if pattern.fullmatch(path)), None)
        if template is None or method not in description()["paths"][template]:
            return
        self.seen.add((method, template, response.status_code))
        if response.status_code == 302:
            return
        body = response.json()
        where = f"{method} {template} {response.status_code}"
        validator = _validator(method, template, str(response.status_code))
        self.problems += [
            f"{where}: {'.'.join(map(str, error.instance_path))}: {error.message[:200]}"
            for error in validator.iter_errors(body)
        ]
        self.problems += [f"{where}: {found}" for found in inexact(body)]


def inexact(value: Any, path: str = "") -> Iterator[str]:
    """Yield every null that the description does not allow, and every amount that is not an
    integer."""
    if isinstance(value, dict):
        for name, part in value.items():
            here = f"{path}.{name}"
            if part is None and name not in NULLS:
                yield f"{here} is null"
            if name in INTEGERS and type(part) is not int and not isinstance(part, dict):
                yield f"{here} is {json.dumps(part)}"
            if name not in THEIRS:
                yield from inexact(part, here)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from inexact(part, f"{path}.{index}")
