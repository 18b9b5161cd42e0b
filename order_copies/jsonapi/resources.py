"""The resources of the API: what each routed viewset and its serializer declare.

A resource exists because a viewset for it is in the URLconf. Documents, includes, filters and the
OpenAPI document find it by its type. It is compiled once for each URLconf.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver, get_urlconf
from django.utils.functional import Promise

from order_copies.jsonapi.errors import RequestRefusedError, not_found
from order_copies.jsonapi.fields import IDField, ValueField
from order_copies.jsonapi.storable import is_storable


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """An attribute of a resource, and what clients can do with it."""

    name: str
    #: The field of the dialect that describes the values.
    field: ValueField = field(default_factory=ValueField)
    creatable: bool = False
    updatable: bool = False
    filterable: bool = False
    sortable: bool = False
    #: Whether documents contain it only if ``fields[type]`` names it.
    on_request: bool = False
    #: Whether documents never contain it.
    write_only: bool = False
    #: The path of lookups to its column.
    column: str = ""
    #: Return the value of a row. None: only a serializer with the request can do it.
    get: Callable[[Any], Any] | None = None
    #: Text and an example for the OpenAPI document.
    description: str | Promise = ""
    example: Any = None


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A write-only attribute that starts an action; ``scope`` is the token scope it needs."""

    name: str
    scope: str
    description: str | Promise = ""


