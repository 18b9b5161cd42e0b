"""Attributes and relationships that every resource of the contract has."""

from typing import Any

from order_copies.jsonapi.resources import Attribute, Relationship
from order_copies.jsonapi.values import REQUIRED, Instant, Object, String

_TIMESTAMP = Instant(null=REQUIRED)


def common_attributes(*, read_only: bool = False) -> tuple[Attribute, ...]:
    """Return timestamps, references and metadata, in the order of the contract.

    ``read_only``: clients can set none of them.
    """
    options: dict[str, Any] = {"filterable": True}
    if not read_only:
        options |= {"creatable": True, "updatable": True}
    return (
        Attribute(name="created_at", value=_TIMESTAMP, filterable=True, sortable=True),
        Attribute(name="updated_at", value=_TIMESTAMP, filterable=True, sortable=True),
        Attribute(
            name="reference",
            value=String(),
            sortable=True,
            description="The identifier of the resource in another system.",
            example="ANY-EXTERNAL-REFERENCE",
            **options,
        ),
        Attribute(
            name="reference_origin",
            value=String(),
            sortable=True,
            description="The system that `reference` belongs to.",
            example="ANY-EXTERNAL-REFERENCE-ORIGIN",
            **options,
        ),
        Attribute(
            name="metadata",
            value=Object(null={}),
            description="Any JSON object that the client stores with the resource.",
            **options,
        ),
    )


def history(*resource_types: str) -> tuple[Relationship, Relationship]:
    """Return the relationships of a resource to its ``events`` and its ``event_stores``.

    ``resource_types``: the values of ``Event.resource_type`` for the resource.
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
    """Return the relationship to ``event_stores``, which every resource has (contract 4.3).

    ``resource_types``: the values of ``Event.resource_type`` for the resource.
    """
    return Relationship(
        name="event_stores",
        type="event_stores",
        many=True,
        includable=False,
        inverse="resource_id",
        inverse_key=str,
        scope={"resource_type__in": resource_types},
    )
