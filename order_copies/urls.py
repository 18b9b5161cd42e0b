"""The routes of the API: include them under ``api/``, after the shop's own resources.

Every path that is no endpoint is answered here too, with a document.
"""

from order_copies.jsonapi.routers import routes, unknown_paths
from order_copies.views import EventStoreViewSet, EventViewSet, OrderCopyViewSet, OrderViewSet

urlpatterns = [
    *routes(OrderCopyViewSet, EventViewSet, EventStoreViewSet, OrderViewSet),
    unknown_paths(),
]
