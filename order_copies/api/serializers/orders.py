"""The serializer of orders: the relationships to copies and subscriptions, and the shop's own."""

from inspect import isclass
from typing import Any

from django.utils.module_loading import import_string
from rest_framework.serializers import BaseSerializer
from rest_framework_json_api import serializers

from order_copies.api.serializers.common import event_stores_of, events_of
from order_copies.conf import SettingError, settings
from order_copies.jsonapi.fields import IDField
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.shops import get_shop


class OrderIDField(IDField):
    """The id of an order, which the shop decides."""

    def to_representation(self, value: Any) -> str:
        """Return the id of a primary key."""
        shop = get_shop()
        return shop.order_id(shop.order_model._meta.pk.to_python(value))

    def matches(self, row: Any, public_id: str) -> bool:
        """Return whether the id is written in the one way of the shop: 7, not 07."""
        return self.id_of(row) == public_id

    def key_of(self, public_id: str) -> Any:
        """Return the primary key of an id, or None if the id is malformed."""
        return get_shop().order_key(public_id)


def _sourced(resource_name: str) -> Any:
    return ResourceRelatedField(resource_name=resource_name, many=True, lookup="source_order_id")


class OrderSerializer(serializers.Serializer):  # type: ignore[misc]
    """An order with its subscriptions, its copies (contract 1.1, 2.1) and its events.

    It is the serializer of orders in shops that have none, and a base class for those that have.
    """

    id: IDField = OrderIDField()
    # The one that made the order.
    order_subscription = ResourceRelatedField(
        resource_name="order_subscriptions", lookup="order_factories__target_order_id"
    )
    order_subscriptions = _sourced("order_subscriptions")
    order_factories = _sourced("order_factories")
    order_copies = _sourced("order_copies")
    recurring_order_copies = _sourced("recurring_order_copies")
    events = events_of("orders")
    event_stores = event_stores_of("orders")

    included_serializers = {
        "order_subscription": "order_copies.api.serializers.OrderSubscriptionSerializer",
        "order_subscriptions": "order_copies.api.serializers.OrderSubscriptionSerializer",
        "order_factories": "order_copies.api.serializers.OrderFactorySerializer",
        "order_copies": "order_copies.api.serializers.OrderCopySerializer",
        "recurring_order_copies": "order_copies.api.serializers.RecurringOrderCopySerializer",
        "events": "order_copies.api.serializers.EventSerializer",
    }

    class Meta:
        resource_name = "orders"
        fields = [
            "order_subscription",
            "order_subscriptions",
            "order_factories",
            "order_copies",
            "recurring_order_copies",
            "events",
            "event_stores",
        ]
        filterable = fields[:-1]
        sortable: list[str] = []


def order_serializer() -> type[Any]:
    """Return the serializer of orders: :class:`OrderSerializer`, and the fields of the shop's own.

    Raises :class:`SettingError` if ``ORDER_COPIES["ORDER_SERIALIZER"]`` names no serializer.
    """
    if not settings.ORDER_SERIALIZER:
        return OrderSerializer
    own = _own_serializer()
    ours = OrderSerializer.Meta
    options: dict[str, Any] = {"resource_name": ours.resource_name}
    fields = getattr(own.Meta, "fields", None)
    if isinstance(fields, list | tuple):
        options["fields"] = list(dict.fromkeys(["id", *fields, *ours.fields]))
    if hasattr(own.Meta, "filterable"):
        options["filterable"] = [*own.Meta.filterable, *ours.filterable]
    included = getattr(own, "included_serializers", {})
    members = {
        "__doc__": own.__doc__,
        "__module__": own.__module__,
        "Meta": type("Meta", (own.Meta,), options),
        "included_serializers": {**dict(included), **OrderSerializer.included_serializers},
    }
    return type(own.__name__, (OrderSerializer, own), members)


def _own_serializer() -> Any:
    name = f'ORDER_COPIES["ORDER_SERIALIZER"] = "{settings.ORDER_SERIALIZER}"'
    hint = "Name a serializer of djangorestframework-jsonapi."
    try:
        own = import_string(settings.ORDER_SERIALIZER)
    except Exception as error:
        message = f"{name} cannot be imported: {error!r}. {hint}"
        raise SettingError(message) from error
    if not (isclass(own) and issubclass(own, BaseSerializer) and hasattr(own, "Meta")):
        message = f"{name} is no serializer with a Meta. {hint}"
        raise SettingError(message)
    return own
