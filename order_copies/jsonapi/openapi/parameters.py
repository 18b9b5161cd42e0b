"""Path and query parameters of the OpenAPI document, grouped in families."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from order_copies.jsonapi.includes import MAX_INCLUDED
from order_copies.jsonapi.json_schema import JSONSchema
from order_copies.jsonapi.openapi.components import Components, JSONObject
from order_copies.jsonapi.openapi.filters import (
    plain_schema,
    predicates_description,
    predicates_schema,
)
from order_copies.jsonapi.openapi.schemas import document_types, id_schema, include_paths
from order_copies.jsonapi.queries import MAX_INCLUDE_DEPTH, NAME
from order_copies.jsonapi.resources import Resource, resource_of, unserved_types

_ABOUT_INCLUDE = (
    "Relationships whose resources the response includes. If one of them leads to more than "
    f"{MAX_INCLUDED} resources in total, the request fails with status 400: use a smaller "
    "`page[size]`, or the list of the related resources."
)


def id_parameter(components: Components, resource: Resource) -> JSONObject:
    """Return a reference to the path parameter with the resource's id."""
    parameter = {
        "name": "public_id",
        "in": "path",
        "required": True,
        "schema": id_schema(resource),
    }
    return components.refer("parameters", f"{resource.type}_id", lambda: parameter)


def query_parameters(
    components: Components, resource: Resource, families: Iterable[str]
) -> list[JSONObject]:
    """Return references to the parameters of these families, for responses with ``resource``."""
    return [
        components.refer("parameters", name, partial(dict, parameter))
        for family in families
        for name, parameter in _FAMILIES[family](resource)
    ]


Described = Iterator[tuple[str, JSONObject]]


def _include(resource: Resource) -> Described:
    paths = dict(include_paths(resource))
    if paths:
        ends = [path for path, relationship in paths.items() if relationship.leads_nowhere]
        patterns = [_text(pattern) for path in ends for pattern in _beyond(path)]
        items = {"anyOf": [{"enum": list(paths)}, *patterns]} if patterns else {"enum": list(paths)}
        yield f"{resource.type}_include", _listed("include", items, _ABOUT_INCLUDE)


def _beyond(path: str) -> Iterator[str]:
    """Yield the pattern of paths that continue a path whose end is always empty."""
    steps = MAX_INCLUDE_DEPTH - 1 - path.count(".")
    if steps:
        yield f"^{path.replace('.', '[.]')}([.]{NAME}){{1,{steps}}}$"


def _fields(resource: Resource) -> Described:
    for resource_type in document_types(resource):
        yield f"{resource_type}_fields", _fieldset(resource_type)


def _fieldset(resource_type: str) -> JSONObject:
    is_unknown = resource_type in unserved_types()
    any_name, name = _text(f"^{NAME}$"), f"fields[{resource_type}]"
    items = any_name if is_unknown else {"enum": resource_of(resource_type).field_names}
    about = f"The attributes and relationships of {resource_type} to return"
    return _listed(name, items, f"{about}; the id is always returned.")


def parameters_of_nothing(components: Components, resource_type: str) -> list[JSONObject]:
    """Return references to the parameters of a response that is always empty.

    ``resource_type`` is the type that the relationship declares.
    """
    any_path = _text(f"^{NAME}([.]{NAME}){{0,{MAX_INCLUDE_DEPTH - 1}}}$")
    described = {
        f"{resource_type}_include": _listed("include", any_path, _ABOUT_INCLUDE),
        f"{resource_type}_fields": _fieldset(resource_type),
    }
    return [
        components.refer("parameters", name, partial(dict, parameter))
        for name, parameter in described.items()
    ]


def _text(pattern: str) -> JSONObject:
    return {"type": "string", "pattern": pattern}


def _page(resource: Resource) -> Described:
    for name, schema in resource.viewset.pagination_class.parameters.items():
        # A cursor is the id of the last resource on the previous page.
        is_cursor = name == "after"
        described = schema | {"pattern": resource.id_field.pattern} if is_cursor else schema
        of = resource.type if is_cursor else resource.viewset.pagination_class.__name__
        yield f"{of}_{name}", _parameter(f"page[{name}]", described, "")


def _sort(resource: Resource) -> Described:
    attributes = (it.name for it in resource.attributes if it.sortable)
    relationships = (it.name for it in resource.relationships if it.sortable)
    names = ["id", *attributes, *relationships]
    criteria = [criterion for name in names for criterion in (name, f"-{name}")]
    about = "Sort criteria; a leading `-` sorts in descending order."
    yield f"{resource.type}_sort", _listed("sort", {"enum": criteria}, about)


def _filter(resource: Resource) -> Described:
    deep = {"style": "deepObject", "explode": True}
    about = "Conditions by plain names. A resource must meet all. Some take values with commas."
    yield f"{resource.type}_filter", _parameter("filter", plain_schema(resource), about) | deep
    about = predicates_description(resource)
    schema = predicates_schema(resource)
    yield f"{resource.type}_filter_q", _parameter("filter[q]", schema, about) | deep


_FAMILIES: dict[str, Callable[[Resource], Described]] = {
    "include": _include,
    "fields": _fields,
    "page": _page,
    "sort": _sort,
    "filter": _filter,
}


def _listed(name: str, items: JSONSchema, description: str) -> JSONObject:
    schema = {"type": "array", "items": items}
    return _parameter(name, schema, description) | {"style": "form", "explode": False}


def _parameter(name: str, schema: JSONSchema, description: str) -> JSONObject:
    extra = {"description": description} if description else {}
    return {"name": name, "in": "query"} | extra | {"schema": schema}
