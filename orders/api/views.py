"""The endpoints of the shop's resources, generated from the serializers.

Every resource can be listed and retrieved. Those with updatable attributes can be updated.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated

from order_copies.events.recording import request_actor
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
    may_run,
)
from orders.api.serializers.common import ShopSerializer
from orders.lifecycle.changes import change
from orders.lifecycle.triggers import ORDER_ACTIONS, OrderAction, run_action
from orders.models import Order


class ShopViewSet(ReadOnlyViewSet, UpdateMixin):
    """The base endpoint of a resource that can be updated."""

    permission_classes = [IsAuthenticated, ResourcePermission]

    def change(self, row: Any, payload: Payload) -> None:
        """Set the attributes of the payload and record the change."""
        change(row, payload.attributes, who=request_actor(self.request))
        row.refresh_from_db()


class OrderViewSet(ShopViewSet):
    """``/orders``. Triggers place, cancel, approve, archive and unarchive them."""

    type = serializers.OrderSerializer.type
    permission_classes = [IsAuthenticated, OrdersPermission]

    def change(self, row: Order, payload: Payload) -> None:
        """Set attributes of an order and run its trigger: both succeed, or neither is done."""
        self._check_permitted(row, payload)
        if payload.trigger is not None:
            self._run(row, ORDER_ACTIONS[payload.trigger.name], payload.attributes)
        else:
            super().change(row, payload)

    def _run(self, order: Order, action: OrderAction, attributes: Mapping[str, Any]) -> None:
        who = request_actor(self.request)
        [problems] = run_action(action, [order.pk], who=who, attributes=attributes)
        if problems:
            raise RequestRefusedError(*self._errors(problems))
        order.refresh_from_db()

    def _check_permitted(self, order: Order, payload: Payload) -> None:
        if payload.trigger and not may_run(self.request, ORDER_ACTIONS[payload.trigger.name]):
            raise PermissionDenied
        if payload.attributes and not may_change_attributes(self.request, order):
            raise PermissionDenied

    def _errors(self, problems: Sequence[Problem]) -> Iterator[Error]:
        for problem in problems:
            member = "relationships" if problem.attribute in RELATED else "attributes"
            yield invalid(member, problem.attribute, problem.code, problem.message)


#: The resources that every client may list.
CATALOGUE = {"markets", "promotions", "skus"}
#: The relationships of an order, and the payment source: the contract has that relationship
#: (3.3), this API does not.
RELATED = {"payment_source", *serializers.OrderSerializer().relationships_by_name}


def viewsets() -> list[type[ReadOnlyViewSet]]:
    """Return the endpoints of all registered resources of the shop."""
    return [_viewset(one) for one in registered() if isinstance(one, ShopSerializer)]


def _viewset(resource: ShopSerializer) -> type[ReadOnlyViewSet]:
    if resource.type == OrderViewSet.type:
        return OrderViewSet
    name = type(resource).__name__.replace("Serializer", "ViewSet")
    members = {
        "type": resource.type,
        "is_catalogue": resource.type in CATALOGUE,
        "__doc__": f"``/{resource.type}``.",
    }
    is_updatable = any(attribute.updatable for attribute in resource.attributes)
    return type(name, (ShopViewSet if is_updatable else ReadOnlyViewSet,), members)
