"""Read the query of a request: what to include, which fields, in which order.

Whatever is not understood, or not offered by the endpoint, is refused: nothing is ignored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from order_copies.jsonapi.errors import (
    FILTER_NOT_ALLOWED,
    INVALID_FIELD,
    INVALID_FIELD_VALUE,
    INVALID_INCLUDE,
    INVALID_SORT_CRITERIA,
    PARAM_NOT_ALLOWED,
    refused,
)
from order_copies.jsonapi.resources import (
    Relationship,
    ResourceSerializer,
    registered,
    resource_of,
)

#: How many relationships an include path may follow.
MAX_INCLUDE_DEPTH = 3

#: Relationships to include, each with those to include of the related resources.
IncludeTree = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """What a request asks for."""

    include: IncludeTree = field(default_factory=dict)
    #: The attributes and relationships asked for, by resource type.
    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    order_by: tuple[str, ...] = ("pk",)
    dry_run: bool = False


def read_query(query: QueryDict, resource: ResourceSerializer, offered: Iterable[str]) -> Query:
    """What ``query`` asks of an endpoint that answers with resources of this kind.

    ``offered`` are the families of parameters that the endpoint knows, such as ``include`` or
    ``page``. Raises :class:`RequestRefusedError`.
    """
    for key, values in query.lists():
        _check_offered(key, set(offered))
        _check_single(key, values)
    fields = dict(_fields(query))
    return Query(
        include=_asked_for(_include(query.get("include", ""), resource), fields, resource),
        fields=fields,
        order_by=_order_by(query.get("sort", ""), resource),
        dry_run=_flag("dry_run", query.get("dry_run", "false")),
    )


def _check_offered(key: str, offered: set[str]) -> None:
    family, bracket, _rest = key.partition("[")
    if family == "filter" and "page" in offered and "filter" not in offered:
        raise refused(FILTER_NOT_ALLOWED, "Filter not allowed", f"{key} is not allowed.")
    if family not in offered or bool(bracket) != (family in {"fields", "page", "filter"}):
        raise refused(PARAM_NOT_ALLOWED, "Param not allowed", f"{key} is not allowed.")


def _check_single(key: str, values: Sequence[object]) -> None:
    if len(values) > 1:
        detail = f"{key} is sent {len(values)} times: send it once, a list separated by commas."
        raise refused(PARAM_NOT_ALLOWED, "Param not allowed", detail)


def _include(text: str, resource: ResourceSerializer) -> IncludeTree:
    tree: IncludeTree = {}
    for path in _listed(text):
        _grow(tree, path, resource)
    return tree


def _grow(tree: IncludeTree, path: str, resource: ResourceSerializer) -> None:
    names = path.split(".")
    relationship = None
    for name in names:
        found = resource.relationships_by_name.get(name)
        ends = relationship is not None and relationship.leads_nowhere
        if found is None or ends or not found.includable or len(names) > MAX_INCLUDE_DEPTH:
            detail = f"{path} is not a valid includable relationship of {resource.type}."
            raise refused(INVALID_INCLUDE, "Invalid include", detail)
        tree, relationship = tree.setdefault(name, {}), found
        if not found.leads_nowhere:
            resource = resource_of(found.type)


def _asked_for(
    tree: IncludeTree, fields: dict[str, frozenset[str]], resource: ResourceSerializer
) -> IncludeTree:
    """Without relationships that a fieldset of their resource leaves out (contract 5.4)."""
    kept = fields.get(resource.type, resource.relationships_by_name)
    return {
        name: _asked_for(branches, fields, _related(resource, name)) if branches else branches
        for name, branches in tree.items()
        if name in kept
    }


def _related(resource: ResourceSerializer, name: str) -> ResourceSerializer:
    return resource_of(resource.relationships_by_name[name].type)


def _fields(query: QueryDict) -> Iterator[tuple[str, frozenset[str]]]:
    types = {resource.type for resource in registered()}
    for key in query:
        if not key.startswith("fields["):
            continue
        resource_type = key.removeprefix("fields[").removesuffix("]")
        if resource_type not in types or not key.endswith("]"):
            raise _invalid_field(resource_type, "the API")
        yield (
            resource_type,
            frozenset(_known_fields(query.get(key, ""), resource_of(resource_type))),
        )


def _known_fields(text: str, resource: ResourceSerializer) -> Iterator[str]:
    for name in _listed(text):
        if name not in {"id", *resource.attributes_by_name, *resource.relationships_by_name}:
            raise _invalid_field(name, resource.type)
        yield name


def _invalid_field(name: str, of: str) -> Exception:
    return refused(INVALID_FIELD, "Invalid field", f"{name} is not a valid field of {of}.")


def _order_by(text: str, resource: ResourceSerializer) -> tuple[str, ...]:
    return (*filter(None, (_column(name, resource) for name in _listed(text))), "pk")


def _column(criterion: str, resource: ResourceSerializer) -> str | None:
    """The column with its sign; none for what is nothing in every row."""
    name = criterion.removeprefix("-")
    sign = "-" if criterion != name else ""
    if name == "id":
        return f"{sign}pk"
    declared = resource.attributes_by_name.get(name) or resource.relationships_by_name.get(name)
    if declared is None or not declared.sortable:
        detail = f"{name} is not a valid sort criterion of {resource.type}."
        raise refused(INVALID_SORT_CRITERIA, "Invalid sort criteria", detail)
    if isinstance(declared, Relationship):
        return f"{sign}{declared.column}" if declared.column else None
    return f"{sign}{declared.column or name}"


def _flag(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        detail = f"{text} is not a valid value for {name}: please send true or false."
        raise refused(INVALID_FIELD_VALUE, "Invalid field value", detail)
    return text == "true"


def _listed(text: str) -> list[str]:
    return text.split(",") if text else []
