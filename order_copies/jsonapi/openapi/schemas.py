"""Schemas of resources, and of the documents that contain them, in the OpenAPI document."""

from collections.abc import Iterator

from order_copies.jsonapi.json_schema import JSONSchema, closed
from order_copies.jsonapi.openapi.components import Components
from order_copies.jsonapi.queries import MAX_INCLUDE_DEPTH
from order_copies.jsonapi.resources import (
    Attribute,
    Relationship,
    Resource,
    resource_of,
)

URI = {"type": "string", "format": "uri"}
NULL = {"type": "null"}

#: The ``meta`` of every resource.
META = closed(
    {
        "mode": {"enum": ["test", "live"]},
        "organization_id": {"type": "string", "examples": ["xRRkjDFafe"]},
        "trace_id": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "Identifies the request in the server's log.",
            "examples": ["69abaa3545913c78132e5578bd26208d44aa9043647d78698fd0021f3958cd74"],
        },
    }
)


def resource_schema(components: Components, resource: Resource) -> JSONSchema:
    """Return a reference to the schema of a resource object."""
    return components.refer("schemas", resource.type, lambda: _resource(components, resource))


def _resource(components: Components, resource: Resource) -> JSONSchema:
    attributes = {it.name: attribute_schema(it, it.field.schema()) for it in resource.readable}
    relationships = {it.name: _relationship(components, it) for it in resource.relationships}
    return closed(
        {
            "id": id_schema(resource),
            "type": {"const": resource.type},
            "links": closed({"self": URI}),
            "attributes": closed(attributes, required=[]),
            "relationships": closed(relationships, required=[]),
            "meta": components.refer("schemas", "meta", lambda: META),
        }
    )


def id_schema(resource: Resource) -> JSONSchema:
    """Return the schema of the resource's public ids."""
    return {
        "type": "string",
        "pattern": resource.id_field.pattern,
        "examples": [resource.id_field.example],
    }


def attribute_schema(attribute: Attribute, schema: JSONSchema) -> JSONSchema:
    """Return ``schema`` with the description and example of the attribute, if declared."""
    extra: JSONSchema = {}
    if attribute.declared.help_text:
        extra["description"] = str(attribute.declared.help_text)
    if getattr(attribute.declared, "example", None) is not None:
        extra["examples"] = [attribute.declared.example]
    return schema | extra


def _relationship(components: Components, relationship: Relationship) -> JSONSchema:
    data = linkage_schema(components, relationship)
    links = closed({"self": URI, "related": URI})
    return closed({"links": links, "data": data}, required=["links"])


def linkage_schema(components: Components, relationship: Relationship) -> JSONSchema:
    """Return the schema of a relationship's ``data``."""
    identifier = identifier_schema(components, relationship)
    if relationship.many:
        return {"type": "array", "items": identifier}
    return {"oneOf": [identifier, NULL]}


def identifier_schema(components: Components, relationship: Relationship) -> JSONSchema:
    """Return a reference to the schema of a resource identifier object."""
    name = relationship.type
    members = {"type": {"const": name}, "id": id_schema(resource_of(name))}
    return components.refer("schemas", f"{name}_identifier", lambda: closed(members))


def document_schema(components: Components, resource: Resource) -> JSONSchema:
    """Return a reference to the schema of a document with one resource."""
    one = resource_schema(components, resource)
    return components.refer(
        "schemas", f"{resource.type}_document", lambda: _document(components, resource, one)
    )


def document_or_none_schema(components: Components, resource: Resource) -> JSONSchema:
    """Return a reference to the schema of a document with one resource or null."""
    one_or_none = {"oneOf": [resource_schema(components, resource), NULL]}
    return components.refer(
        "schemas",
        f"{resource.type}_document_or_none",
        lambda: _document(components, resource, one_or_none),
    )


def page_schema(components: Components, resource: Resource) -> JSONSchema:
    """Return a reference to the schema of a page of resources."""
    many = {"type": "array", "items": resource_schema(components, resource)}
    return components.refer(
        "schemas",
        f"{resource.type}_page",
        lambda: _document(components, resource, many, **resource.viewset.pagination_class.schemas),
    )


def _document(
    components: Components, resource: Resource, data: JSONSchema, **members: JSONSchema
) -> JSONSchema:
    document = {"data": data} | members
    types = sorted({it.type for _path, it in include_paths(resource)})
    if not types:
        return closed(document)
    resources = [resource_schema(components, resource_of(name)) for name in types]
    included = {"type": "array", "items": {"oneOf": resources}}
    return closed(document | {"included": included}, required=list(document))


def linkage_document_schema(components: Components, relationship: Relationship) -> JSONSchema:
    """Return the schema of the document of a relationship."""
    links = closed({"self": URI, "related": URI})
    data = linkage_schema(components, relationship)
    if not relationship.many:
        return closed({"links": links, "data": data})
    members = dict(resource_of(relationship.type).viewset.pagination_class.schemas)
    return closed(members | {"links": _merged(links, members["links"]), "data": data})


def _merged(first: JSONSchema, second: JSONSchema) -> JSONSchema:
    required = [*first.get("required", []), *second.get("required", [])]
    return closed(first["properties"] | second["properties"], required)


def include_paths(
    resource: Resource, depth: int = MAX_INCLUDE_DEPTH
) -> Iterator[tuple[str, Relationship]]:
    """Yield the paths that ``include`` accepts, each with the relationship at its end."""
    for relationship in resource.relationships:
        if not relationship.includable:
            continue
        yield relationship.name, relationship
        if depth > 1:
            for path, end in include_paths(resource_of(relationship.type), depth - 1):
                yield f"{relationship.name}.{path}", end


def document_types(resource: Resource) -> list[str]:
    """Return the types that a document of this resource can contain, sorted."""
    related = {end.type for _path, end in include_paths(resource)}
    return sorted(related | {resource.type})
