"""Helpers for JSON Schema (2020-12), which OpenAPI 3.1 uses for values and documents."""

from collections.abc import Mapping, Sequence
from typing import Any

JSONSchema = dict[str, Any]

#: The pattern of text that every database can store.
STORABLE = r"^[^\u0000]*$"


def or_null(schema: JSONSchema) -> JSONSchema:
    """Return ``schema`` with null allowed."""
    if "type" not in schema:
        return dict(schema)
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*types, "null"]}


def closed(
    properties: Mapping[str, JSONSchema], required: Sequence[str] | None = None
) -> JSONSchema:
    """Return the schema of an object with these members and no others.

    ``required`` lists the members that are always present; by default, all.
    """
    needed = list(properties if required is None else required)
    schema: JSONSchema = {"type": "object", "properties": dict(properties)}
    return schema | ({"required": needed} if needed else {}) | {"additionalProperties": False}
