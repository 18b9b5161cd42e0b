"""The API, and the same orders by hand and by djangorestframework-jsonapi."""

from django.urls import include, path

from benchmarks import by_hand

urlpatterns = [
    path("by_hand/orders", by_hand.orders),
    path("by_hand/orders/<str:public_id>", by_hand.order),
    path("api/", include("orders.api.urls")),
    path("api/", include("order_copies.api.urls")),
]

# Must come after the routes above, which register the resources that it reads.
from benchmarks.stock import OrderViewSet  # noqa: E402

urlpatterns += [
    path("stock/orders", OrderViewSet.as_view({"get": "list"})),
    path("stock/orders/<int:pk>", OrderViewSet.as_view({"get": "retrieve"})),
]
