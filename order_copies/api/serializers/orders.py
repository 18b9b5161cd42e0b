"""The serializer of orders for shops that register none, and their relationships to copies."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.api.serializers.common import history
from order_copies.jsonapi.resources import Relationship, ResourceSerializer, register_fallback
from order_copies.shops import get_shop


def copies_of_an_order() -> tuple[Relationship, ...]:
    """Return the relationships of an order to the copies of it (contract 1.1, 2.1)."""
    types = ("order_factories", "order_copies", "recurring_order_copies")
    return tuple(
        Relationship(name=name, type=name, many=True, filterable=True, inverse="source_order_id")
        for name in types
    )


@register_fallback
class OrderSerializer(ResourceSerializer):
    """An order with its relationships only.

    A shop that registers its own serializer for ``orders`` replaces it.
    """

    type = "orders"
    relationships = (*copies_of_an_order(), *history("orders"))

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the orders that the client may see."""
        return get_shop().orders_for(request)

    def id_for(self, key: Any) -> str:
        """Return the public id of the order with this primary key."""
        shop = get_shop()
        return shop.order_id(shop.order_model._meta.pk.to_python(key))

    def key_of(self, public_id: str) -> Any:
        """Return the primary key for a public id, or None if the id is malformed."""
        return get_shop().order_key(public_id)
