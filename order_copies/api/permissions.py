"""Who may do what with copies: over the API, and what the admin asks too."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from order_copies.jsonapi.scopes import CANCEL, PLACE, check_scopes
from order_copies.shops import get_shop

#: The options of a copy that change orders, each with the scope that it takes of a token.
CHANGING_ORDERS = {"place_target_order": PLACE, "cancel_source_order": CANCEL}

_VERBS = {"POST": "add", "PATCH": "change", "DELETE": "delete"}


class CopiesPermission(BasePermission):
    """A client may read what the shop shows it, and act on that if it was permitted to.

    To act on copies takes the permission that the admin asks of staff, whoever the client is;
    only a client that acts for itself (``Shop.acts_for_itself``) needs none. What is shown to
    whom is the shop's business: ``Shop.orders_for`` and ``Shop.order_copies_for``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the client may send such a request at all."""
        verb = _VERBS.get(request.method or "")
        if verb is None or request.user.has_perm(f"order_copies.{verb}_ordercopy"):
            return True
        return get_shop().acts_for_itself(request)


class EventsPermission(BasePermission):
    """A client may read the events of what it sees; to tell one again takes the permission."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the client may send such a request at all."""
        is_read = request.method in SAFE_METHODS
        return is_read or request.user.has_perm("order_copies_events.change_event")


def orders_changed_by(order_copy: Any) -> list[Any]:
    """The orders that whoever has the copy run must be allowed to change.

    One that places or cancels changes orders: to copy is not enough for it.
    """
    changes = any(getattr(order_copy, name) for name in CHANGING_ORDERS)
    return [order_copy.source_order] if changes and order_copy.source_order else []


def check_copy(request: Request, order_copy: Any) -> None:
    """Raise ``PermissionDenied`` unless the client may have all done that the copy is to do."""
    check_scopes(
        request, *(scope for name, scope in CHANGING_ORDERS.items() if getattr(order_copy, name))
    )
    shop, orders = get_shop(), orders_changed_by(order_copy)
    if orders and not (shop.may_change_orders(request, orders) or shop.acts_for_itself(request)):
        raise PermissionDenied
