"""Copies: all of them as order factories, and each kind under its own type."""

import re
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies import public_ids
from order_copies.api.openapi import OUTCOME
from order_copies.api.serializers.common import common_attributes, history
from order_copies.jsonapi.openapi.json_schema import JSONSchema
from order_copies.jsonapi.resources import (
    Attribute,
    Relationship,
    ResourceSerializer,
    Trigger,
    register,
)
from order_copies.jsonapi.storable import InvalidValueError
from order_copies.jsonapi.values import (
    REQUIRED,
    Blank,
    Boolean,
    Choice,
    Instant,
    Integer,
    Object,
    Value,
)
from order_copies.models import Kind, OrderCopy, OrderFactory, RecurringOrderCopy, Status
from order_copies.shops import get_shop

_DIGEST = re.compile("[0-9a-f]{64}")


class Digest(Blank):
    """The SHA-256 of something, in hexadecimal."""

    kind = {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}

    def check(self, value: Any) -> str:
        """64 hexadecimal digits."""
        text = super().check(value).lower()
        if not _DIGEST.fullmatch(text):
            raise InvalidValueError("invalid", "must be 64 hexadecimal digits")
        return text

    def accepted(self) -> JSONSchema:
        """64 hexadecimal digits, in capitals or not."""
        return Value.accepted(self)


class Outcomes(Value):
    """What became of each line, as it was recorded."""

    kind = {"type": "array", "items": OUTCOME}


def _toggle(name: str, *, null: Any = REQUIRED) -> Attribute:
    """An option of a copy, with what the admin says of it."""
    field = OrderFactory._meta.get_field(name)
    return Attribute(
        name=name,
        value=Boolean(null=null),
        creatable=True,
        description=field.help_text,  # type: ignore[union-attr]
    )


_TYPE = Choice(null=REQUIRED, choices=Kind.values)
_STATUS = Choice(null=REQUIRED, choices=Status.values)

_BASE = (
    Attribute(name="type", value=_TYPE, filterable=True, sortable=True),
    Attribute(name="status", value=_STATUS, filterable=True, sortable=True),
    Attribute(name="started_at", value=Instant(), filterable=True, sortable=True),
    Attribute(name="completed_at", value=Instant(), filterable=True, sortable=True),
    Attribute(name="failed_at", value=Instant(), filterable=True, sortable=True),
    Attribute(
        name="errors_log",
        value=Object(),
        description="What was in the way: messages for people, by attribute of the order.",
        example={"status": ["cannot transition from draft to placed"]},
    ),
    Attribute(name="errors_count", value=Integer(), filterable=True, sortable=True),
    _toggle("place_target_order", null=False),
    _toggle("reuse_wallet"),
    *common_attributes(),
)

_source_order = Relationship(
    name="source_order",
    type="orders",
    column="source_order_id",
    creatable=True,
    required=True,
    filterable=True,
)
_target_order = Relationship(
    name="target_order", type="orders", column="target_order_id", filterable=True
)


class _Factory(ResourceSerializer):
    """What copies of all kinds have in common: one table, and so one kind of ids."""

    model: type[OrderFactory]
    id_pattern = public_ids.PATTERN

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The copies that the shop shows to the client."""
        return get_shop().order_copies_for(request, self.model.objects.all())

    def id_for(self, key: Any) -> str:
        """Ten letters."""
        return public_ids.encode("order_factories", int(key))

    def key_of(self, public_id: str) -> int | None:
        """The key behind the ten letters."""
        return public_ids.decode("order_factories", public_id)


@register
class OrderFactorySerializer(_Factory):
    """A copy of any kind, which its attribute ``type`` tells (contract 2.1)."""

    type = "order_factories"
    model = OrderFactory
    attributes = _BASE
    relationships = (_source_order, _target_order, *history(*Kind.values))


@register
class OrderCopySerializer(_Factory):
    """An order copy (contract 1.2 and 1.3)."""

    type = "order_copies"
    model = OrderCopy
    attributes = (
        *_BASE,
        _toggle("cancel_source_order", null=False),
        _toggle("apply_promotions"),
        _toggle("skip_errors"),
        _toggle("ignore_invalid_coupon"),
        # Our own: no client of Commerce Layer meets them unless it asks.
        Attribute(
            name="plan_digest",
            value=Digest(null=""),
            creatable=True,
            on_request=True,
            description="That of a preview: the copy fails if it would do something else by then.",
        ),
        Attribute(
            name="outcomes",
            value=Outcomes(null=REQUIRED),
            on_request=True,
            description="What became of each line of the source order.",
        ),
    )
    triggers = (
        Trigger(name="_retry", scope="copy", description="Tries a failed or aborted copy again."),
        Trigger(name="_abort", scope="copy", description="Gives up a copy that has not ended."),
    )
    relationships = (
        _source_order,
        _target_order,
        *history(Kind.ORDER_COPIES.value),
        # Only recurring copies have one (contract 1.1).
        Relationship(name="order_subscription", type="order_subscriptions", sortable=True),
    )


@register
class RecurringOrderCopySerializer(_Factory):
    """A copy made by a subscription (contract 2.2), without which there is none."""

    type = "recurring_order_copies"
    model = RecurringOrderCopy
    attributes = _BASE
    relationships = (
        _source_order,
        _target_order,
        *history(Kind.RECURRING_ORDER_COPIES.value),
        Relationship(
            name="order_subscription",
            type="order_subscriptions",
            creatable=True,
            required=True,
            sortable=True,
        ),
    )
