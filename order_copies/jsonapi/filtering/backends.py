"""Filter backends of the dialect: ``sort``, ``filter[q][…]`` and plain ``filter[…]``.

Filter scopes are plain names. ``filter[q][…]`` takes them too, because Commerce Layer's SDK sends
nothing else.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.forms import SelectMultiple
from django.utils.datastructures import MultiValueDict
from django_filters import CharFilter, FilterSet
from django_filters.filterset import filterset_factory
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.filters import BaseFilterBackend, OrderingFilter
from rest_framework.request import Request

from order_copies.jsonapi.errors import refused
from order_copies.jsonapi.fields import InstantField, ObjectField
from order_copies.jsonapi.filtering.filters import (
    Filter,
    invalid_syntax,
    invalid_value,
    not_allowed,
    read_filter,
)
from order_copies.jsonapi.queries import split
from order_copies.jsonapi.resources import Resource
from order_copies.jsonapi.storable import InvalidValueError

#: The maximum number of filters of a request.
MAX_FILTERS = 100
#: The maximum length of the name of a filter.
MAX_NAME = 200

_KEY = re.compile(rf"filter(\[q\])?\[(\w{{1,{MAX_NAME}}})\]", re.ASCII)

Rows = QuerySet[Any]


class SortBackend(OrderingFilter):
    """``sort=-created_at,status``: by sortable attributes, and finally by primary key."""

    ordering_param = "sort"

    def filter_queryset(self, request: Request, queryset: Rows, view: Any) -> Rows:
        """Return the sorted rows. Raises :class:`RequestRefusedError` for an unknown criterion."""
        criteria = split(request.query_params.get(self.ordering_param, ""))
        if not criteria:
            return queryset.order_by(*(self.get_default_ordering(view) or ()), "pk")
        return queryset.order_by(*(_column(name, view.resource) for name in criteria), "pk")


class PredicateBackend(BaseFilterBackend):
    """``filter[q][reference_or_number_cont]=…``: the predicates of contract 5.6."""

    def filter_queryset(self, request: Request, queryset: Rows, view: Any) -> Rows:
        """Return the rows that satisfy all filters. Raises :class:`RequestRefusedError`."""
        for key, is_predicate, name, text in _filters(request, view):
            if is_predicate:
                found = _read(key, name, text, view.resource)
                queryset = queryset.filter(found.condition(request))
        return queryset


class PlainBackend(DjangoFilterBackend):  # type: ignore[misc]
    """``filter[status]=…``: filter sets of django-filter.

    Each filterable attribute has a plain name (contract 1.3), which is short for a predicate:
    ``filter[status]=pending,failed`` for ``status_in``. A viewset with ``filterset_class`` or
    ``filterset_fields`` has those in addition.
    """

    def get_filterset_class(self, view: Any, queryset: Rows | None = None) -> type[FilterSet]:
        """Return the filter set of the viewset's resource."""
        return filterset_of(view.resource)

    def get_filterset_kwargs(self, request: Request, queryset: Rows, view: Any) -> dict[str, Any]:
        """Return the arguments of the filter set: the texts by plain name."""
        data = MultiValueDict[str, str]()
        filters = filterset_of(view.resource).base_filters
        for key, is_predicate, name, text in _filters(request, view):
            if not is_predicate:
                if name in data:
                    raise invalid_syntax(f"{key} is sent twice, with and without [q].")
                takes_many = name in filters and isinstance(
                    filters[name].field.widget, SelectMultiple
                )
                data.setlist(name, text.split(",") if takes_many else [text])
        return {"data": data, "queryset": queryset, "request": request}

    def filter_queryset(self, request: Request, queryset: Rows, view: Any) -> Rows:
        """Return the rows that satisfy all filters. Raises :class:`RequestRefusedError`."""
        if all(is_predicate for _key, is_predicate, _name, _text in _filters(request, view)):
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        names = plain_names(view.resource)
        for name in filterset.data:
            if name not in names:
                raise not_allowed(f"filter[{name}]", view.resource)
        if not filterset.is_valid():
            name, messages = next(iter(filterset.errors.items()))
            # A range has an error, but a name for each of its ends.
            sent = [it for it in filterset.data if it == name or it.startswith(f"{name}_")]
            text = ",".join(filterset.data.getlist(sent[0]))
            raise invalid_value(f"filter[{sent[0]}]", text, str(messages[0]).rstrip("."))
        for name, text in filterset.data.items():
            # The form of a BooleanFilter takes "maybe" for no value.
            if text and filterset.form.cleaned_data.get(name, text) is None:
                raise invalid_value(f"filter[{name}]", text, "is invalid")
        satisfied: Rows = filterset.qs
        return satisfied


