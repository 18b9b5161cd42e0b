"""Serializers of subscriptions, their items and their models (contract 2.3 to 2.5)."""

from typing import Any

from rest_framework.relations import ManyRelatedField

from order_copies.api.serializers.common import (
    COMMON,
    COMMON_SORTABLE,
    SETTABLE,
    AmountField,
    CommonSerializer,
    FloatAmountField,
    PublicIDField,
    event_stores_of,
    events_of,
)
from order_copies.jsonapi.fields import IntegerField, TriggerField, ValueField
from order_copies.jsonapi.json_schema import closed
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.scopes import COPY
from order_copies.jsonapi.storable import InvalidValueError
from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.subscriptions.slots import (
    MAX_LENGTH,
    InvalidFrequencyError,
    clean_frequency,
)

_SERIALIZERS = "order_copies.api.serializers"
#: The attributes in the deprecated ``options``.
_OPTIONS = ("activate_by_source_order", "place_target_order")
#: The highest number of frequencies of a subscription model.
MAX_FREQUENCIES = 100


class OptionsField(ValueField):
    """The deprecated attribute that holds two others. It yields ``{"options": {…}}`` for them."""

    json_schema = closed({name: {"type": "boolean"} for name in _OPTIONS}, required=[])

    def to_representation(self, value: OrderSubscription) -> dict[str, bool]:
        """Return the two attributes of a subscription."""
        return {name: getattr(value, name) for name in _OPTIONS}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the values that were sent. Raises :class:`InvalidValueError`."""
        if not isinstance(data, dict):
            raise InvalidValueError("invalid", "must be an object")
        for name, value in data.items():
            if name not in _OPTIONS:
                raise InvalidValueError("invalid", f"may only have {' and '.join(_OPTIONS)}")
            if not isinstance(value, bool):
                raise InvalidValueError("inclusion", f"{name} must be true or false")
        return {"options": data}


class FrequenciesField(ValueField):
    """A list of frequencies: the names of the contract, or crontab expressions."""

    json_schema = {
        "type": "array",
        "items": {"type": "string", "maxLength": MAX_LENGTH},
        "minItems": 1,
        "maxItems": MAX_FREQUENCIES,
        "examples": [["weekly", "monthly"]],
    }

    def to_internal_value(self, data: Any) -> list[str]:
        """Return the frequencies in their normal form. Raises :class:`InvalidValueError`."""
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            raise InvalidValueError("invalid", "must be a list of strings")
        if not data:
            raise InvalidValueError("blank", "can't be blank")
        if len(data) > MAX_FREQUENCIES:
            message = f"is too long (maximum is {MAX_FREQUENCIES} frequencies)"
            raise InvalidValueError("too_long", message)
        try:
            return list(dict.fromkeys(clean_frequency(one) for one in data))
        except InvalidFrequencyError as error:
            raise InvalidValueError("invalid", str(error)) from None


def of_subscription(resource_name: str) -> ManyRelatedField:
    """Return the relationship of a subscription to rows that have its key."""
    field: ManyRelatedField = ResourceRelatedField(
        resource_name=resource_name, many=True, lookup="order_subscription_id"
    )
    return field


class OrderSubscriptionSerializer(CommonSerializer):
    """A subscription: an order that is copied at regular times (contract 2.3)."""

    id = PublicIDField("order_subscriptions")
    options = OptionsField(
        source="*",
        required=False,
        null={},
        help_text="Deprecated: send the attributes themselves, which have precedence.",
    )
    order_factories = of_subscription("order_factories")
    recurring_order_copies = of_subscription("recurring_order_copies")
    order_copies = of_subscription("order_copies")
    orders = ResourceRelatedField(
        resource_name="orders", many=True, lookup="source_order_factory__order_subscription_id"
    )
    events = events_of("order_subscriptions")
    event_stores = event_stores_of("order_subscriptions")

    # Some of these place orders: the view checks the scope for placing.
    _activate = TriggerField(scope=COPY, help_text="Activates the subscription.")
    _deactivate = TriggerField(scope=COPY, help_text="Stops it until it is activated again.")
    _cancel = TriggerField(scope=COPY, help_text="Cancels it for good.")
    _convert = TriggerField(
        scope=COPY,
        help_text="Makes a manual subscription automatic. It needs a subscription model first.",
    )
    # Additions to the contract.
    _skip = TriggerField(scope=COPY, help_text="Skips the next run.")
    _unskip = TriggerField(scope=COPY, help_text="Takes back the runs that were skipped last.")
    _run = TriggerField(scope=COPY, help_text="Runs the next run now, instead of at its time.")

    included_serializers = {
        "subscription_model": f"{_SERIALIZERS}.SubscriptionModelSerializer",
        "source_order": f"{_SERIALIZERS}.OrderSerializer",
        "order_subscription_items": f"{_SERIALIZERS}.OrderSubscriptionItemSerializer",
        "order_factories": f"{_SERIALIZERS}.OrderFactorySerializer",
        "recurring_order_copies": f"{_SERIALIZERS}.RecurringOrderCopySerializer",
        "order_copies": f"{_SERIALIZERS}.OrderCopySerializer",
        "orders": f"{_SERIALIZERS}.OrderSerializer",
        "events": f"{_SERIALIZERS}.EventSerializer",
    }

    class Meta:
        model = OrderSubscription
        resource_name = "order_subscriptions"
        # Additions to the contract: returned only if a client requests them by name.
        on_request = ["resumes_at", "attention", "price_policy", "max_price_increase_percent"]
        attributes = [
            "number",
            "status",
            "frequency",
            "activate_by_source_order",
            "place_target_order",
            "renewal_alert_period",
            "customer_email",
            "starts_at",
            "expires_at",
            "last_run_at",
            "next_run_at",
            "occurrencies",
            "errors_count",
            "succeeded_on_last_run",
            "options",
            *COMMON,
            *on_request,
        ]
        related = [
            "subscription_model",
            "source_order",
            "order_subscription_items",
            "order_factories",
            "recurring_order_copies",
            "order_copies",
            "orders",
            "events",
        ]
        triggers = ["_activate", "_deactivate", "_cancel", "_convert", "_skip", "_unskip", "_run"]
        fields = ["id", *attributes, *related, "event_stores", *triggers]
        creatable = [
            "frequency",
            "activate_by_source_order",
            "place_target_order",
            "renewal_alert_period",
            "starts_at",
            "expires_at",
            "options",
            "price_policy",
            "max_price_increase_percent",
            "subscription_model",
            "source_order",
            *SETTABLE,
        ]
        updatable = [
            "frequency",
            "activate_by_source_order",
            "place_target_order",
            "renewal_alert_period",
            "expires_at",
            "next_run_at",
            "resumes_at",
            "options",
            "price_policy",
            "max_price_increase_percent",
            *SETTABLE,
        ]
        sortable = [
            "number",
            "status",
            "frequency",
            "starts_at",
            "expires_at",
            "last_run_at",
            "next_run_at",
            "occurrencies",
            "errors_count",
            "succeeded_on_last_run",
            *COMMON_SORTABLE,
        ]
        filterable = [*sortable, "customer_email", "metadata", "attention", *related]
        extra_kwargs = {"source_order": {"required": True, "allow_null": False}}


class OrderSubscriptionItemSerializer(CommonSerializer):
    """What each copy of an automatic subscription contains (contract 2.4)."""

    id = PublicIDField("order_subscription_items")
    unit_amount_float: AmountField = FloatAmountField()
    total_amount_cents = IntegerField(read_only=True)
    total_amount_float: AmountField = FloatAmountField()
    event_stores = event_stores_of("order_subscription_items")

    included_serializers = {"order_subscription": f"{_SERIALIZERS}.OrderSubscriptionSerializer"}

    class Meta:
        model = OrderSubscriptionItem
        resource_name = "order_subscription_items"
        # Additions to the contract: returned only if a client requests them by name.
        on_request = ["name", "currency_code"]
        common = [*COMMON, *on_request]
        fields = [
            "id",
            "sku_code",
            "bundle_code",
            "quantity",
            "unit_amount_cents",
            "unit_amount_float",
            "total_amount_cents",
            "total_amount_float",
            *common,
            "order_subscription",
            "event_stores",
        ]
        updatable = ["sku_code", "bundle_code", "quantity", "unit_amount_cents", *SETTABLE]
        creatable = [*updatable, "order_subscription"]
        sortable = ["quantity", "unit_amount_cents", *COMMON_SORTABLE]
        filterable = [*sortable, "metadata", "order_subscription"]
        # By default the price of the item (contract 2.4).
        extra_kwargs = {"unit_amount_cents": {"required": False, "null": None}}


class SubscriptionModelSerializer(CommonSerializer):
    """The rules by which the lines of an order become subscriptions (contract 2.5)."""

    id = PublicIDField("subscription_models")
    frequencies = FrequenciesField()
    order_subscriptions = ResourceRelatedField(
        resource_name="order_subscriptions", many=True, lookup="subscription_model_id"
    )
    event_stores = event_stores_of("subscription_models")

    included_serializers: dict[str, str] = {
        "order_subscriptions": f"{_SERIALIZERS}.OrderSubscriptionSerializer"
    }

    class Meta:
        model = SubscriptionModel
        resource_name = "subscription_models"
        rules = ["name", "strategy", "frequencies", "auto_activate", "auto_cancel"]
        attributes = [*rules, *COMMON]
        fields = ["id", *attributes, "order_subscriptions", "event_stores"]
        creatable = updatable = [*rules, *SETTABLE]
        sortable = ["name", "strategy", *COMMON_SORTABLE]
        filterable = [*sortable, "metadata", "order_subscriptions"]