@dataclass(frozen=True, kw_only=True)
class Relationship:
    """A relationship of a resource to one or many others.

    The related rows are found by ``column``, the attribute of the row with the key of the related
    row; or by ``inverse``, the lookup of related rows that yields the key of the row; or, if a
    serializer computes them, by ``computed``. A relationship with none of them is always empty.
    """

    name: str
    type: str
    many: bool = False
    creatable: bool = False
    required: bool = False
    includable: bool = True
    filterable: bool = False
    sortable: bool = False
    column: str = ""
    inverse: str = ""
    #: Converts the key of a row into the value of ``inverse``.
    inverse_key: Callable[[Any], Any] | None = None
    #: Further lookups of the related rows.
    scope: Mapping[str, Any] = field(default_factory=dict)
    #: Return the related objects of each row, in the order of the rows.
    computed: Callable[[Sequence[Any], HttpRequest], list[list[Any]]] | None = None
    #: The model of the related rows, if the relationship is one of the model.
    model: Any = None
    #: The path of lookups to the related rows, if ``computed`` reads a relation of the model.
    path: str = ""

    @property
    def leads_nowhere(self) -> bool:
        """Whether the relationship is always empty."""
        return not (self.column or self.inverse or self.computed)

    @property
    def offers_filters(self) -> bool:
        """Whether filters can follow the relationship."""
        return self.filterable and bool(self.column or self.inverse)

    def key_in(self, row: Model) -> Any:
        """Return the key that the related rows of ``row`` have in common."""
        key = attrgetter(self.column or "pk")(row)
        return self.inverse_key(key) if self.inverse_key else key

    @cached_property
    def key_of(self) -> Callable[[Model], Any]:
        """The function that returns this key for a related row."""
        return attrgetter(self.inverse.replace("__", ".") or "pk")

    def rows(self, request: HttpRequest, parents: Iterable[Model]) -> "QuerySet[Any]":
        """Return the related rows of ``parents`` that the client may see."""
        related = self._visible(request)
        if self.computed:
            found = self.computed(list(parents), request)
            return related.filter(pk__in={one.pk for objects in found for one in objects})
        keys = {self.key_in(parent) for parent in parents} - {None}
        return related.filter(**{f"{self.inverse or 'pk'}__in": keys}, **self.scope)

    def related(
        self, request: HttpRequest, parents: Sequence[Any], limit: int
    ) -> tuple[list[Any], list[list[Any]]]:
        """Return the visible related rows of all parents, and those of each.

        At most ``limit`` rows are loaded.
        """
        if self.leads_nowhere:
            return [], [[] for _ in parents]
        if self.computed:
            return self._computed(request, self.computed(parents, request), limit)
        rows = list(self.rows(request, parents).order_by("pk")[:limit])
        by_parent: dict[Any, list[Any]] = {}
        for row in rows:
            by_parent.setdefault(self.key_of(row), []).append(row)
        return rows, [by_parent.get(self.key_in(parent), []) for parent in parents]

    def _visible(self, request: HttpRequest) -> "QuerySet[Any]":
        resource = resource_of(self.type)
        if self.computed and getattr(resource.viewset, "is_shown_by_parents", False):
            rows: QuerySet[Any] = resource.model._default_manager.all()
            return rows
        return resource.rows(request)

    def _computed(
        self, request: HttpRequest, found: list[list[Any]], limit: int
    ) -> tuple[list[Any], list[list[Any]]]:
        keys = {one.pk for objects in found for one in objects}
        rows = list(self._visible(request).filter(pk__in=keys).order_by("pk")[:limit])
        by_key = {row.pk: row for row in rows}
        return rows, [[by_key[one.pk] for one in some if one.pk in by_key] for some in found]


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """A resource of the API: its viewset, and the tables that its serializer declares."""

    type: str
    viewset: Any
    serializer_class: Any
    id_field: IDField
    attributes: Sequence[Attribute] = ()
    relationships: Sequence[Relationship] = ()
    triggers: Sequence[Trigger] = ()
    #: Whether the serializer has a ``to_representation`` of the shop's own.
    represents_itself: bool = False

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the rows that the client may see: ``get_queryset()`` of the viewset."""
        return self.view(request).get_queryset()  # type: ignore[no-any-return]

    def view(self, request: HttpRequest, **attributes: Any) -> Any:
        """Return a viewset that serves ``request`` for this resource."""
        view = self.viewset(format_kwarg=None, args=(), kwargs={}, action="list")
        view.request = request
        for name, value in attributes.items():
            setattr(view, name, value)
        return view

    def find(self, request: HttpRequest, public_id: str) -> Any:
        """Return the row of an id. Raises :class:`RequestRefusedError` if it is not visible."""
        key = self.id_field.key_of(public_id) if is_storable(public_id) else None
        row = None if key is None else self.rows(request).filter(pk=key).first()
        if row is None or not self.id_field.matches(row, public_id):
            raise RequestRefusedError(not_found())
        return row

    @property
    def model(self) -> Any:
        """The model of the rows."""
        return self.serializer_class.Meta.model

    @cached_property
    def readable(self) -> list[Attribute]:
        """The attributes that documents can contain."""
        return [attribute for attribute in self.attributes if not attribute.write_only]

    @cached_property
    def attributes_by_name(self) -> dict[str, Attribute]:
        """The attributes by name."""
        return {attribute.name: attribute for attribute in self.attributes}

    @cached_property
    def relationships_by_name(self) -> dict[str, Relationship]:
        """The relationships by name."""
        return {relationship.name: relationship for relationship in self.relationships}

    @cached_property
    def triggers_by_name(self) -> dict[str, Trigger]:
        """The triggers by name."""
        return {trigger.name: trigger for trigger in self.triggers}

    @cached_property
    def field_names(self) -> list[str]:
        """The names that ``fields[type]`` accepts."""
        return ["id", *(it.name for it in self.readable), *self.relationships_by_name]

    @cached_property
    def default_names(self) -> frozenset[str]:
        """The attributes and relationships of documents without ``fields[type]``."""
        attributes = (attribute.name for attribute in self.readable if not attribute.on_request)
        return frozenset([*attributes, *self.relationships_by_name])


def resource_of(resource_type: str) -> Resource:
    """Return the resource of this type. Raises ``KeyError`` if the URLconf has none."""
    return resources()[resource_type]


def resources() -> dict[str, Resource]:
    """Return the resources of the current URLconf by type, in the order of its routes."""
    return _resources(get_urlconf() or settings.ROOT_URLCONF)


@lru_cache(maxsize=16)
def _resources(urlconf: Any) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    for _path, view in views(urlconf):
        make = getattr(getattr(view, "cls", None), "as_resource", None)
        if make and view.cls.resource_type() not in found:
            found[view.cls.resource_type()] = make()
    return {name: _served(resource, set(found)) for name, resource in found.items()}


def _served(resource: Resource, types: set[str]) -> Resource:
    # A relationship without a viewset at its end does not exist. A system check names it.
    served = [it for it in resource.relationships if it.leads_nowhere or it.type in types]
    return replace(resource, relationships=served)


def views(urlconf: Any = None) -> Iterator[tuple[str, Any]]:
    """Return the views of a URLconf with their paths. Of two with one path the first is called."""
    return _views(get_resolver(urlconf).url_patterns, "/")


def _views(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def unserved_types() -> set[str]:
    """Return the types that only relationships name, without a viewset."""
    named = {it.type for resource in resources().values() for it in resource.relationships}
    return named - set(resources())
