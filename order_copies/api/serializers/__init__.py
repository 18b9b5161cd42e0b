"""The serializers of the app: copies, subscriptions, events, and orders with both."""

from order_copies.api.serializers.common import (
    CommonSerializer,
    PublicIDField,
    event_stores_of,
    events_of,
)
from order_copies.api.serializers.events import EventSerializer, EventStoreSerializer
from order_copies.api.serializers.order_factories import (
    OrderCopySerializer,
    OrderFactorySerializer,
    RecurringOrderCopySerializer,
)
from order_copies.api.serializers.orders import OrderSerializer, order_serializer
from order_copies.api.serializers.subscriptions import (
    OrderSubscriptionItemSerializer,
    OrderSubscriptionSerializer,
    SubscriptionModelSerializer,
)

__all__ = [
    "CommonSerializer",
    "EventSerializer",
    "EventStoreSerializer",
    "OrderCopySerializer",
    "OrderFactorySerializer",
    "OrderSerializer",
    "OrderSubscriptionItemSerializer",
    "OrderSubscriptionSerializer",
    "PublicIDField",
    "RecurringOrderCopySerializer",
    "SubscriptionModelSerializer",
    "event_stores_of",
    "events_of",
    "order_serializer",
]
