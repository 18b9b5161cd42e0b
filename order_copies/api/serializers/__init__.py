"""The serializers of the app: copies, events, and orders of shops without a serializer."""

from order_copies.api.serializers.common import common_attributes, history
from order_copies.api.serializers.events import EventSerializer, EventStoreSerializer
from order_copies.api.serializers.order_factories import (
    OrderCopySerializer,
    OrderFactorySerializer,
    RecurringOrderCopySerializer,
)
from order_copies.api.serializers.orders import OrderSerializer

__all__ = [
    "EventSerializer",
    "EventStoreSerializer",
    "OrderCopySerializer",
    "OrderFactorySerializer",
    "OrderSerializer",
    "RecurringOrderCopySerializer",
    "common_attributes",
    "history",
]
