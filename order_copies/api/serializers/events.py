"""Serializers of events: topics, and changes with their actors (contract 4)."""

import re
from collections.abc import Iterator
from typing import Any

from django.db.models import BooleanField, Case, Exists, OuterRef, QuerySet, When
from django.db.models.functions import Cast
from django.http import HttpRequest

from order_copies import public_ids
from order_copies.api.serializers.common import changes
from order_copies.events.models import Event
from order_copies.jsonapi.errors import RequestRefusedError, not_found
from order_copies.jsonapi.pagination import CursorPages
from order_copies.jsonapi.resources import (
    Attribute,
    ResourceSerializer,
    Trigger,
    register,
    registered,
    resource_of,
)
from order_copies.jsonapi.scopes import is_sales_channel
from order_copies.jsonapi.values import Instant, Object, String
from order_copies.models import Kind

_STREAM_ID = re.compile(r"[0-9]{1,15}-([0-9]{1,18})")


class _EventRows(ResourceSerializer):
    """Restricts events to those of resources that the client may see."""

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the events of visible resources.

        A client that sees all resources of a type also sees the events of deleted ones.
        """
        seen_whole, seen_in_part = [], []
        for resource_type, resource in _subjects():
            if resource is self:
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


def _subjects() -> Iterator[tuple[str, ResourceSerializer]]:
    # Each resource that has events, with each value of Event.resource_type for it.
    seen = set()
    for resource in registered():
        if "event_stores" in resource.relationships_by_name:
            types = resource.relationships_by_name["event_stores"].scope["resource_type__in"]
            yield from ((one, resource) for one in types if one not in seen)
            seen.update(types)


def _is_in(rows: "QuerySet[Any]") -> Exists:
    key = type(rows.model._meta.pk)()
    return Exists(rows.filter(pk=Cast(OuterRef("resource_id"), key)))


@register
class EventSerializer(_EventRows):
    """An event with a topic (contract 4.1)."""

    type = "events"
    id_pattern = public_ids.PATTERN
    attributes = (
        Attribute(name="name", value=String(), filterable=True, sortable=True),
        Attribute(name="created_at", value=Instant(), filterable=True, sortable=True),
        # An event never changes.
        Attribute(
            name="updated_at",
            value=Instant(),
            get=lambda event: event.created_at,
            column="created_at",
            filterable=True,
            sortable=True,
        ),
    )
    relationships = (changes("events"),)
    triggers = (Trigger(name="_trigger", scope="copy", description="Sends the event again."),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the visible events that have a topic."""
        return super().rows(request).exclude(name="")

    def id_for(self, key: Any) -> str:
        """Return the public id of the event with this primary key."""
        return public_ids.encode("events", int(key))

    def key_of(self, public_id: str) -> int | None:
        """Return the primary key for a public id, or None if the id is malformed."""
        return public_ids.decode("events", public_id)


def _resource_type(event: Event) -> str:
    # In the contract both kinds of copies are changes of one resource, the order factory.
    return "order_factories" if event.resource_type in Kind.values else event.resource_type


def _resource_id(event: Event) -> str:
    return resource_of(event.resource_type).id_for(event.resource_id)


@register
class EventStoreSerializer(_EventRows):
    """A change of a resource, with its actor (contract 4.3).

    It names staff and workers, so only users with the permission to view events may read it.
    """

    type = "event_stores"
    id_pattern = f"^{_STREAM_ID.pattern}$"
    id_example = "1514808000000-1"
    pages = CursorPages
    attributes = (
        Attribute(name="resource_type", value=String(), get=_resource_type),
        Attribute(name="resource_id", value=String(), get=_resource_id),
        Attribute(name="event", value=String(), get=lambda event: event.kind),
        Attribute(name="payload", value=Object(), get=lambda event: event.changes),
        Attribute(name="who", value=Object()),
        Attribute(name="created_at", value=Instant()),
        Attribute(name="updated_at", value=Instant(), get=lambda event: event.created_at),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the visible changes if the client may view events, otherwise none.

        The token of a sales channel is not sufficient, only that of an integration (contract 4.3).
        """
        has_permission = request.user.has_perm("order_copies_events.view_event")
        if not has_permission or is_sales_channel(request):
            return Event.objects.none()
        return super().rows(request)

    def find(self, request: HttpRequest, public_id: str) -> Any:
        """Return the change with this stream id, of which both parts must match."""
        event = super().find(request, public_id)
        if event.stream_id != public_id:
            raise RequestRefusedError(not_found())
        return event

    def id_of(self, row: Event) -> str:
        """Return the stream id of ``row``."""
        return row.stream_id

    def key_of(self, public_id: str) -> int | None:
        """Return the primary key in a stream id, or None if the id is malformed."""
        found = _STREAM_ID.fullmatch(public_id)
        return int(found[1]) if found else None
