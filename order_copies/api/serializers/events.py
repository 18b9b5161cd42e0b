"""What happened, as the contract tells it: topics, and changes with who made them."""

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
    """The rows of events: those of resources that the client may see."""

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The events of whatever has a history and is visible itself.

        Who sees all resources of a type also sees what happened to those that are deleted.
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
        # Only a CASE keeps a database from casting the keys of other types.
        is_visible = Case(
            When(resource_type__in=seen_whole, then=True),
            *seen_in_part,
            default=False,
            output_field=BooleanField(),
        )
        return Event.objects.filter(is_visible)


def _subjects() -> Iterator[tuple[str, ResourceSerializer]]:
    """The resources with a history, each under the types that its events are recorded under."""
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
    """Something that happened, by its topic (contract 4.1)."""

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
    triggers = (Trigger(name="_trigger", scope="copy", description="Tells it once more."),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The visible events that are topics of the contract."""
        return super().rows(request).exclude(name="")

    def id_for(self, key: Any) -> str:
        """Ten letters."""
        return public_ids.encode("events", int(key))

    def key_of(self, public_id: str) -> int | None:
        """The key behind the ten letters."""
        return public_ids.decode("events", public_id)


def _resource_type(event: Event) -> str:
    """Both kinds of copies are changes of one resource to the contract: an order factory."""
    return "order_factories" if event.resource_type in Kind.values else event.resource_type


def _resource_id(event: Event) -> str:
    return resource_of(event.resource_type).id_for(event.resource_id)


@register
class EventStoreSerializer(_EventRows):
    """A change of a resource, with who made it (contract 4.3).

    It names staff and workers, so it is shown to those only who may view events in the admin.
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
        """The visible changes, for clients with the permission to view events; else none.

        They take an integration's token (contract 4.3).
        """
        may_view = request.user.has_perm("order_copies_events.view_event")
        is_told = may_view and not is_sales_channel(request)
        return super().rows(request) if is_told else Event.objects.none()

    def find(self, request: HttpRequest, public_id: str) -> Any:
        """The change with this stream id, both halves of it."""
        event = super().find(request, public_id)
        if event.stream_id != public_id:
            raise RequestRefusedError(not_found())
        return event

    def id_of(self, row: Event) -> str:
        """The stream id."""
        return row.stream_id

    def key_of(self, public_id: str) -> int | None:
        """The key at the end of a stream id."""
        found = _STREAM_ID.fullmatch(public_id)
        return int(found[1]) if found else None
