"""The routes of the API. Include them under ``api/``, after the shop's own resources.

Any other path under the prefix gets a JSON:API document with status 404.
"""

from django.urls import path

from order_copies.api.views import (
    EventStoreViewSet,
    EventViewSet,
    OrderCopyViewSet,
    OrderFactoryViewSet,
    OrderViewSet,
    RecurringOrderCopyViewSet,
)
from order_copies.jsonapi.openapi.views import OpenAPIView
from order_copies.jsonapi.routers import routes, unknown_paths

urlpatterns = [
    *routes(
        OrderCopyViewSet,
        RecurringOrderCopyViewSet,
        OrderFactoryViewSet,
        EventViewSet,
        EventStoreViewSet,
        OrderViewSet,
    ),
    path("schema", OpenAPIView.as_view(), name="order_copies_schema"),
    unknown_paths(),
]
