"""Who may do what with copies, over the API."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

_VERBS = {"POST": "add", "PATCH": "change", "DELETE": "delete"}


class CopiesPermission(BasePermission):
    """A client may act on the orders and copies that the shop shows it.

    Staff who act on copies also need the permission that the admin asks of them. What is shown
    to whom is the shop's business: ``Shop.orders_for`` and ``Shop.order_copies_for``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the client may send such a request at all."""
        verb = _VERBS.get(request.method or "")
        if verb is None or not getattr(request.user, "is_staff", False):
            return True
        return bool(request.user.has_perm(f"order_copies.{verb}_ordercopy"))
