"""The resources of the app: copies, what happened to them, and orders as far as it knows them."""

import re
from typing import Any

from django.db.models import BooleanField, Case, Exists, OuterRef, QuerySet, When
from django.db.models.functions import Cast
from django.http import HttpRequest

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.jsonapi.errors import RequestRefusedError, not_found
from order_copies.jsonapi.pagination import CursorPages
from order_copies.jsonapi.resources import (
    Attribute,
    Relationship,
    ResourceSerializer,
    register,
    register_fallback,
    registered,
)
from order_copies.jsonapi.values import REQUIRED, Boolean, Instant, Integer, Object, String, Value
from order_copies.models import Kind, OrderCopy
from order_copies.shops import get_shop

_STREAM_ID = re.compile(r"[0-9]{1,15}-([0-9]{1,18})")


def common_attributes() -> tuple[Attribute, ...]:
    """The attributes that every resource of the contract has, in its order."""
    said: dict[str, Any] = {"creatable": True, "updatable": True, "filterable": True}
    return (
        Attribute(name="created_at", value=Instant(), filterable=True, sortable=True),
        Attribute(name="updated_at", value=Instant(), filterable=True, sortable=True),
        Attribute(name="reference", value=String(), sortable=True, **said),
        Attribute(name="reference_origin", value=String(), sortable=True, **said),
        Attribute(name="metadata", value=Object(null={}), **said),
    )


def history(resource_types: str | tuple[str, ...]) -> tuple[Relationship, Relationship]:
    """The relationships of a resource to what happened to it."""
    types = (resource_types,) if isinstance(resource_types, str) else resource_types
    of_the_resource: dict[str, Any] = {
        "many": True,
        "inverse": "resource_id",
        "inverse_key": str,
    }
    events = Relationship(
        name="events",
        type="events",
        filterable=True,
        scope={"resource_type__in": types},
        **of_the_resource,
    )
    event_stores = Relationship(
        name="event_stores",
        type="event_stores",
        includable=False,
        scope={"resource_type__in": types},
        **of_the_resource,
    )
    return events, event_stores


@register
class OrderCopySerializer(ResourceSerializer):
    """An order copy (contract 1.2 and 1.3)."""

    type = "order_copies"
    attributes = (
        Attribute(name="type", value=String(), filterable=True, sortable=True),
        Attribute(name="status", value=String(), filterable=True, sortable=True),
        Attribute(name="started_at", value=Instant(), filterable=True, sortable=True),
        Attribute(name="completed_at", value=Instant(), filterable=True, sortable=True),
        Attribute(name="failed_at", value=Instant(), filterable=True, sortable=True),
        Attribute(name="errors_log", value=Object()),
        Attribute(name="errors_count", value=Integer(), filterable=True, sortable=True),
        Attribute(name="place_target_order", value=Boolean(null=False), creatable=True),
        Attribute(name="reuse_wallet", value=Boolean(null=REQUIRED), creatable=True),
        *common_attributes(),
        Attribute(name="cancel_source_order", value=Boolean(null=False), creatable=True),
        Attribute(name="apply_promotions", value=Boolean(null=REQUIRED), creatable=True),
        Attribute(name="skip_errors", value=Boolean(null=REQUIRED), creatable=True),
        Attribute(name="ignore_invalid_coupon", value=Boolean(null=REQUIRED), creatable=True),
    )
    relationships = (
        Relationship(
            name="source_order",
            type="orders",
            column="source_order_id",
            creatable=True,
            required=True,
            filterable=True,
        ),
        Relationship(name="target_order", type="orders", column="target_order_id", filterable=True),
        *history(Kind.ORDER_COPIES.value),
        # Only recurring copies have one (contract 1.1).
        Relationship(name="order_subscription", type="order_subscriptions", sortable=True),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The copies that the shop shows to the client."""
        return get_shop().order_copies_for(request, OrderCopy.objects.all())

    def id_of(self, row: Any) -> str:
        """Ten letters."""
        return str(row.public_id)

    def key_of(self, public_id: str) -> int | None:
        """The key behind the ten letters."""
        return public_ids.decode("order_factories", public_id)


@register_fallback
class OrderSerializer(ResourceSerializer):
    """An order of any shop. A shop that registers its own ``orders`` shows more of them."""

    type = "orders"
    relationships = (
        Relationship(
            name="order_copies", type="order_copies", many=True, inverse="source_order_id"
        ),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The orders that the shop shows to the client."""
        return get_shop().orders_for(request)

    def id_of(self, row: Any) -> str:
        """What the shop calls its orders by."""
        return get_shop().order_id(row.pk)

    def key_of(self, public_id: str) -> Any:
        """The key that the shop knows for an id."""
        return get_shop().order_key(public_id)


class _EventRows(ResourceSerializer):
    """The rows of events: those of resources that the client may see."""

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The events of whatever has events and is visible itself."""
        visible = [
            When(resource_type=resource.type, then=_its_resource_is_in(resource.rows(request)))
            for resource in registered()
            if "events" in resource.relationships_by_name
        ]
        is_visible = Case(*visible, default=False, output_field=BooleanField())
        return Event.objects.filter(is_visible)


def _its_resource_is_in(rows: "QuerySet[Any]") -> Exists:
    key = type(rows.model._meta.pk)()
    return Exists(rows.filter(pk=Cast(OuterRef("resource_id"), key)))


@register
class EventSerializer(_EventRows):
    """Something that happened, by its topic (contract 4.1)."""

    type = "events"
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

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The visible events that are topics of the contract."""
        return super().rows(request).exclude(name="")

    def id_of(self, row: Event) -> str:
        """Ten letters."""
        return row.public_id

    def key_of(self, public_id: str) -> int | None:
        """The key behind the ten letters."""
        return public_ids.decode("events", public_id)


def _resource_id(event: Event) -> str:
    if event.resource_type == OrderSerializer.type:
        shop = get_shop()
        return shop.order_id(shop.order_model._meta.pk.to_python(event.resource_id))
    return public_ids.encode("order_factories", int(event.resource_id))


@register
class EventStoreSerializer(_EventRows):
    """A change of a resource, with who made it (contract 4.3).

    It names staff and workers, so it is shown to those only who may view events in the admin.
    """

    type = "event_stores"
    pages = CursorPages
    attributes = (
        Attribute(name="resource_type"),
        Attribute(name="resource_id", get=_resource_id),
        Attribute(name="event", get=lambda event: event.kind),
        Attribute(name="payload", value=Value(), get=lambda event: event.changes),
        Attribute(name="who"),
        Attribute(name="created_at", value=Instant()),
        Attribute(name="updated_at", value=Instant(), get=lambda event: event.created_at),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The visible changes, for clients with the permission to view events; else none."""
        may_view = request.user.has_perm("order_copies_events.view_event")
        return super().rows(request) if may_view else Event.objects.none()

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
