"""The endpoints of the shop's resources, made from their declarations.

All can be read, alone and in lists, and changed as far as they declare it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated

from order_copies.events.who import client_as_who
from order_copies.jsonapi.errors import Error, RequestRefusedError, invalid
from order_copies.jsonapi.payloads import Payload
from order_copies.jsonapi.resources import registered
from order_copies.jsonapi.views import ReadOnlyViewSet, UpdateMixin
from order_copies.plans import Problem
from orders.api import serializers
from orders.api.permissions import (
    OrdersPermission,
    ResourcePermission,
    may_change_attributes,
    may_move,
)
from orders.api.serializers.common import ShopSerializer
from orders.lifecycle.changes import change
from orders.lifecycle.triggers import MOVES, Move, make
from orders.models import Order


class ShopViewSet(ReadOnlyViewSet, UpdateMixin):
    """What the endpoints of resources that can be changed have in common."""

    permission_classes = [IsAuthenticated, ResourcePermission]

    def change(self, row: Any, payload: Payload) -> None:
        """Change attributes of a resource."""
        change(row, payload.attributes, who=client_as_who(self.request))
        row.refresh_from_db()


class OrderViewSet(ShopViewSet):
    """``/orders``: besides, they are placed, cancelled, approved and archived."""

    type = serializers.OrderSerializer.type
    permission_classes = [IsAuthenticated, OrdersPermission]

    def change(self, row: Order, payload: Payload) -> None:
        """Change attributes of an order and make a move with it: both, or neither."""
        self._check_permitted(row, payload)
        if payload.trigger is not None:
            self._move(row, MOVES[payload.trigger.name], payload.attributes)
        else:
            super().change(row, payload)

    def _move(self, order: Order, move: Move, attributes: Mapping[str, Any]) -> None:
        who = client_as_who(self.request)
        [problems] = make(move, [order.pk], who=who, attributes=attributes)
        if problems:
            raise RequestRefusedError(*self._errors(problems))
        order.refresh_from_db()

    def _check_permitted(self, order: Order, payload: Payload) -> None:
        if payload.trigger and not may_move(self.request, MOVES[payload.trigger.name]):
            raise PermissionDenied
        if payload.attributes and not may_change_attributes(self.request, order):
            raise PermissionDenied

    def _errors(self, problems: Sequence[Problem]) -> Iterator[Error]:
        for problem in problems:
            place = "relationships" if problem.attribute in RELATED else "attributes"
            yield invalid(place, problem.attribute, problem.code, problem.message)


#: What everybody may list: what the shop sells, where and with which discounts.
CATALOGUE = {"markets", "promotions", "skus"}
#: What an order leads to; the contract has payment sources too (3.3), we do not show them yet.
RELATED = {"payment_source", *serializers.OrderSerializer().relationships_by_name}


def viewsets() -> list[type[ReadOnlyViewSet]]:
    """The endpoints of all resources that the shop declares."""
    declared = (resource for resource in registered() if isinstance(resource, ShopSerializer))
    return [_viewset(resource) for resource in declared]


def _viewset(resource: ShopSerializer) -> type[ReadOnlyViewSet]:
    if resource.type == OrderViewSet.type:
        return OrderViewSet
    name = type(resource).__name__.replace("Serializer", "ViewSet")
    members = {
        "type": resource.type,
        "is_catalogue": resource.type in CATALOGUE,
        "__doc__": f"``/{resource.type}``.",
    }
    is_changed = any(attribute.updatable for attribute in resource.attributes)
    return type(name, (ShopViewSet if is_changed else ReadOnlyViewSet,), members)
