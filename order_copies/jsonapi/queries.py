"""Read the query of a request: which resources to include, and which fields.

A parameter that is unknown, or that the endpoint does not offer, is refused.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from order_copies.jsonapi.errors import refused
from order_copies.jsonapi.resources import Resource, resource_of

#: The maximum number of relationships in an include path.
MAX_INCLUDE_DEPTH = 3

_NAME = "[A-Za-z][A-Za-z0-9_]*"
_PATH = re.compile(rf"{_NAME}(\.{_NAME}){{0,{MAX_INCLUDE_DEPTH - 1}}}")

#: The relationships to include, each with the tree of the related resource.
IncludeTree = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """The parsed query of a request."""

    include: IncludeTree = field(default_factory=dict)
    #: The requested attributes and relationships by resource type.
    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    dry_run: bool = False


def read_query(query: QueryDict, resource: Resource, offered: Iterable[str]) -> Query:
    """Return the parsed query of an endpoint that returns this resource.

    ``offered``: the families of parameters that the endpoint accepts, such as ``include`` or
    ``page``. Raises :class:`RequestRefusedError`.
    """
    _check_keys(query, set(offered))
    fields = dict(_fields(query))
    return Query(
        include=_in_fields(_include(query.get("include", ""), resource), fields, resource),
        fields=fields,
        dry_run=_flag("dry_run", query.get("dry_run", "false")),
    )


def _check_keys(query: QueryDict, offered: set[str]) -> None:
    for key, values in query.lists():
        _check_offered(key, offered)
        _check_single(key, values)


def _check_offered(key: str, offered: set[str]) -> None:
    family, bracket, _rest = key.partition("[")
    if family == "filter" and "page" in offered and "filter" not in offered:
        raise refused("FILTER_NOT_ALLOWED", f"{key} is not allowed.")
    if family not in offered or bool(bracket) != (family in {"fields", "page", "filter"}):
        raise refused("PARAM_NOT_ALLOWED", f"{key} is not allowed.")


def _check_single(key: str, values: Sequence[object]) -> None:
    if len(values) > 1:
        detail = f"{key} is sent {len(values)} times: send it once, a list separated by commas."
        raise refused("PARAM_NOT_ALLOWED", detail)


def _include(text: str, resource: Resource) -> IncludeTree:
    tree: IncludeTree = {}
    for path in split(text):
        if not _PATH.fullmatch(path):
            raise _invalid_include(path)
        _grow(tree, path, resource)
    return tree


def _grow(tree: IncludeTree, path: str, resource: Resource) -> None:
    for name in path.split("."):
        found = resource.relationships_by_name.get(name)
        if found is None or not found.includable:
            raise _invalid_include(path)
        tree = tree.setdefault(name, {})
        resource = resource_of(found.type)


def _invalid_include(path: str) -> Exception:
    detail = f"{path} is not a valid path of includable relationships."
    return refused("INVALID_INCLUDE", detail)


def _in_fields(
    tree: IncludeTree, fields: dict[str, frozenset[str]], resource: Resource
) -> IncludeTree:
    """Return the tree without relationships that ``fields`` leaves out (contract 5.4)."""
    kept = fields.get(resource.type, resource.relationships_by_name)
    return {
        name: _in_fields(branches, fields, _related(resource, name)) if branches else branches
        for name, branches in tree.items()
        if name in kept
    }


def _related(resource: Resource, name: str) -> Resource:
    return resource_of(resource.relationships_by_name[name].type)


def _fields(query: QueryDict) -> Iterator[tuple[str, frozenset[str]]]:
    for key in query:
        if not key.startswith("fields["):
            continue
        resource_type = key.removeprefix("fields[").removesuffix("]")
        if not key.endswith("]"):
            raise _invalid_field(resource_type, "the API")
        names = split(query.get(key, ""))
        _check_fields(resource_type, names)
        yield resource_type, frozenset(names)


def _check_fields(resource_type: str, names: Iterable[str]) -> None:
    try:
        known = resource_of(resource_type).field_names
    except KeyError:
        raise _invalid_field(resource_type, "the API") from None
    for name in names:
        if name not in known:
            raise _invalid_field(name, resource_type)


def _invalid_field(name: str, of: str) -> Exception:
    return refused("INVALID_FIELD", f"{name} is not a valid field of {of}.")


def _flag(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        detail = f"{text} is not a valid value for {name}: please send true or false."
        raise refused("INVALID_FIELD_VALUE", detail)
    return text == "true"


def split(text: str) -> list[str]:
    """Return the items of a list that is separated by commas."""
    return text.split(",") if text else []
