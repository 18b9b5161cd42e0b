"""Who may do what with copies, over the API."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from order_copies.shops import get_shop

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
