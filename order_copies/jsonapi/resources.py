"""The resources of the API: one for each viewset in the URLconf, by its type.

Documents, includes, filters and the OpenAPI document find resources here. They are compiled once
for each URLconf.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        """Return the rows that the client may see: ``get_queryset()`` of the viewset.

        None, if the permissions of the viewset refuse to read them.
        """
        view = self.view(request)
        rows: QuerySet[Any] = view.get_queryset()
        return rows if view.may_read() else rows.none()

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
    for resource in found.values():
        named = [_named(it, resource, found) for it in resource.relationships]
        # A relationship without a viewset at its end does not exist. A system check names it.
        served = [it for it in named if it.type in found]
        resource.relationships = served
        resource.relationships_by_name = {it.name: it for it in served}
    return found


def _named(
    relationship: Relationship, owner: Resource, found: Mapping[str, Resource]
) -> Relationship:
    """Return the relationship with the type under which a viewset serves the related rows.

    A shop's serializer may be served under another type than its own, as the orders are, and a
    relationship without a serializer is only named by its model.
    """
    others = [it for it in found.values() if not hasattr(it.viewset, "sources")]
    if any(it.type == relationship.type for it in others):
        return relationship
    included, model = relationship.serializer_class, relationship.model
    alike = [it for it in others if included and issubclass(it.serializer_class, included)]
    if not (included or relationship.has_type):
        alike = [it for it in others if model and it.model is model]
        # A foreign key to the model itself leads to the same resource.
        alike = [owner] if owner in alike else alike
    return replace(relationship, type=alike[0].type) if len(alike) == 1 else relationship


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
    relationship: Relationship, parents: Sequence[Model], context: Mapping[str, Any]
) -> "QuerySet[Any]":
    """Return the related rows of ``parents`` that the client may see.

    ``context``: the context of serializers, with the request.
    """
    keys: Any
    if relationship.computed:
        objects = relationship.computed(parents, context)
        keys = {key for some in computed_keys(relationship, objects) for key in some}
    elif relationship.column or relationship.inverse:
        keys = {relationship.key_in(parent) for parent in parents} - {None}
    else:
        keys = rows_through(relationship, parents).values(f"{relationship.path}__pk")
    return rows_of(relationship, context["request"], keys)


def computed_keys(relationship: Relationship, objects: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Return the keys of the objects that a method relates to each parent.

    An object of another model than the resource's is left out.
    """
    model = resource_of(relationship.type).model
    return [[one.pk for one in some if isinstance(one, model)] for some in objects]


def rows_through(relationship: Relationship, parents: Sequence[Model]) -> "QuerySet[Any]":
    """Return the rows of ``parents`` that have a related row at the end of the path."""
    rows = type(parents[0])._default_manager.filter(pk__in=[parent.pk for parent in parents])
    return rows.filter(**{f"{relationship.path}__isnull": False})


def rows_of(relationship: Relationship, request: HttpRequest, keys: Any) -> "QuerySet[Any]":
    """Return the visible related rows with these keys: of the parents, if it has an inverse."""
    resource = resource_of(relationship.type)
    if getattr(resource.viewset, "is_shown_by_parents", False):
        rows = resource.model._default_manager.all()
    else:
        rows = resource.rows(request)
    lookup = f"{relationship.inverse or 'pk'}__in"
    related: QuerySet[Any] = rows.filter(**{lookup: keys}, **relationship.scope)
    return related