class PlainFilter(CharFilter):  # type: ignore[misc]
    """A plain name that is short for an attribute with a predicate."""

    class field_class(forms.CharField):  # noqa: N801
        """Accepts any text: the predicate parses it."""

        def __init__(self, *, short_for: str, resource: Resource, **kwargs: Any) -> None:
            super().__init__(strip=False, **kwargs)
            self.short_for = short_for
            self.resource = resource

        def clean(self, value: Any) -> Filter | None:
            """Return the filter, or None if the request does not contain the name."""
            if value is None:
                return None
            text = super().clean(value)
            try:
                return read_filter(self.short_for, self.short_for, text, self.resource)
            except InvalidValueError as error:
                raise forms.ValidationError(error.message) from None

    def filter(self, qs: Rows, value: Filter | None) -> Rows:
        """Return the rows that satisfy the filter."""
        return qs if value is None else qs.filter(value.condition(self.parent.request))


class ScopeFilter(CharFilter):  # type: ignore[misc]
    """A filter scope: true selects its rows, false all others."""

    class field_class(forms.CharField):  # noqa: N801
        """Accepts true and false."""

        def clean(self, value: Any) -> str | None:
            """Return the text, or None if the request does not contain the name."""
            if value not in {"true", "false", None}:
                message = "must be true or false"
                raise forms.ValidationError(message)
            return value  # type: ignore[no-any-return]

    def __init__(self, scope: Callable[[Rows], Rows]) -> None:
        super().__init__()
        self.scope = scope

    def filter(self, qs: Rows, value: str | None) -> Rows:
        """Return the rows of the scope, or the others."""
        if value is None:
            return qs
        keys = self.scope(qs.model._default_manager.all()).values("pk")
        return qs.filter(pk__in=keys) if value == "true" else qs.exclude(pk__in=keys)


@lru_cache(maxsize=256)
def filterset_of(resource: Resource) -> type[FilterSet]:
    """Return the filter set of a resource: its plain names, its scopes, those of its viewset."""
    viewset = resource.viewset
    base = getattr(viewset, "filterset_class", None)
    if base is None and (names := getattr(viewset, "filterset_fields", None)):
        base = filterset_factory(resource.model, fields=names)
    base = base or FilterSet
    plain = {
        name: PlainFilter(short_for=short_for, resource=resource)
        for name, short_for in _abbreviations(resource)
        if name not in base.base_filters
    }
    scopes = {name: ScopeFilter(scope) for name, scope in viewset.filter_scopes.items()}
    return type("ResourceFilterSet", (base,), plain | scopes)


def plain_names(resource: Resource) -> dict[str, Any]:
    """Return the filters by the names that requests use: a range has one for each of its ends."""
    names: dict[str, Any] = {}
    for name, one in filterset_of(resource).base_filters.items():
        suffixes = getattr(one.field.widget, "suffixes", None)
        names |= {f"{name}_{suffix}": one for suffix in suffixes} if suffixes else {name: one}
    return names


def _abbreviations(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield the plain names that are short for predicates, each with its predicate."""
    yield from (("id", "id_in"), ("ids", "id_in"))
    for attribute in resource.attributes:
        if not attribute.filterable:
            continue
        name = attribute.name
        yield name, f"{name}_jcont" if isinstance(attribute.field, ObjectField) else f"{name}_in"
        if isinstance(attribute.field, InstantField):
            yield from ((f"{name}_from", f"{name}_gteq"), (f"{name}_to", f"{name}_lteq"))
    for relationship in resource.relationships:
        if relationship.offers_filters:
            yield f"{relationship.name}_id", f"{relationship.name}_id_in"


def _filters(request: Request, view: Any) -> Iterator[tuple[str, bool, str, str]]:
    """Yield each filter: its key, whether it has a predicate, its name, its text."""
    keys = [key for key in request.query_params if key.partition("[")[0] == "filter"]
    if len(keys) > MAX_FILTERS:
        raise invalid_syntax(f"A request may have {MAX_FILTERS} filters.")
    for key in keys:
        found = _KEY.fullmatch(key)
        if found is None:
            message = f"{key} is not a filter: send filter[q][name_predicate] or filter[name]."
            raise invalid_syntax(message)
        is_predicate = bool(found[1]) and found[2] not in view.filter_scopes
        yield key, is_predicate, found[2], request.query_params.get(key, "")


def _read(key: str, name: str, text: str, resource: Resource) -> Filter:
    try:
        return read_filter(key, name, text, resource)
    except InvalidValueError as error:
        raise invalid_value(key, text, error.message) from None


def _column(criterion: str, resource: Resource) -> str:
    """Return the column with its sign."""
    name = criterion.removeprefix("-")
    sign = "-" if criterion != name else ""
    if name == "id":
        return f"{sign}pk"
    declared = resource.attributes_by_name.get(name) or resource.relationships_by_name.get(name)
    if declared is None or not declared.sortable:
        detail = f"{name} is not a valid sort criterion of {resource.type}."
        raise refused("INVALID_SORT_CRITERIA", detail)
    return sign + declared.column.replace(".", "__")
