"""Orders as far as the app knows them."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.api.serializers.common import history
from order_copies.jsonapi.resources import Relationship, ResourceSerializer, register_fallback
from order_copies.shops import get_shop


def copies_of_an_order() -> tuple[Relationship, ...]:
    """The relationships of an order to the copies that were made of it (contract 1.1, 2.1)."""
    types = ("order_factories", "order_copies", "recurring_order_copies")
    return tuple(
        Relationship(name=name, type=name, many=True, filterable=True, inverse="source_order_id")
        for name in types
    )


@register_fallback
class OrderSerializer(ResourceSerializer):
    """An order of any shop. A shop that registers its own ``orders`` shows more of them."""

    type = "orders"
    relationships = (*copies_of_an_order(), *history("orders"))

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The orders that the shop shows to the client."""
        return get_shop().orders_for(request)

    def id_for(self, key: Any) -> str:
        """What the shop calls its orders by."""
        shop = get_shop()
        return shop.order_id(shop.order_model._meta.pk.to_python(key))

    def key_of(self, public_id: str) -> Any:
        """The key that the shop knows for an id."""
        return get_shop().order_key(public_id)
