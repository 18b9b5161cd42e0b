"""The API, and the same orders by hand and by djangorestframework-jsonapi."""

from django.urls import include, path

from benchmarks import by_hand
from benchmarks.stock import OrderViewSet

urlpatterns = [
    path("by_hand/orders", by_hand.orders),
    path("by_hand/orders/<str:public_id>", by_hand.order),
    path("stock/orders", OrderViewSet.as_view({"get": "list"})),
    path("stock/orders/<int:pk>", OrderViewSet.as_view({"get": "retrieve"})),
    path("api/", include("orders.api.urls")),
    path("api/", include("order_copies.api.urls")),
]
