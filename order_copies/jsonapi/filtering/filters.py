"""Parse the filters of ``filter[q][…]``: attributes, predicate and values (contract 5.6).

Only filterable attributes and relationships can be named. A filter through a relationship applies
to the related rows that the client may see; if it may see none, their attributes are null.
"""

from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.db.models import BigIntegerField, CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, NullIf
from django.http import HttpRequest

from order_copies.jsonapi.errors import RequestRefusedError, refused
from order_copies.jsonapi.fields import Comparison, ValueField
from order_copies.jsonapi.filtering.predicates import PREDICATES, Predicate
from order_copies.jsonapi.resources import Attribute, Relationship, Resource, resource_of
from order_copies.jsonapi.storable import InvalidValueError, is_storable

#: The maximum number of relationships in the path of a filter.
MAX_DEPTH = 3
#: The maximum number of comparisons of a filter: attributes times values.
MAX_COMPARISONS = 200


class PublicIdField(ValueField):
    """The id of a resource, in filters: it is equal to an id or not."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY})
    text_name = "an id"

    def __init__(self, resource: Resource) -> None:
        super().__init__(read_only=True)
        self.resource = resource

    @property
    def text(self) -> str:  # type: ignore[override]
        """The pattern of the ids of the resource."""
        return self.resource.id_field.pattern.removeprefix("^").removesuffix("$")

    def convert(self, text: str) -> Any:
        """Return the primary key of an id. Raises :class:`InvalidValueError`."""
        key = self.resource.id_field.key_of(text) if is_storable(text) else None
        if key is None:
            raise InvalidValueError("invalid", f"is not an id of {self.resource.type}")
        return key


@dataclass(frozen=True)
class Path:
    """A path from a resource over relationships to an attribute."""

    relationships: tuple[Relationship, ...]
    attribute: Attribute

    def through(self, relationship: Relationship) -> "Path":
        """Return this path with a relationship before it."""
        return Path((relationship, *self.relationships), self.attribute)

    def condition(self, predicate: Predicate, values: list[Any], request: HttpRequest) -> Q:
        """Return the condition that the predicate is true for the attribute."""
        column = self.attribute.column
        condition = predicate.on(column, values, self.attribute.field)
        for relationship in reversed(self.relationships):
            related = resource_of(relationship.type).rows(request).filter(**_link(relationship))
            condition = Q(Exists(related.filter(condition)))
            if predicate.or_null:
                condition |= ~Q(Exists(related))
        return ~condition if predicate.inverts(values) else condition


def _link(relationship: Relationship) -> dict[str, Any]:
    """Return the lookups that join related rows to the row of the outer query."""
    key: Any = OuterRef(relationship.column.replace(".", "__") or "pk")
    if relationship.inverse_key is str:
        key = Cast(key, CharField())
    elif relationship.inverse_key is int:
        key = Cast(NullIf(key, Value("")), BigIntegerField())
    return {relationship.inverse or "pk": key, **relationship.scope}


@dataclass(frozen=True)
class Filter:
    """A filter: paths to attributes, of which at least one must satisfy the predicate."""

    predicate: Predicate
    paths: tuple[tuple[Path, list[Any]], ...]

    def condition(self, request: HttpRequest) -> Q:
        """Return the condition on the rows."""
        conditions = (
            path.condition(self.predicate, values, request) for path, values in self.paths
        )
        return reduce(or_, conditions)


def read_filter(key: str, name: str, text: str, resource: Resource) -> Filter:
    """Return the filter of a name such as ``reference_or_number_eq`` and a text.

    Raises :class:`RequestRefusedError`, which names the filter ``key``, for an unknown name, and
    :class:`InvalidValueError` for an invalid text.
    """
    predicate, paths = parse_name(key, name, resource)
    read = tuple((path, predicate.read(text, path.attribute.field)) for path in paths)
    if sum(len(values) for _path, values in read) > MAX_COMPARISONS:
        raise invalid_syntax(f"{key} makes more than {MAX_COMPARISONS} comparisons.")
    return Filter(predicate, read)


@lru_cache(maxsize=1024)
def parse_name(key: str, name: str, resource: Resource) -> tuple[Predicate, tuple[Path, ...]]:
    """Return the predicate at the end of a name, and the paths before it.

    Raises :class:`RequestRefusedError`, which names the filter ``key``.
    """
    known = [predicate for predicate in PREDICATES.values() if name.endswith(f"_{predicate.name}")]
    for predicate in known:
        paths = _paths(name.removesuffix(f"_{predicate.name}"), predicate, resource)
        if paths:
            return predicate, paths
    if known:
        raise not_allowed(key, resource)
    raise invalid_syntax(f"{key} ends in no predicate, such as _eq, _in or _cont.")


def _paths(text: str, predicate: Predicate, resource: Resource) -> tuple[Path, ...]:
    names = [text] if _path(text, resource) else list(dict.fromkeys(text.split("_or_")))
    paths = [path for name in names if (path := _path(name, resource))]
    fits = all(predicate.comparison in path.attribute.field.comparisons for path in paths)
    return tuple(paths) if fits and len(paths) == len(names) else ()


def _path(name: str, resource: Resource, depth: int = MAX_DEPTH) -> Path | None:
    attribute = resource.attributes_by_name.get(name)
    if name == "id":
        return Path((), _id_attribute(resource))
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


def _id_attribute(resource: Resource) -> Attribute:
    field = PublicIdField(resource)
    can = {"creatable": False, "updatable": False, "filterable": True, "sortable": True}
    return Attribute(
        name="id", declared=field, field=field, column="pk", get=None, on_request=False, **can
    )


def not_allowed(key: str, resource: Resource) -> RequestRefusedError:
    """Return the exception for a filter that the resource does not have."""
    detail = f"{key} is not allowed: {resource.type} cannot be filtered so."
    return refused("FILTER_NOT_ALLOWED", detail)


def invalid_syntax(detail: str) -> RequestRefusedError:
    """Return the exception for a malformed filter."""
    return refused("INVALID_FILTERS_SYNTAX", detail)


def invalid_value(key: str, text: str, why: str) -> RequestRefusedError:
    """Return the exception for a filter with an invalid value."""
    detail = f"{text[:100]} is not a valid value for {key}: {why}."
    return refused("INVALID_FILTER_VALUE", detail)
