"""Who may change what of the shop: the API and the admin both ask here."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from order_copies.shops import get_shop
from orders.lifecycle.triggers import Move
from orders.models import Order

#: The orders whose attributes customers may still change (contract 3.1).
OPEN = frozenset({Order.Status.DRAFT, Order.Status.PENDING})


def may_change_orders(user: Any) -> bool:
    """Whether the user may move and change all orders; who may not see them may not."""
    return bool(user.has_perms(["orders.view_order", "orders.change_order"]))


def may_move(request: Any, move: Move) -> bool:
    """Whether the client may make this move with the orders that it sees."""
    if may_change_orders(request.user):
        return True
    return move.is_for_customers and get_shop().acts_for_itself(request)


def may_change_attributes(request: Any, order: Order) -> bool:
    """Whether the client, who sees the order, may change its attributes."""
    if may_change_orders(request.user):
        return True
    return order.status in OPEN and get_shop().acts_for_itself(request)


class ResourcePermission(BasePermission):
    """A client may read what the shop shows it; to change that takes Django's permission."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the client may send such a request at all."""
        if view.action != "update":
            return True
        options = view.resource.rows(request).model._meta
        return bool(request.user.has_perm(f"{options.app_label}.change_{options.model_name}"))


class OrdersPermission(BasePermission):
    """As :class:`ResourcePermission`; and customers may do some things with their own orders."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the client may send such a request at all."""
        if view.action != "update" or may_change_orders(request.user):
            return True
        return get_shop().acts_for_itself(request)
