"""Viewsets for the resources in ``included_serializers`` that have no viewset of their own.

A client may see a row if it may see a row that leads to it.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from order_copies.jsonapi.compiler import tables_of
from order_copies.jsonapi.resources import Relationship
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.jsonapi.views import ReadOnlyViewSet, ResourceViewSet


class IncludedViewSet(ReadOnlyViewSet):
    """A resource that is only visible through the rows of other resources that lead to it."""

    #: The viewsets and relationships that lead to it.
    sources: list[tuple[type[ResourceViewSet], Relationship]]
    #: Whether only methods of serializers know which rows are related: such rows have no queryset,
    #: and are only returned together with the parent.
    is_shown_by_parents: bool = False

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the rows that visible rows of the sources lead to."""
        model = self.serializer_class.Meta.model  # type: ignore[union-attr]
        rows: QuerySet[Any] = model._default_manager.all()
        conditions = []
        for viewset, relationship in self.sources:
            parent = viewset(
                request=self.request, format_kwarg=None, args=(), kwargs={}, action="list"
            )
            conditions += _conditions(relationship, parent.get_queryset())
        return rows.filter(reduce(or_, conditions)) if conditions else rows.none()


def included_viewsets(
    viewset: type[ResourceViewSet], known: Iterable[str]
) -> list[type[IncludedViewSet]]:
    """Return viewsets for the included resources of a viewset, and for theirs in turn.

    ``known``: the types that have a viewset already. If several relationships lead to a type, the
    nearest to the viewset count: a line is visible through its order, not through its product.
    """
    known = {*known, viewset.resource_type()}
    found: list[type[IncludedViewSet]] = []
    nearest: list[type[ResourceViewSet]] = [viewset]
    while nearest:
        made: dict[str, type[IncludedViewSet]] = {}
        for parent in nearest:
            tables = tables_of(parent.serializer_class)
            for relationship in tables.relationships:
                included = tables.included.get(relationship.name) or _identifiers_of(relationship)
                if not included or relationship.type in known:
                    continue
                if relationship.type not in made:
                    made[relationship.type] = _viewset(included, relationship.type)
                made[relationship.type].sources.append((parent, relationship))
        for one in made.values():
            one.is_shown_by_parents = all(
                it.computed and not it.path for _parent, it in one.sources
            )
        known |= set(made)
        nearest = list(made.values())
        found += made.values()
    return found


def _identifiers_of(relationship: Relationship) -> Any:
    """Return a serializer with the id only, for a relationship that cannot be included."""
    if relationship.model is None:
        return None
    options = {"model": relationship.model, "resource_name": relationship.type, "fields": []}
    members = {"__doc__": f"The ids of {relationship.type}.", "Meta": type("Meta", (), options)}
    return type(f"{relationship.model.__name__}Serializer", (ModelSerializer,), members)


def _viewset(serializer_class: Any, resource_type: str) -> type[IncludedViewSet]:
    members = {
        "__doc__": f"``/{resource_type}``, read-only.",
        "serializer_class": serializer_class,
        "sources": [],
    }
    name = serializer_class.__name__.removesuffix("Serializer") + "ViewSet"
    return type(name, (IncludedViewSet,), members)


def _conditions(relationship: Relationship, parents: "QuerySet[Any]") -> list[Q]:
    # The conditions that a row is related to one of the parents; none for a computed relationship.
    if relationship.inverse:
        inverse = {f"{relationship.inverse}__in": parents.values("pk")}
        return [Q(**inverse, **relationship.scope)]
    path = relationship.column.replace(".", "__") or relationship.path
    return [Q(pk__in=parents.values(path))] if path else []
