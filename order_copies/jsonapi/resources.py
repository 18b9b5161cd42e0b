"""The resources of the API: one for each viewset in the URLconf, by its type.

Documents, includes, filters and the OpenAPI document find resources here. They are compiled once
for each URLconf.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver, get_urlconf

from order_copies.jsonapi.compiler import Attribute, Relationship, Tables
from order_copies.jsonapi.errors import RequestRefusedError, not_found
from order_copies.jsonapi.storable import is_storable

__all__ = ["Attribute", "Relationship", "Resource", "resource_of", "resources"]


class Resource(Tables):
    """A resource of the API: its viewset, and what the serializer of the viewset declares."""

    def __init__(self, viewset: Any) -> None:
        super().__init__(viewset.serializer_class)
        self.viewset = viewset
        self.type: str = viewset.resource_type()

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the rows that the client may see: ``get_queryset()`` of the viewset."""
        return self.view(request).get_queryset()  # type: ignore[no-any-return]

    def view(self, request: HttpRequest, **attributes: Any) -> Any:
        """Return a viewset that serves ``request`` for this resource."""
        options: dict[str, Any] = {
            "request": request,
            "format_kwarg": None,
            "args": (),
            "kwargs": {},
        }
        return self.viewset(**options, **{"action": "list", **attributes})

    def find(self, request: HttpRequest, public_id: str) -> Any:
        """Return the row of an id. Raises :class:`RequestRefusedError` if it is not visible."""
        key = self.id_field.key_of(public_id) if is_storable(public_id) else None
        row = None if key is None else self.rows(request).filter(pk=key).first()
        if row is None or not self.id_field.matches(row, public_id):
            raise RequestRefusedError(not_found())
        return row


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
        viewset: Any = getattr(view, "cls", None)
        if hasattr(viewset, "resource_type") and viewset.resource_type() not in found:
            found[viewset.resource_type()] = Resource(viewset)
    models = [it.model for it in found.values() if not hasattr(it.viewset, "sources")]
    types = {it.model: it.type for it in found.values() if models.count(it.model) == 1}
    for resource in found.values():
        named = [_named(relationship, types) for relationship in resource.relationships]
        # A relationship without a viewset at its end does not exist. A system check names it.
        served = [it for it in named if it.leads_nowhere or it.type in found]
        resource.relationships = served
        resource.relationships_by_name = {it.name: it for it in served}
    return found


def _named(relationship: Relationship, types: Mapping[Any, str]) -> Relationship:
    # The library names a model that no serializer is included for by its class: a viewset knows.
    if relationship.names_model and relationship.model in types:
        return replace(relationship, type=types[relationship.model])
    return relationship


def unserved_types() -> set[str]:
    """Return the types that only relationships name, without a viewset."""
    named = {it.type for resource in resources().values() for it in resource.relationships}
    return named - set(resources())


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


def related_rows(
    relationship: Relationship, request: HttpRequest, parents: Iterable[Model]
) -> "QuerySet[Any]":
    """Return the related rows of ``parents`` that the client may see."""
    if relationship.computed:
        found = relationship.computed(list(parents), request)
        return rows_of(relationship, request, {one.pk for some in found for one in some})
    return rows_of(relationship, request, {relationship.key_in(it) for it in parents} - {None})


def rows_of(relationship: Relationship, request: HttpRequest, keys: set[Any]) -> "QuerySet[Any]":
    """Return the visible related rows with these keys: of the parents, if it has an inverse."""
    resource = resource_of(relationship.type)
    if relationship.computed and getattr(resource.viewset, "is_shown_by_parents", False):
        rows = resource.model._default_manager.all()
    else:
        rows = resource.rows(request)
    lookup = f"{relationship.inverse or 'pk'}__in"
    related: QuerySet[Any] = rows.filter(**{lookup: keys}, **relationship.scope)
    return related
