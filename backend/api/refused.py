"""What a refusal says of each field: its name, what is wrong, and what was sent. Pydantic's
messages are for programmers in Python. These messages are for whoever wrote the request.

Source: `docs/reference/dintero-api.md#errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backend.core.errors import FieldError, InvalidRequest

_SECRET = frozenset(
    {"pin", "token", "secret", "password", "credentials", "connections", "scc", "key"}
)
"""Words in names of fields. The values of such fields, and of fields within them, are secret and
are never repeated."""
_WORD = re.compile(r"[a-z]+")
_TRIED = frozenset({"str", "int", "float", "constrained-str", "constrained-int"})
"""What Pydantic calls the types of fields that may be of several."""
_MODEL = re.compile(r"(?:[A-Z][a-z]+){2,}")
"""What Pydantic calls the objects among them, such as `OtherCard`."""
_LONGEST = 80
Facts = Mapping[str, Any]
_TEXTS: Mapping[str, Callable[[Facts], str]] = {
    "missing": lambda _: "is missing",
    "string_type": lambda _: "must be a text",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "int_type": lambda _: "must be an integer",
    "int_parsing": lambda _: "must be an integer",
    "int_from_float": lambda _: "must be an integer",
    "int_parsing_size": lambda _: "must be an integer of at most 64 bits",
    "float_type": lambda _: "must be a number",
    "float_parsing": lambda _: "must be a number",
    "finite_number": lambda _: "must be a number that can be written",
    "list_type": lambda _: "must be a list",
    "tuple_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "model_attributes_type": lambda _: "must be an object",
    "literal_error": lambda facts: f"must be one of {facts['expected']}",
    "string_too_long": lambda facts: f"must have at most {facts['max_length']} characters",
    "string_too_short": lambda facts: f"must have at least {facts['min_length']} characters",
    "too_long": lambda facts: f"must have at most {facts['max_length']} entries",
    "too_short": lambda facts: f"must have at least {facts['min_length']} entries",
    "greater_than_equal": lambda facts: f"must be at least {facts['ge']}",
    "less_than_equal": lambda facts: f"must be at most {facts['le']}",
    "string_pattern_mismatch": lambda facts: _of_pattern(str(facts["pattern"])),
}


def _of_pattern(pattern: str) -> str:
    if "https?://" in pattern:
        return "must be a web address, such as https://shop.example/path"
    if "://" in pattern:
        return "must be an address with its scheme, such as https://shop.example/path"
    if "{3}" in pattern:
        return "must be a code of three letters, such as NOK"
    return f"must have the form {pattern}"


def invalid(problems: Sequence[Any]) -> InvalidRequest:
    """Make one refusal of all problems that Pydantic has found."""
    found: dict[tuple[str, object], FieldError] = {}
    for error in map(_field_error, problems):
        # A field that may be of several types has a problem for each of them.
        same = (error.field, error.more.get("sent"))
        found[same] = _either(found[same], error) if same in found else error
    errors = tuple(found.values())
    first = errors[0] if errors else FieldError("", "the request cannot be read")
    where = f"{first.field}: " if first.field else ""
    return InvalidRequest(f"{where}{first.description}", errors)


def _names(place: Sequence[Any]) -> list[str]:
    """Return the names of the fields on the way to a problem. If a field may have several types,
    Pydantic also names the type that was tried, which no request has as a field."""
    names = [str(part) for part in place if part != "body"]
    if names and (names[-1] in _TRIED or names[-1].startswith("literal[")):
        names.pop()
    return [
        name
        for before, name in zip(["", *names], names, strict=False)
        if before == "metadata" or not _MODEL.fullmatch(name)
    ]


def _either(one: FieldError, other: FieldError) -> FieldError:
    """Make one error of two about the same field, if either type would be accepted."""
    sent = one.more.get("sent")
    ending = "" if sent is None else f"; {sent} was sent"
    first, second = (error.description.removesuffix(ending) for error in (one, other))
    if second == first:
        return one
    if second == "must be a number" and first.endswith("an integer"):
        # Every integer is a number.
        return replace(one, description=f"{first.removesuffix('an integer')}a number{ending}")
    return replace(one, description=f"{first} or {second.removeprefix('must be ')}{ending}")


def _field_error(problem: Any) -> FieldError:
    field = ".".join(_names(problem["loc"]))
    kind = str(problem["type"])
    say = _TEXTS.get(kind)
    text = say(problem.get("ctx") or {}) if say else str(problem["msg"])
    text = text.removeprefix("Value error, ")
    given = problem.get("input")
    if kind == "missing" or (kind == "value_error" and isinstance(given, Mapping)):
        # There is no value, or the value is a whole object: the text says enough.
        return FieldError(field, text, kind)
    sent = shown(field, given)
    if sent is None:
        return FieldError(field, text, kind)
    return FieldError(field, f"{text}; {sent} was sent", kind, {"sent": sent})


def shown(field: str, value: object) -> str | None:
    """Return a value that was sent as JSON on one line. A long text, an object or a list is only
    described. None if the value must not be repeated."""
    if not _SECRET.isdisjoint(_WORD.findall(field.lower())):
        return None
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"a text of {len(value)} characters"
    if not isinstance(value, str | int | float | bool | type(None)):
        return None
    try:
        return json.dumps(value, ensure_ascii=False)
    except ValueError:
        return None


def with_sent(errors: tuple[FieldError, ...], body: object) -> tuple[FieldError, ...]:
    """Add to each error the value that the body has in its field, if the body has that field."""
    return tuple(_with_sent(error, body) for error in errors)


def _with_sent(error: FieldError, body: object) -> FieldError:
    if "sent" in error.more or not error.field:
        return error
    found: Any = body
    for part in error.field.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return error
    sent = shown(error.field, found)
    return error if sent is None else replace(error, more={**error.more, "sent": sent})
