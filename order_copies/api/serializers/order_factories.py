"""Serializers of copies: order factories of all kinds, and one serializer per kind."""

import re
from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.settings import api_settings

from order_copies.api.openapi import OUTCOME
from order_copies.api.serializers.common import (
    COMMON,
    COMMON_SORTABLE,
    SETTABLE,
    CommonSerializer,
    PublicIDField,
    event_stores_of,
    events_of,
)
from order_copies.changes import (
    ADDRESS_SCHEMA,
    CHANGES,
    EMAIL_SCHEMA,
    LINE_ITEMS_SCHEMA,
    cleaned,
)
from order_copies.exceptions import ChangesRefusedError, Refusal
from order_copies.jsonapi.fields import (
    REQUIRED,
    AnyField,
    BlankField,
    ObjectField,
    RefusedField,
    RefusedValueField,
    StringField,
    TriggerField,
    ValueField,
)
from order_copies.jsonapi.json_schema import JSONSchema
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.scopes import COPY
from order_copies.jsonapi.storable import InvalidValueError
from order_copies.models import (
    CopyProfile,
    Kind,
    OrderCopy,
    OrderFactory,
    OrderSubscription,
    RecurringOrderCopy,
)
from order_copies.shops import unsupported_changes, unsupported_toggles

_DIGEST = re.compile("[0-9a-f]{64}")


class DigestField(BlankField):
    """A SHA-256 digest of 64 hexadecimal digits, or empty."""

    json_schema = {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}

    def to_internal_value(self, data: Any) -> str:
        """Return the digest in lower case. Raises :class:`InvalidValueError` for other strings."""
        text = super().to_internal_value(data).lower()
        if not _DIGEST.fullmatch(text):
            raise InvalidValueError("invalid", "must be 64 hexadecimal digits")
        return text

    def accepted(self) -> JSONSchema:
        """Return the JSON Schema of values that clients may send, which must not be empty."""
        return ValueField.accepted(self)


class ProfileField(StringField):
    """The name of a copy profile."""

    def to_internal_value(self, data: Any) -> str:
        """Return the name. Raises :class:`InvalidValueError` if no profile has it."""
        name = super().to_internal_value(data)
        if not CopyProfile.objects.filter(name=name).exists():
            raise InvalidValueError("invalid", "is not the name of a copy profile")
        return name


class OutcomesField(ValueField):
    """The outcomes of a copy, in the JSON form in which they are stored."""

    json_schema = {"type": "array", "items": OUTCOME}


class ChangeField(ValueField):
    """A change of a copy (:mod:`order_copies.changes`), or null."""

    def __init__(self, json_schema: JSONSchema, **kwargs: Any) -> None:
        super().__init__(null=None, required=False, **kwargs)
        self.json_schema = json_schema  # type: ignore[misc]

    def to_internal_value(self, data: Any) -> Any:
        """Return the cleaned value. Raises ``ValidationError`` with the place of each mistake."""
        name = str(self.field_name)
        try:
            return (cleaned({name: data}) or {})[name]
        except ChangesRefusedError as error:
            raise ValidationError(_details(error.refusals)) from None


def _details(refusals: Sequence[Refusal]) -> Any:
    """Return refusals as the detail of a ``ValidationError``, by the names below the field."""
    details: dict[str, Any] = {}
    for refusal in refusals:
        place = details
        for name in refusal.path[1:]:
            place = place.setdefault(name, {})
        error = ErrorDetail(refusal.message, code=refusal.key)
        place.setdefault(api_settings.NON_FIELD_ERRORS_KEY, []).append(error)
    return details


#: Names: the serializers are imported when they are used.
_INCLUDED = {
    "source_order": "order_copies.api.serializers.OrderSerializer",
    "target_order": "order_copies.api.serializers.OrderSerializer",
    "events": "order_copies.api.serializers.EventSerializer",
}


