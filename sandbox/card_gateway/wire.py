"""The small parts of the wire protocol: bracket forms, the error envelope, expansion, lists.

Source: `docs/reference/psp/stripe.md#transport`, `#errors`, `#sandbox-duties`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from sandbox.common.storage import Json

_PART = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST = 8


class ApiError(Exception):
    """An error answer. With `keep`, what the call did before it failed stays."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keep: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keep = keep
        fields = {"code": code, "param": param, **more}
        present = {name: value for name, value in fields.items() if value is not None}
        self.body: Json = {"error": {"type": kind, "message": message, **present}}


def parse_form(encoded: str) -> Json:
    """Read `a[b]=c`, `a[0][b]=c`, `a[]=c`, with raw or percent-encoded brackets, as nested dicts
    and lists.

    ApiError 400 for what cannot be nested.
    """
    root: Json = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=1000):
        head, bracket, rest = name.partition("[")
        path = [head, *_PART.findall(bracket + rest)]
        if not head or len(path) > _DEEPEST:
            raise ApiError(400, f"Invalid parameter name: {name[:80]}", param=name[:80])
        _put(root, path, value)
    return {name: _listed(value) for name, value in root.items()}


def _put(root: Json, path: list[str], value: str) -> None:
    place = root
    for here in path[:-1]:
        inner = place.setdefault(here or str(len(place)), {})
        if not isinstance(inner, dict):
            raise ApiError(400, f"Invalid object: {path[0]}", param=path[0])
        place = inner
    place[path[-1] or str(len(place))] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(below) for name, below in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def only(params: Json, allowed: Iterable[str]) -> None:
    """Raise ApiError `parameter_unknown` for a top-level name that the call does not know."""
    for name in params:
        if name not in allowed and name != "expand":
            message = f"Received unknown parameter: {name}"
            raise ApiError(400, message, code="parameter_unknown", param=name)


def integer(params: Json, name: str, default: int | None = None, *, param: str = "") -> int:
    """Return the integer parameter. ApiError if it is no integer, or missing without a default."""
    value, param = params.get(name), param or name
    if value is None or value == "":
        if default is not None:
            return default
        message = f"Missing required param: {param}."
        raise ApiError(400, message, code="parameter_missing", param=param)
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value):
        message = f"Invalid integer: {str(value)[:40]}"
        raise ApiError(400, message, code="parameter_invalid_integer", param=param)
    return int(value)


def string(params: Json, name: str, *, param: str = "") -> str:
    """Return the required text parameter."""
    value, param = params.get(name), param or name
    if not isinstance(value, str) or not value:
        message = f"Missing required param: {param}."
        raise ApiError(400, message, code="parameter_missing", param=param)
    return value


def flag(params: Json, name: str, default: bool) -> bool:
    value = params.get(name)
    if value is None:
        return default
    if value not in ("true", "false"):
        raise ApiError(400, f"Invalid boolean: {str(value)[:40]}", param=name)
    return bool(value == "true")


def metadata(params: Json) -> Json:
    value = params.get("metadata") or {}
    if not isinstance(value, dict) or not all(isinstance(inner, str) for inner in value.values()):
        raise ApiError(400, "Invalid metadata", param="metadata")
    if any(len(name) > 40 or len(inner) > 500 for name, inner in value.items()):
        raise ApiError(400, "Metadata names have 40 characters, values 500", param="metadata")
    return value


def missing(kind: str, object_id: str, param: str = "id") -> ApiError:
    message = f"No such {kind}: '{object_id[:80]}'"
    return ApiError(404, message, code="resource_missing", param=param)
