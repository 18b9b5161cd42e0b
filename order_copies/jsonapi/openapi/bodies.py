"""Request bodies of the OpenAPI document."""

from collections.abc import Iterable, Mapping
from typing import Any

from order_copies.jsonapi.fields import RefusedField, TriggerField
from order_copies.jsonapi.json_schema import JSONSchema, closed, or_null
from order_copies.jsonapi.openapi.components import Components, JSONObject, content
from order_copies.jsonapi.openapi.schemas import attribute_schema, id_schema, identifier_schema
from order_copies.jsonapi.resources import (
    Attribute,
    Relationship,
    Resource,
)

#: Members of JSON:API that a body may contain; the API ignores them.
_IGNORED: dict[str, JSONSchema] = {"links": {}, "meta": {}}


def new_body(components: Components, resource: Resource) -> JSONObject:
    """Return the request body that creates a resource."""
    relationships = [it for it in resource.relationships if it.creatable]
    required = [it.name for it in relationships if it.required]
    data = {
        "type": {"const": resource.type},
        "attributes": closed(_attributes(it for it in resource.attributes if it.creatable), []),
        "relationships": closed(
            {it.name: _linkage(components, it) for it in relationships}, required
        ),
    }
    always = ["type", *(["relationships"] if required else [])]
    return _body(components, f"{resource.type}_new", data, always)


def changes_body(components: Components, resource: Resource) -> JSONObject:
    """Return the request body that changes a resource."""
    attributes = _attributes(it for it in resource.attributes if it.updatable)
    data = {
        "type": {"const": resource.type},
        "id": id_schema(resource) | {"description": "Must equal the id in the URL."},
        "attributes": closed(attributes | _triggers(resource.triggers), []),
        "relationships": closed(
            {it.name: _linkage(components, it) for it in resource.relationships if it.updatable}, []
        ),
    }
    return _body(components, f"{resource.type}_changes", data, ["type", "id"])


def _body(
    components: Components, name: str, data: dict[str, Any], required: list[str]
) -> JSONObject:
    document = {"data": closed(data | _IGNORED, required), "jsonapi": {}} | _IGNORED
    schema = components.refer("schemas", name, lambda: closed(document, ["data"]))
    return {"required": True, "content": content(schema)}


def _attributes(attributes: Iterable[Attribute]) -> dict[str, JSONSchema]:
    return {
        it.name: attribute_schema(it, it.field.accepted())
        for it in attributes
        if not isinstance(it.declared, RefusedField)
    }


def _triggers(triggers: Mapping[str, TriggerField]) -> dict[str, JSONSchema]:
    return {
        name: or_null({"type": "boolean"})
        | {
            "writeOnly": True,
            "description": f"{trigger.help_text} Send true; one trigger at a time.",
        }
        for name, trigger in triggers.items()
    }


def _linkage(components: Components, relationship: Relationship) -> JSONSchema:
    identifier = identifier_schema(components, relationship)
    data = identifier if relationship.required else {"oneOf": [identifier, {"type": "null"}]}
    return closed({"data": data} | _IGNORED, ["data"])