class OrderFactorySerializer(CommonSerializer):
    """A copy of any kind; its attribute ``type`` names the kind (contract 2.1)."""

    id = PublicIDField("order_factories")
    errors_log = ObjectField(
        read_only=True,
        help_text="Error messages for people, by attribute of the order.",
        example={"status": ["cannot transition from draft to placed"]},
    )
    events = events_of(*Kind.values)
    event_stores = event_stores_of(*Kind.values)

    included_serializers = _INCLUDED

    class Meta:
        model = OrderFactory
        resource_name = "order_factories"
        fields = [
            "id",
            "type",
            "status",
            "started_at",
            "completed_at",
            "failed_at",
            "errors_log",
            "errors_count",
            "place_target_order",
            "reuse_wallet",
            *COMMON,
            "source_order",
            "target_order",
            "events",
            "event_stores",
        ]
        filterable = [
            "type",
            "status",
            "started_at",
            "completed_at",
            "failed_at",
            "errors_count",
            *COMMON,
            "source_order",
            "target_order",
            "events",
        ]
        sortable = [
            "type",
            "status",
            "started_at",
            "completed_at",
            "failed_at",
            "errors_count",
            *COMMON_SORTABLE,
        ]
        # null means "no": the contract declares no default for these toggles (1.2).
        extra_kwargs = {
            "place_target_order": {"null": False},
            "cancel_source_order": {"null": False},
            "source_order": {"required": True, "allow_null": False},
        }

    def get_fields(self) -> dict[str, AnyField]:
        """Return the fields; those of toggles and changes that the shop cannot do refuse them."""
        fields = super().get_fields()
        for toggle, reason in unsupported_toggles().items():
            if toggle in fields:
                fields[toggle] = RefusedField(reason)
        for name, reason in unsupported_changes().items():
            if name in fields:
                fields[name] = RefusedValueField(reason)
        return fields


class CopySerializer(OrderFactorySerializer):
    """The base class of both kinds of copies."""

    # Additions to the contract: returned only if a client requests them by name.
    outcomes = OutcomesField(
        null=REQUIRED,
        read_only=True,
        help_text="The result for each line of the source order.",
    )
    _retry = TriggerField(scope=COPY, help_text="Retries a failed or aborted copy.")
    _abort = TriggerField(scope=COPY, help_text="Aborts a copy that has not ended.")

    included_serializers = {
        **_INCLUDED,
        "order_subscription": "order_copies.api.serializers.OrderSubscriptionSerializer",
    }

    class Meta(OrderFactorySerializer.Meta):
        triggers = ["_retry", "_abort"]
        updatable = SETTABLE
        sortable = [*OrderFactorySerializer.Meta.sortable, "order_subscription"]
        filterable = [*OrderFactorySerializer.Meta.filterable, "order_subscription"]


class OrderCopySerializer(CopySerializer):
    """An order copy (contract 1.2 and 1.3)."""

    events = events_of(Kind.ORDER_COPIES.value)
    event_stores = event_stores_of(Kind.ORDER_COPIES.value)
    plan_digest = DigestField(
        required=False,
        help_text="The digest of a preview: the copy fails if its plan has changed since.",
    )
    profile = ProfileField(
        required=False,
        allow_null=True,
        help_text="The name of a copy profile: toggles that are not sent are those of the profile.",
    )
    line_items = ChangeField(
        LINE_ITEMS_SCHEMA,
        help_text="The line items to copy, each as it is, in another `quantity`, or with the SKU "
        "that replaces its own, at its current price. Others are left out. By default: all.",
    )
    customer_email = ChangeField(
        EMAIL_SCHEMA,
        help_text="The customer of the target order, if not that of the source order.",
    )
    shipping_address = ChangeField(
        ADDRESS_SCHEMA,
        help_text="The shipping address of the target order, if not that of the source order.",
    )
    billing_address = ChangeField(
        ADDRESS_SCHEMA,
        help_text="The billing address of the target order, if not that of the source order.",
    )

    class Meta(CopySerializer.Meta):
        model = OrderCopy
        resource_name = "order_copies"
        on_request = ["plan_digest", "profile", *CHANGES, "outcomes"]
        toggles = [
            "cancel_source_order",
            "apply_promotions",
            "skip_errors",
            "ignore_invalid_coupon",
        ]
        fields = [
            *CopySerializer.Meta.fields,
            *toggles,
            *on_request,
            *CopySerializer.Meta.triggers,
            "order_subscription",
        ]
        creatable = [
            "source_order",
            "place_target_order",
            "reuse_wallet",
            *toggles,
            "plan_digest",
            "profile",
            *CHANGES,
            *SETTABLE,
        ]


class RecurringOrderCopySerializer(CopySerializer):
    """A copy that an automatic subscription creates (contract 2.2)."""

    events = events_of(Kind.RECURRING_ORDER_COPIES.value)
    event_stores = event_stores_of(Kind.RECURRING_ORDER_COPIES.value)
    order_subscription = ResourceRelatedField(queryset=OrderSubscription.objects.all())

    class Meta(CopySerializer.Meta):
        model = RecurringOrderCopy
        resource_name = "recurring_order_copies"
        on_request = ["outcomes"]
        fields = [
            *CopySerializer.Meta.fields,
            *on_request,
            *CopySerializer.Meta.triggers,
            "order_subscription",
        ]
        creatable = [
            "source_order",
            "order_subscription",
            "place_target_order",
            "reuse_wallet",
            *SETTABLE,
        ]
