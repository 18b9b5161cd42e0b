"""The routes of the API. Include them under ``api/``, after the shop's own resources.

Any other path under the prefix gets a JSON:API document with status 404.
"""

from django.urls import path

from order_copies.api.subscription_views import (
    OrderSubscriptionItemViewSet,
    OrderSubscriptionViewSet,
    SubscriptionModelViewSet,
)
from order_copies.api.views import (
    EventStoreViewSet,
    EventViewSet,
    OrderCopyViewSet,
    OrderFactoryViewSet,
    OrderViewSet,
    RecurringOrderCopyViewSet,
)
from order_copies.jsonapi.included_viewsets import included_viewsets
from order_copies.jsonapi.openapi.views import OpenAPIView
from order_copies.jsonapi.routers import Router, unknown_paths

router = Router()
# First, because it has all kinds of copies: it decides who sees their events.
router.register("order_factories", OrderFactoryViewSet)
router.register("order_copies", OrderCopyViewSet)
router.register("recurring_order_copies", RecurringOrderCopyViewSet)
router.register("order_subscriptions", OrderSubscriptionViewSet)
router.register("order_subscription_items", OrderSubscriptionItemViewSet)
router.register("subscription_models", SubscriptionModelViewSet)
router.register("events", EventViewSet)
router.register("event_stores", EventStoreViewSet)
router.register("orders", OrderViewSet)
for viewset in included_viewsets(OrderViewSet, [prefix for prefix, *_ in router.registry]):
    router.register(viewset.resource_type(), viewset)

urlpatterns = [
    *router.urls,
    path("schema", OpenAPIView.as_view(), name="order_copies_schema"),
    unknown_paths(),
]
