"""Viewsets for the resources in ``included_serializers`` that have no viewset of their own.

A client may see a row if it may see a row that leads to it.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from order_copies.jsonapi.compiler import tables_of
from order_copies.jsonapi.resources import Relationship, resource_of
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
        conditions = [
            _condition(relationship, resource_of(viewset.resource_type()).rows(self.request))
            for viewset, relationship in self.sources
        ]
        return rows.filter(reduce(or_, conditions)) if conditions else rows.none()


def included_viewsets(
    viewset: type[ResourceViewSet], known: Iterable[str]
) -> list[type[IncludedViewSet]]:
    """Return viewsets for the included resources of a viewset, and for theirs in turn.

    ``known``: the types that have a viewset already. If several relationships lead to a type, the
    nearest to the viewset count: a line is visible through its order, not through its product.
    """
    visible = _follow([viewset], {*known, viewset.resource_type()}, has_rows=True)
    served = {it.resource_type() for it in visible} | {*known, viewset.resource_type()}
    return [*visible, *_follow([viewset, *visible], served, has_rows=False)]


def _follow(
    viewsets: Sequence[type[ResourceViewSet]], known: set[str], *, has_rows: bool
) -> list[type[IncludedViewSet]]:
    # First the relationships with a queryset, then those that only a method knows.
    found: list[type[IncludedViewSet]] = []
    nearest, root = list(viewsets), viewsets[0]
    while nearest:
        made: dict[str, type[IncludedViewSet]] = {}
        for parent, relationship, included in _relationships(nearest, root):
            if relationship.type in known or (has_rows and relationship.computed):
                continue
            if relationship.type not in made:
                made[relationship.type] = _viewset(included, relationship.type)
                made[relationship.type].is_shown_by_parents = not has_rows
            if has_rows:
                made[relationship.type].sources.append((parent, relationship))
        known = known | set(made)
        nearest = list(made.values())
        found += made.values()
    return found


def _relationships(
    viewsets: Iterable[type[ResourceViewSet]], root: type[ResourceViewSet]
) -> Iterator[tuple[type[ResourceViewSet], Relationship, Any]]:
    # Each relationship to another resource than the root, with the serializer at its end.
    own = tables_of(root.serializer_class)
    for viewset in viewsets:
        for relationship in tables_of(viewset.serializer_class).relationships:
            included = relationship.serializer_class or _identifiers_of(relationship)
            leads_back = relationship.model is not None and relationship.model is own.model
            if included and not issubclass(own.serializer_class, included) and not leads_back:
                yield viewset, relationship, included


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


def _condition(relationship: Relationship, parents: "QuerySet[Any]") -> Q:
    # The condition that a row is related to one of the parents.
    if relationship.inverse:
        keys = parents.values(relationship.column.replace(".", "__") or "pk")
        inverse = {f"{relationship.inverse}__in": keys}
        return Q(**inverse, **relationship.scope)
    return Q(pk__in=parents.values(f"{relationship.path}__pk"))
