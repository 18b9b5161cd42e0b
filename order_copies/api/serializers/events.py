"""Serializers of events: topics, and changes with their actors (contract 4)."""

import re

from order_copies.api.serializers.common import PublicIDField, event_stores_of
from order_copies.events.models import Event
from order_copies.jsonapi.fields import (
    IDField,
    InstantField,
    ObjectField,
    StringField,
    TriggerField,
)
from order_copies.jsonapi.resources import resource_of
from order_copies.jsonapi.scopes import COPY
from order_copies.jsonapi.serializers import ModelSerializer
from order_copies.models import Kind

_STREAM_ID = re.compile(r"[0-9]{1,15}-([0-9]{1,18})")


class EventSerializer(ModelSerializer):
    """An event with a topic (contract 4.1)."""

    id = PublicIDField("events")
    # An event never changes.
    updated_at = InstantField(source="created_at", read_only=True)
    event_stores = event_stores_of("events")
    _trigger = TriggerField(scope=COPY, help_text="Sends the event again.")

    class Meta:
        model = Event
        resource_name = "events"
        fields = ["id", "name", "created_at", "updated_at", "event_stores", "_trigger"]
        filterable = ["name", "created_at", "updated_at"]
        sortable = ["name", "created_at", "updated_at"]


class StreamIDField(IDField):
    """The id of a change: milliseconds since 1970, a hyphen, the primary key."""

    pattern = f"^{_STREAM_ID.pattern}$"
    example = "1514808000000-1"

    def id_of(self, row: Event) -> str:
        """Return the id of an event."""
        return row.stream_id

    def key_of(self, public_id: str) -> int | None:
        """Return the primary key in an id, or None if the id is malformed."""
        found = _STREAM_ID.fullmatch(public_id)
        return int(found[1]) if found else None

    def matches(self, row: Event, public_id: str) -> bool:
        """Return whether both parts of the id are those of the event."""
        return row.stream_id == public_id


class ResourceTypeField(StringField):
    """The type of the changed resource."""

    def to_representation(self, value: Event) -> str:
        """Return the type. In the contract both kinds of copies change an order factory."""
        is_copy = value.resource_type in Kind.values
        return "order_factories" if is_copy else value.resource_type


class ResourceIDField(StringField):
    """The public id of the changed resource."""

    def to_representation(self, value: Event) -> str:
        """Return the id of the primary key that the event stores."""
        id_field = resource_of(value.resource_type).id_field
        return id_field.to_representation(value.resource_id)


class EventStoreSerializer(ModelSerializer):
    """A change of a resource, with its actor (contract 4.3).

    It names staff and workers, so only users with the permission to view events may read it.
    """

    id = StreamIDField()
    resource_type = ResourceTypeField(source="*", read_only=True)
    resource_id = ResourceIDField(source="*", read_only=True)
    event = StringField(source="kind", read_only=True)
    payload = ObjectField(source="changes", read_only=True)
    who = ObjectField(read_only=True)
    updated_at = InstantField(source="created_at", read_only=True)

    class Meta:
        model = Event
        resource_name = "event_stores"
        fields = [
            "id",
            "resource_type",
            "resource_id",
            "event",
            "payload",
            "who",
            "created_at",
            "updated_at",
        ]
        filterable: list[str] = []
        sortable: list[str] = []
