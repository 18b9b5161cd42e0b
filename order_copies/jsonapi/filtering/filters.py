"""What ``filter[q][…]`` asks: which attributes, which predicate, which values (contract 5.6).

Only what a declaration calls filterable can be named. What is asked of a relationship is asked of
those related rows only that the client may see; where it sees none, there is null.
"""

from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q
from django.db.models.functions import Cast
from django.http import HttpRequest

from order_copies.jsonapi.errors import (
    FILTER_NOT_ALLOWED,
    INVALID_FILTER_VALUE,
    INVALID_FILTERS_SYNTAX,
    RequestRefusedError,
    refused,
)
from order_copies.jsonapi.filtering.predicates import PREDICATES, Predicate
from order_copies.jsonapi.resources import Attribute, Relationship, ResourceSerializer, resource_of
from order_copies.jsonapi.storable import InvalidValueError, is_storable
from order_copies.jsonapi.values import Comparison, Value

#: How many relationships a filter may follow.
MAX_DEPTH = 3
#: How many comparisons a filter may make: attributes times values.
MAX_COMPARISONS = 200


@dataclass(frozen=True)
class PublicId(Value):
    """The id of a resource: equal or not, and no more can be asked of it."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY})

    text_name = "an id"

    resource: ResourceSerializer | None = None

    @property
    def text(self) -> str:  # type: ignore[override]
        """The pattern of the ids of the resource."""
        assert self.resource is not None
        return self.resource.id_pattern.removeprefix("^").removesuffix("$")

    def convert(self, text: str) -> Any:
        """The key that the id stands for."""
        assert self.resource is not None
        key = self.resource.key_of(text) if is_storable(text) else None
        if key is None:
            raise InvalidValueError("invalid", f"is not an id of {self.resource.type}")
        return key


@dataclass(frozen=True)
class Path:
    """The way from a resource over relationships to an attribute."""

    relationships: tuple[Relationship, ...]
    attribute: Attribute

    def through(self, relationship: Relationship) -> "Path":
        """The same way, begun one relationship earlier."""
        return Path((relationship, *self.relationships), self.attribute)

    def condition(self, predicate: Predicate, values: list[Any], request: HttpRequest) -> Q:
        """The condition that what is at its end meets the predicate."""
        column = self.attribute.column or self.attribute.name
        condition = predicate.on(column, values, self.attribute.value)
        for relationship in reversed(self.relationships):
            related = resource_of(relationship.type).rows(request).filter(**_link(relationship))
            condition = Q(Exists(related.filter(condition)))
            if predicate.or_null:
                condition |= ~Q(Exists(related))
        return ~condition if predicate.inverts(values) else condition


def _link(relationship: Relationship) -> dict[str, Any]:
    """What makes rows of the related resource those of the row outside."""
    key: Any = OuterRef(relationship.column.replace(".", "__") or "pk")
    if relationship.inverse_key is str:
        key = Cast(key, CharField())
    return {relationship.inverse or "pk": key, **relationship.scope}


@dataclass(frozen=True)
class Filter:
    """One filter: ways to attributes, of which one has to meet the predicate with its values."""

    predicate: Predicate
    paths: tuple[tuple[Path, list[Any]], ...]

    def condition(self, request: HttpRequest) -> Q:
        """What the filter asks of the rows."""
        conditions = (
            path.condition(self.predicate, values, request) for path, values in self.paths
        )
        return reduce(or_, conditions)


def read_filter(key: str, name: str, text: str, resource: ResourceSerializer) -> Filter:
    """What a name such as ``reference_or_number_eq`` asks, with this text.

    Raises :class:`RequestRefusedError`, which calls the filter ``key``, for names that are not
    offered; and :class:`InvalidValueError` for a text that is no value.
    """
    predicate, paths = understand(key, name, resource)
    read = tuple((path, predicate.read(text, path.attribute.value)) for path in paths)
    if sum(len(values) for _path, values in read) > MAX_COMPARISONS:
        raise invalid_syntax(f"{key} makes more than {MAX_COMPARISONS} comparisons.")
    return Filter(predicate, read)


@lru_cache(maxsize=1024)
def understand(
    key: str, name: str, resource: ResourceSerializer
) -> tuple[Predicate, tuple[Path, ...]]:
    """The predicate that a name ends in, and the ways that it names before.

    Raises :class:`RequestRefusedError`, which calls the filter ``key``.
    """
    known = [predicate for predicate in PREDICATES.values() if name.endswith(f"_{predicate.name}")]
    for predicate in known:
        paths = _paths(name.removesuffix(f"_{predicate.name}"), predicate, resource)
        if paths:
            return predicate, paths
    if known:
        raise not_allowed(key, resource)
    raise invalid_syntax(f"{key} ends in no predicate, such as _eq, _in or _cont.")


def _paths(text: str, predicate: Predicate, resource: ResourceSerializer) -> tuple[Path, ...]:
    names = [text] if _path(text, resource) else list(dict.fromkeys(text.split("_or_")))
    paths = [path for name in names if (path := _path(name, resource))]
    fits = all(predicate.comparison in path.attribute.value.comparisons for path in paths)
    return tuple(paths) if fits and len(paths) == len(names) else ()


def _path(name: str, resource: ResourceSerializer, depth: int = MAX_DEPTH) -> Path | None:
    attribute = resource.attributes_by_name.get(name)
    if name == "id":
        return Path((), Attribute(name="id", column="pk", value=PublicId(resource=resource)))
    if attribute and attribute.filterable:
        return Path((), attribute)
    for relationship in resource.relationships if depth else ():
        rest = name.removeprefix(f"{relationship.name}_")
        if rest == name or not relationship.offers_filters:
            continue
        path = _path(rest, resource_of(relationship.type), depth - 1)
        if path:
            return path.through(relationship)
    return None


def not_allowed(key: str, resource: ResourceSerializer) -> RequestRefusedError:
    """The exception for a filter that a resource does not offer."""
    detail = f"{key} is not allowed: {resource.type} cannot be filtered so."
    return refused(FILTER_NOT_ALLOWED, "Filter not allowed", detail)


def invalid_syntax(detail: str) -> RequestRefusedError:
    """The exception for what is no filter at all."""
    return refused(INVALID_FILTERS_SYNTAX, "Invalid filters syntax", detail)


def invalid_value(key: str, text: str, why: str) -> RequestRefusedError:
    """The exception for a filter with a value that it cannot have."""
    detail = f"{text[:100]} is not a valid value for {key}: {why}."
    return refused(INVALID_FILTER_VALUE, "Invalid filter value", detail)
