"""The permissions to change the shop's resources, shared by the API and the admin."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from order_copies.api.permissions import check_new_subscriptions
from order_copies.shops import get_shop
from orders.lifecycle.triggers import OrderAction
from orders.models import Order

#: The statuses in which customers may change the attributes of their orders (contract 3.1).
OPEN = frozenset({Order.Status.DRAFT, Order.Status.PENDING})


def may_change_orders(user: Any) -> bool:
    """Return whether the user may change all orders; the permission to view them is needed too."""
    return bool(user.has_perms(["orders.view_order", "orders.change_order"]))


def check_action(request: Request, action: OrderAction, order: Order) -> None:
    """Raise PermissionDenied unless the client may run the action on an order that it can see."""
    is_customer = action.is_for_customers and get_shop().acts_for_itself(request)
    if not (may_change_orders(request.user) or is_customer):
        raise PermissionDenied
    if action.subscribes:
        check_new_subscriptions(request, order)


def may_change_attributes(request: Any, order: Order) -> bool:
    """Return whether the client may change attributes of an order that it can see."""
    if may_change_orders(request.user):
        return True
    return order.status in OPEN and get_shop().acts_for_itself(request)


class OrdersPermission(BasePermission):
    """Let every client read, and let staff and customers update the orders that they see.

    :func:`check_action` and :func:`may_change_attributes` then decide on what the request contains.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the client may send such a request."""
        if view.action != "update" or may_change_orders(request.user):
            return True
        return get_shop().acts_for_itself(request)
