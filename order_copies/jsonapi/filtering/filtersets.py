"""The plain names of ``filter[…]`` (contract 1.3) as filter sets of django-filter.

Each is short for a predicate: ``filter[status]=pending,failed`` for ``status_in``. A resource may
bring a filter set of its own with more names, see ``ResourceSerializer.filterset_class``.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django_filters import CharFilter, FilterSet

from order_copies.jsonapi.filtering.filters import (
    Filter,
    invalid_syntax,
    invalid_value,
    not_allowed,
    read_filter,
)
from order_copies.jsonapi.resources import ResourceSerializer
from order_copies.jsonapi.storable import InvalidValueError
from order_copies.jsonapi.values import Instant, Object

#: How many filters a request may have.
MAX_FILTERS = 100
#: How many letters the name of one may have.
MAX_NAME = 200

_KEY = re.compile(rf"filter(\[q\])?\[(\w{{1,{MAX_NAME}}})\]", re.ASCII)


class ShortFilter(CharFilter):  # type: ignore[misc]
    """A plain name that is short for an attribute with a predicate."""

    class field_class(forms.CharField):  # noqa: N801
        """Takes any text as it is: the predicate reads it."""

        def __init__(self, *, short_for: str, resource: ResourceSerializer, **kwargs: Any) -> None:
            super().__init__(strip=False, **kwargs)
            self.short_for = short_for
            self.resource = resource

        def clean(self, value: Any) -> Filter | None:
            """What is asked with the text; nothing, if the name was not sent."""
            if value is None:
                return None
            text = super().clean(value)
            try:
                return read_filter(self.short_for, self.short_for, text, self.resource)
            except InvalidValueError as error:
                raise forms.ValidationError(error.message) from None

    def filter(self, qs: "QuerySet[Any]", value: Filter | None) -> "QuerySet[Any]":
        """The rows that meet it."""
        return qs if value is None else qs.filter(value.condition(self.parent.request))


@lru_cache(maxsize=256)
def filterset_of(resource: ResourceSerializer) -> type[FilterSet]:
    """The filter set of a resource: the names that its declaration implies, and its own."""
    implied = {
        name: ShortFilter(short_for=short_for, resource=resource)
        for name, short_for in _short_names(resource)
    }
    return type("ResourceFilterSet", (resource.filterset_class,), implied)


def _short_names(resource: ResourceSerializer) -> Iterator[tuple[str, str]]:
    yield from (("id", "id_in"), ("ids", "id_in"))
    for attribute in resource.attributes:
        if not attribute.filterable:
            continue
        name = attribute.name
        yield name, f"{name}_jcont" if isinstance(attribute.value, Object) else f"{name}_in"
        if isinstance(attribute.value, Instant):
            yield from ((f"{name}_from", f"{name}_gteq"), (f"{name}_to", f"{name}_lteq"))
    for relationship in resource.relationships:
        if relationship.offers_filters:
            yield f"{relationship.name}_id", f"{relationship.name}_id_in"


def filter_rows(
    rows: "QuerySet[Any]", query: QueryDict, resource: ResourceSerializer, request: HttpRequest
) -> "QuerySet[Any]":
    """The rows that meet all filters of the query. Raises :class:`RequestRefusedError`."""
    plain: dict[str, str] = {}
    for key, is_predicate, name, text in _filters(query):
        if is_predicate:
            rows = rows.filter(_read(key, name, text, resource).condition(request))
        else:
            plain[name] = text
    return _filter_plainly(rows, plain, resource, request) if plain else rows


def _filters(query: QueryDict) -> Iterator[tuple[str, bool, str, str]]:
    """Each filter of the query: its key, whether it names a predicate, its name, its text."""
    keys = [key for key in query if key.partition("[")[0] == "filter"]
    if len(keys) > MAX_FILTERS:
        raise invalid_syntax(f"A request may have {MAX_FILTERS} filters.")
    for key in keys:
        found = _KEY.fullmatch(key)
        if found is None:
            message = f"{key} is not a filter: send filter[q][name_predicate] or filter[name]."
            raise invalid_syntax(message)
        yield key, bool(found[1]), found[2], query.get(key, "")


def _read(key: str, name: str, text: str, resource: ResourceSerializer) -> Filter:
    try:
        return read_filter(key, name, text, resource)
    except InvalidValueError as error:
        raise invalid_value(key, text, error.message) from None


def _filter_plainly(
    rows: "QuerySet[Any]",
    plain: dict[str, str],
    resource: ResourceSerializer,
    request: HttpRequest,
) -> "QuerySet[Any]":
    filterset_class = filterset_of(resource)
    for name in plain:
        if name not in filterset_class.base_filters:
            raise not_allowed(f"filter[{name}]", resource)
    filterset = filterset_class(plain, rows, request=request)
    if not filterset.is_valid():
        name, messages = next(iter(filterset.errors.items()))
        raise invalid_value(f"filter[{name}]", plain[name], str(messages[0]))
    met: QuerySet[Any] = filterset.qs
    return met
