"""The same orders by plain djangorestframework-jsonapi, with correct prefetching.

Its documents are smaller than ours: they have no links, no meta of resources, and only
relationships that need no query.
"""

from typing import Any

from django.db.models import Prefetch
from rest_framework.permissions import BasePermission
from rest_framework.viewsets import ReadOnlyModelViewSet
from rest_framework_json_api import serializers
from rest_framework_json_api.pagination import JsonApiPageNumberPagination
from rest_framework_json_api.relations import ResourceRelatedField
from rest_framework_json_api.renderers import JSONRenderer

from benchmarks.client import Authentication
from orders.api.serializers import (
    CustomerSerializer,
    LineItemSerializer,
    MarketSerializer,
    OrderSerializer,
)
from orders.api.views import _in_currency_of
from orders.models import LineItem, Order
from tests.stock_renderer import attribute_fields, named


def _serializer(ours: Any, **members: Any) -> type[serializers.Serializer]:
    return type(
        ours.__name__,
        (serializers.Serializer,),
        {"JSONAPIMeta": named(ours.Meta.resource_name), **attribute_fields(ours), **members},
    )


class MayView(BasePermission):
    """Allow users who may view orders."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Return whether the user may view orders."""
        return bool(request.user.has_perm("orders.view_order"))


class OrderViewSet(ReadOnlyModelViewSet):
    """``/stock/orders``."""

    authentication_classes = [Authentication]
    permission_classes = [MayView]
    filter_backends = []
    renderer_classes = [JSONRenderer]
    pagination_class = JsonApiPageNumberPagination
    queryset = Order.objects.order_by("pk").prefetch_related(
        Prefetch("line_items", _in_currency_of("order", LineItem.objects.order_by("pk")))
    )
    serializer_class = _serializer(
        OrderSerializer,
        market=ResourceRelatedField(read_only=True, model=named("markets")),
        customer=ResourceRelatedField(read_only=True, model=named("customers")),
        line_items=ResourceRelatedField(read_only=True, many=True, model=LineItem),
        included_serializers={
            "line_items": _serializer(LineItemSerializer),
            "market": _serializer(MarketSerializer),
            "customer": _serializer(CustomerSerializer),
        },
    )
