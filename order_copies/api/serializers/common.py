"""What every resource of the contract has: annotations, and a history."""

from typing import Any

from order_copies.jsonapi.resources import Attribute, Relationship
from order_copies.jsonapi.values import REQUIRED, Instant, Object, String

#: A moment that every row has.
_ALWAYS = Instant(null=REQUIRED)


def common_attributes(*, read_only: bool = False) -> tuple[Attribute, ...]:
    """The attributes that every resource of the contract has, in its order."""
    said: dict[str, Any] = {"filterable": True}
    if not read_only:
        said |= {"creatable": True, "updatable": True}
    return (
        Attribute(name="created_at", value=_ALWAYS, filterable=True, sortable=True),
        Attribute(name="updated_at", value=_ALWAYS, filterable=True, sortable=True),
        Attribute(
            name="reference",
            value=String(),
            sortable=True,
            description="What another system calls it.",
            example="ANY-EXTERNAL-REFERENCE",
            **said,
        ),
        Attribute(
            name="reference_origin",
            value=String(),
            sortable=True,
            description="That other system.",
            example="ANY-EXTERNAL-REFERENCE-ORIGIN",
            **said,
        ),
        Attribute(
            name="metadata",
            value=Object(null={}),
            description="Whatever the client ties to it.",
            **said,
        ),
    )


def history(*resource_types: str) -> tuple[Relationship, Relationship]:
    """The relationships of a resource to its topics and to its changes.

    ``resource_types`` are those that events of the resource are recorded under.
    """
    events = Relationship(
        name="events",
        type="events",
        many=True,
        filterable=True,
        inverse="resource_id",
        inverse_key=str,
        scope={"resource_type__in": resource_types},
    )
    return events, changes(*resource_types)


def changes(*resource_types: str) -> Relationship:
    """The relationship of a resource to its changes, which every resource has (contract 4.3)."""
    return Relationship(
        name="event_stores",
        type="event_stores",
        many=True,
        includable=False,
        inverse="resource_id",
        inverse_key=str,
        scope={"resource_type__in": resource_types},
    )
