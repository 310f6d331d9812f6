"""How requests are read: with tolerance for what clients really send.

Many shops send every field that they know. If they have nothing to say, the field is empty or null.
So an optional field counts as not given if its value is null, an empty text, or an empty list in
place of an object, which is how PHP writes an empty object. `Loose` does this for every body that a
merchant sends, and the OpenAPI description says the same. The types of single values are in
`backend.sessions.fields`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_NOTHING = {"type": "string", "pattern": r"^\s*$"}
_NO_OBJECT = {"type": "array", "maxItems": 0}
_EMPTY = {"type": "object", "maxProperties": 0}
_ALL_NOTHING = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [_NOTHING, {"type": "null"}]},
}


def is_nothing(value: object) -> bool:
    """Return whether a value says nothing: null, or a text without any character that can be
    seen."""
    return value is None or (isinstance(value, str) and not value.strip())


def says_nothing(value: object) -> bool:
    """Return whether an object has fields, and each of them says nothing."""
    return isinstance(value, Mapping) and bool(value) and all(map(is_nothing, value.values()))


def without_nulls(value: Any) -> Any:
    """Return the value without the fields that are null, however deep they stand."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [without_nulls(part) for part in value]
    return value


def without_nothing(value: Any) -> Any:
    """Return the value without the fields that say nothing, however deep they stand."""
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if not is_nothing(part)}
        return {name: without_nothing(part) for name, part in kept.items()}
    if isinstance(value, list):
        return [without_nothing(part) for part in value]
    return value


class Loose(BaseModel):
    """A body, or a part of one, that a merchant sends. Fields that the model does not name are
    kept."""

    model_config = ConfigDict(extra="allow")
    parts_that_may_be_empty: ClassVar[frozenset[str]] = frozenset()
    """Objects that count as not given if all of their fields say nothing."""
    nulls_that_say_something: ClassVar[frozenset[str]] = frozenset()
    """Fields in which a null has a meaning of its own, such as to delete the value."""
    all_fields_are_known: ClassVar[bool] = False
    """True if the fields that the model does not name are documented too. Then empty texts in
    them count as not given. Otherwise an empty text in such a field is kept as it is."""

    @model_validator(mode="before")
    @classmethod
    def _what_is_given(cls, value: Any) -> Any:
        return _given(cls, value) if isinstance(value, dict) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if handler.mode == "validation":
            _describe(cls, schema)
        return schema


class Known(BaseModel):
    """A body that a payer sends. Fields that the model does not name are dropped, and stored
    nowhere. An empty text in an optional field counts as not given. A null is kept: each field
    decides what it means."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _what_is_given(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        optional = _optional(cls)
        return {
            name: part
            for name, part in value.items()
            if name not in optional or part is None or not is_nothing(part)
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if handler.mode == "validation":
            for name in _optional(cls) & {*schema.get("properties", {})}:
                _allow(schema["properties"], name, [_NOTHING])
        return schema


def _given(cls: type[Loose], value: dict[Any, Any]) -> dict[Any, Any]:
    """Return the fields of a body without those that count as not given."""
    optional, objects = _optional(cls), _objects(cls)
    names = _names(cls)
    kept: dict[Any, Any] = {}
    for name, part in value.items():
        if name not in names:
            if part is None or (cls.all_fields_are_known and is_nothing(part)):
                continue
            kept[name] = (without_nothing if cls.all_fields_are_known else without_nulls)(part)
            continue
        if name in optional:
            if is_nothing(part):
                if part is None and name in cls.nulls_that_say_something:
                    kept[name] = None
                continue
            if name in cls.parts_that_may_be_empty and (
                says_nothing(part) or (name in _needy(cls) and part in ({}, []))
            ):
                continue
            if name in objects and part == []:
                part = {}
        if isinstance(part, list) and part and name in _lists(cls):
            part = [one for one in part if not (is_nothing(one) or says_nothing(one))]
            if not part and name in optional:
                continue
        kept[name] = part
    return kept


def _fields(cls: type[BaseModel], which: Callable[[FieldInfo], bool]) -> frozenset[str]:
    """Return the names that these fields have in a request."""
    named = ((field.alias or name, field) for name, field in cls.model_fields.items())
    return frozenset(name for name, field in named if which(field))


@cache
def _names(cls: type[BaseModel]) -> frozenset[str]:
    return _fields(cls, lambda _: True)


@cache
def _optional(cls: type[BaseModel]) -> frozenset[str]:
    return _fields(cls, lambda field: not field.is_required())


@cache
def _lists(cls: type[BaseModel]) -> frozenset[str]:
    """Return the fields whose value is a list. What says nothing in one is left out."""
    return _fields(cls, lambda field: _is_list(field.annotation))


@cache
def _objects(cls: type[BaseModel]) -> frozenset[str]:
    """Return the fields whose value is an object."""
    return _fields(cls, lambda field: _is_object(field.annotation))


@cache
def _needy(cls: type[BaseModel]) -> frozenset[str]:
    """Return the fields whose object needs a field of its own. An empty object says nothing there:
    read as an object, it would only be one that cannot be."""
    return _fields(cls, lambda field: any(map(_needs_a_field, get_args(field.annotation))))


def _needs_a_field(annotation: Any) -> bool:
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return False
    return any(field.is_required() for field in annotation.model_fields.values())


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple) or any(map(_is_list, get_args(annotation)))


def _is_object(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return any(map(_is_object, parts))
    if hasattr(annotation, "__metadata__"):
        return _is_object(get_args(annotation)[0])
    return isinstance(origin, type) and issubclass(origin, BaseModel | dict)


def _describe(cls: type[Loose], schema: JsonSchemaValue) -> None:
    """Add to the schema of each field which values count as not given."""
    properties = schema.get("properties", {})
    for name in properties:
        more: list[JsonSchemaValue] = []
        if name in _optional(cls):
            more = [{"type": "null"}, _NOTHING]
            if name in cls.parts_that_may_be_empty:
                more.append(_ALL_NOTHING)
                if name in _needy(cls):
                    more.append(_EMPTY)
            if name in _objects(cls):
                more.append(_NO_OBJECT)
        _loosen_lists(properties[name])
        if more:
            _allow(properties, name, more)


def _loosen_lists(schema: JsonSchemaValue) -> None:
    for part in (schema, *schema.get("anyOf", ())):
        if part.get("type") == "array" and "items" in part:
            _allow(part, "items", [{"type": "null"}, _NOTHING, _ALL_NOTHING])
            # What says nothing is left out before the items are counted.
            part.pop("minItems", None)
            part.pop("maxItems", None)


def _allow(parent: JsonSchemaValue, name: str, more: list[JsonSchemaValue]) -> None:
    schema = dict(parent[name])
    about = {key: schema.pop(key) for key in ("title", "default", "description") if key in schema}
    before = schema.pop("anyOf", None) or [schema]
    parent[name] = {"anyOf": [*before, *(one for one in more if one not in before)], **about}
