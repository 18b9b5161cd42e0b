"""The default permission of resources."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, DjangoModelPermissions
from rest_framework.request import Request


class ModelPermissions(DjangoModelPermissions):
    """Reading needs no permission; writing needs Django's permission for the model.

    The queryset of the viewset decides which rows a client may see.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the client may send such a request."""
        method = request.method or ""
        if method in SAFE_METHODS or method not in view.allowed_methods:
            # A method that the view does not have gets 405.
            return True
        return super().has_permission(request, view)
