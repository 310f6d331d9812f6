"""The base of the answers' models. A field without a value is absent. So the OpenAPI description
promises a null only for the fields that a model names as `nullable`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601, UTC."""
Uri = Annotated[str, Field(json_schema_extra={"format": "uri"})]


class Open(BaseModel):
    """An object that may have more fields than are named here, because answers have the unknown
    fields of requests too."""

    model_config = ConfigDict(extra="allow")
    nullable: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        for name, field in schema.get("properties", {}).items():
            if name not in cls.nullable:
                _never_null(field)
        return schema


def _never_null(schema: JsonSchemaValue) -> None:
    if "anyOf" not in schema:
        return
    kept = [one for one in schema["anyOf"] if one != {"type": "null"}]
    if schema.get("default", "") is None:
        schema.pop("default")
    if len(kept) == 1:
        schema.pop("anyOf")
        schema.update(kept[0])
    else:
        schema["anyOf"] = kept
