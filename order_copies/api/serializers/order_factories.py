"""Serializers of copies: order factories for all kinds, and one serializer per kind."""

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
    """A SHA-256 digest of 64 hexadecimal digits, or empty."""

    kind = {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}

    def check(self, value: Any) -> str:
        """Return the digest in lower case. Raises :class:`InvalidValueError` for other strings."""
        text = super().check(value).lower()
        if not _DIGEST.fullmatch(text):
            raise InvalidValueError("invalid", "must be 64 hexadecimal digits")
        return text

    def accepted(self) -> JSONSchema:
        """Return the JSON Schema of values that clients may send, which must not be empty."""
        return Value.accepted(self)


class Outcomes(Value):
    """The outcomes of a copy, in the JSON form in which they are stored."""

    kind = {"type": "array", "items": OUTCOME}


def _toggle(name: str, *, null: Any = REQUIRED) -> Attribute:
    # The help text of the model's field also describes the option in the admin.
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
        description="Error messages for people, by attribute of the order.",
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
    """Common base of the kinds of copies, which share one table and one kind of public ids."""

    model: type[OrderFactory]
    id_pattern = public_ids.PATTERN

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the copies that the client may see."""
        return get_shop().order_copies_for(request, self.model.objects.all())

    def id_for(self, key: Any) -> str:
        """Return the public id of the copy with this primary key."""
        return public_ids.encode("order_factories", int(key))

    def key_of(self, public_id: str) -> int | None:
        """Return the primary key for a public id, or None if the id is malformed."""
        return public_ids.decode("order_factories", public_id)


@register
class OrderFactorySerializer(_Factory):
    """A copy of any kind; its attribute ``type`` names the kind (contract 2.1)."""

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
        # Additions to the contract: returned only if a client requests them by name.
        Attribute(
            name="plan_digest",
            value=Digest(null=""),
            creatable=True,
            on_request=True,
            description="The digest of a preview: the copy fails if its plan has changed since.",
        ),
        Attribute(
            name="outcomes",
            value=Outcomes(null=REQUIRED),
            on_request=True,
            description="The result for each line of the source order.",
        ),
    )
    triggers = (
        Trigger(name="_retry", scope="copy", description="Retries a failed or aborted copy."),
        Trigger(name="_abort", scope="copy", description="Aborts a copy that has not ended."),
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
    """A copy that a subscription creates (contract 2.2)."""

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
