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
from order_copies.jsonapi.resources import Resource, resource_of

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
        for name, parameter in FAMILIES[family](resource)
    ]


Described = Iterator[tuple[str, JSONObject]]


def _include(resource: Resource) -> Described:
    paths = [path for path, _relationship in include_paths(resource)]
    if paths:
        yield f"{resource.type}_include", _listed("include", {"enum": paths}, _ABOUT_INCLUDE)


def _fields(resource: Resource) -> Described:
    for resource_type in document_types(resource):
        yield f"{resource_type}_fields", _fieldset(resource_type)


def _fieldset(resource_type: str) -> JSONObject:
    items = {"enum": resource_of(resource_type).field_names}
    about = f"The attributes and relationships of {resource_type} to return"
    return _listed(f"fields[{resource_type}]", items, f"{about}; the id is always returned.")


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


#: The families of parameters that all resources have, by name.
FAMILIES: dict[str, Callable[[Resource], Described]] = {
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
