"""Viewsets for the resources in ``included_serializers`` that have no viewset of their own.

A client may read a row if it may see a row that is related to it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from order_copies.jsonapi.compiler import SerializerClass, tables_of
from order_copies.jsonapi.resources import Relationship
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import ReadOnlyViewSet, ResourceViewSet


class IncludedViewSet(ReadOnlyViewSet):
    """A resource that is only visible through the rows of ``parent`` that include it."""

    parent: type[ResourceViewSet]
    relationship_name: str
    #: Whether only a method of the parent's serializer knows which rows are related.
    is_shown_by_parents: bool = False

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the rows that are related to visible rows of the parent.

        A relationship that a method of the serializer computes has no queryset: its rows are only
        returned together with the parent.
        """
        model = self.serializer_class.Meta.model  # type: ignore[union-attr]
        parent = self.parent(
            request=self.request, format_kwarg=None, args=(), kwargs={}, action="list"
        )
        tables = tables_of(self.parent.serializer_class)
        (relationship,) = (it for it in tables.relationships if it.name == self.relationship_name)
        return _related(model._default_manager.all(), relationship, parent.get_queryset())


def included_viewsets(
    viewset: type[ResourceViewSet], known: Iterable[str]
) -> Iterator[type[IncludedViewSet]]:
    """Yield viewsets for the included resources of a viewset, and for theirs in turn.

    ``known``: the types that have a viewset already.
    """
    known = {*known, viewset.resource_type()}
    pending: list[type[ResourceViewSet]] = [viewset]
    while pending:
        parent = pending.pop(0)
        tables = tables_of(parent.serializer_class)
        for relationship in tables.relationships:
            included = tables.included.get(relationship.name) or _identifiers_of(relationship)
            if included and relationship.type not in known:
                known.add(relationship.type)
                made = _viewset(included, parent, relationship)
                pending.append(made)
                yield made


def _identifiers_of(relationship: Relationship) -> SerializerClass | None:
    """Return a serializer with the id only, for a relationship that cannot be included."""
    if relationship.model is None:
        return None
    options = {"model": relationship.model, "resource_name": relationship.type, "fields": []}
    members = {"__doc__": f"The ids of {relationship.type}.", "Meta": type("Meta", (), options)}
    return type(f"{relationship.model.__name__}Serializer", (ModelSerializer,), members)


def _viewset(
    serializer_class: SerializerClass, parent: type[ResourceViewSet], relationship: Relationship
) -> type[IncludedViewSet]:
    members = {
        "__doc__": f"``/{relationship.type}``, read-only.",
        "serializer_class": serializer_class,
        "parent": parent,
        "relationship_name": relationship.name,
        "is_shown_by_parents": bool(relationship.computed) and not relationship.path,
    }
    name = serializer_class.__name__.removesuffix("Serializer") + "ViewSet"
    return type(name, (IncludedViewSet,), members)


def _related(
    rows: "QuerySet[Any]", relationship: Relationship, parents: "QuerySet[Any]"
) -> "QuerySet[Any]":
    if relationship.column:
        return rows.filter(pk__in=parents.values(relationship.column.replace(".", "__")))
    if relationship.inverse:
        return rows.filter(
            **{f"{relationship.inverse}__in": parents.values("pk")}, **relationship.scope
        )
    if relationship.path:
        return rows.filter(pk__in=parents.values(relationship.path))
    return rows.none()
