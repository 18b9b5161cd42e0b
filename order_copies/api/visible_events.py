"""The events that a client may see: those of the resources that it may see."""

from collections.abc import Iterator
from typing import Any

from django.db.models import BooleanField, Case, Exists, OuterRef, QuerySet, When
from django.db.models.functions import Cast
from django.http import HttpRequest

from order_copies.events.models import Event
from order_copies.jsonapi.resources import Resource, resources


def visible_events(request: HttpRequest, *, without: str = "") -> "QuerySet[Event]":
    """Return the events of visible resources, except those of the type ``without``.

    A client that sees all resources of a type also sees the events of deleted ones.
    """
    seen_whole, seen_in_part = [], []
    for resource_type, resource in _subjects():
        if resource.type == without:
            continue
        rows = resource.rows(request)
        if not rows.query.has_filters():
            seen_whole.append(resource_type)
        elif not rows.query.is_empty():
            seen_in_part.append(When(resource_type=resource_type, then=_is_in(rows)))
    # CASE guarantees that the database does not cast the keys of other types.
    is_visible = Case(
        When(resource_type__in=seen_whole, then=True),
        *seen_in_part,
        default=False,
        output_field=BooleanField(),
    )
    return Event.objects.filter(is_visible)


def _subjects() -> Iterator[tuple[str, Resource]]:
    # Each resource that has events, with each value of Event.resource_type for it.
    seen = set()
    for resource in resources().values():
        if "event_stores" in resource.relationships_by_name:
            history = resource.relationships_by_name["event_stores"]
            types = history.scope.get("resource_type__in", ())
            yield from ((one, resource) for one in types if one not in seen)
            seen.update(types)


def _is_in(rows: "QuerySet[Any]") -> Exists:
    key = type(rows.model._meta.pk)()
    return Exists(rows.filter(pk=Cast(OuterRef("resource_id"), key)))
