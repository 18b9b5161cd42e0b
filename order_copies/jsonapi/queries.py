"""Read the query of a request: what to include, which fields, in which order.

Whatever is not understood, or not offered by the endpoint, is refused: nothing is ignored.
"""

import re
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
    named_only,
    resource_of,
)

#: How many relationships an include path may follow.
MAX_INCLUDE_DEPTH = 3

#: What names look like: of what leads nowhere, any might be one.
NAME = "[A-Za-z][A-Za-z0-9_]*"
_NAME = re.compile(NAME)
_PATH = re.compile(rf"{NAME}(\.{NAME}){{0,{MAX_INCLUDE_DEPTH - 1}}}")

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
    _check_keys(query, set(offered))
    fields = dict(_fields(query))
    return Query(
        include=_asked_for(_include(query.get("include", ""), resource), fields, resource),
        fields=fields,
        order_by=_order_by(query.get("sort", ""), resource),
        dry_run=_flag("dry_run", query.get("dry_run", "false")),
    )


def read_query_of_nothing(query: QueryDict) -> Query:
    """What ``query`` asks of an endpoint that has nothing to tell, nor to know names by.

    Raises :class:`RequestRefusedError` for what would be refused whatever there was.
    """
    _check_keys(query, {"include", "fields"})
    for path in _listed(query.get("include", "")):
        _check_path(path)
    return Query(fields=dict(_fields(query)))


def _check_keys(query: QueryDict, offered: set[str]) -> None:
    for key, values in query.lists():
        _check_offered(key, offered)
        _check_single(key, values)


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
        _check_path(path)
        _grow(tree, path, resource)
    return tree


def _check_path(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise _invalid_include(path)


def _grow(tree: IncludeTree, path: str, resource: ResourceSerializer) -> None:
    for name in path.split("."):
        found = resource.relationships_by_name.get(name)
        if found is None or not found.includable:
            raise _invalid_include(path)
        tree = tree.setdefault(name, {})
        if found.leads_nowhere:
            return
        resource = resource_of(found.type)


def _invalid_include(path: str) -> Exception:
    detail = f"{path} is not a valid path of includable relationships."
    return refused(INVALID_INCLUDE, "Invalid include", detail)


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
    for key in query:
        if not key.startswith("fields["):
            continue
        resource_type = key.removeprefix("fields[").removesuffix("]")
        if not key.endswith("]"):
            raise _invalid_field(resource_type, "the API")
        names = frozenset(_listed(query.get(key, "")))
        _check_fields(resource_type, names)
        yield resource_type, names


def _check_fields(resource_type: str, names: Iterable[str]) -> None:
    try:
        known = resource_of(resource_type).field_names
    except KeyError:
        if resource_type not in named_only():
            raise _invalid_field(resource_type, "the API") from None
        known = None
    for name in names:
        is_known = _NAME.fullmatch(name) if known is None else name in known
        if not is_known:
            raise _invalid_field(name, resource_type)


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
