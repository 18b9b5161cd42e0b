"""Scopes of access tokens, independent of the issuer; no other module interprets scopes.

This module reads two attributes of ``request.auth``: ``scopes``, a container of names (the tokens
of django-oauth-toolkit have it too), and ``kind``, Commerce Layer's term for the type of
application. A request without ``scopes``, for example one with a session, has no restriction by
scope: only the user's permissions apply.
"""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

READ = "read"
COPY = "copy"
PLACE = "place"
CANCEL = "cancel"
#: Description of each scope.
SCOPES = {
    READ: "Read orders, copies and their related resources",
    COPY: "Create, change and delete copies",
    PLACE: "Place orders",
    CANCEL: "Cancel orders",
}

SALES_CHANNEL = "sales_channel"


class ScopesPermission(BasePermission):
    """Permission that requires scopes: ``read`` to read, one of ``view.writing_scopes`` to write.

    A PATCH requires both, because its response contains the whole resource.

    A sales channel may list only the public catalogue (contract 5.8): its token is public,
    because every visitor of the shop's pages receives it.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the token's scopes and kind permit the request."""
        # A write with ``include`` also reads the included resources.
        if returns_resources(request.method) or "include" in request.query_params:
            check_scopes(request, READ)
        is_write = request.method not in SAFE_METHODS
        if is_write and not _has_one(request, view.writing_scopes):
            return False
        return not (is_sales_channel(request) and _lists(view))


def returns_resources(method: str | None) -> bool:
    """Return whether the response to this method contains data older than the request."""
    return method in {*SAFE_METHODS, "PATCH"}


def is_sales_channel(request: Any) -> bool:
    """Return whether the request carries the public token of a sales channel."""
    return getattr(getattr(request, "auth", None), "kind", None) == SALES_CHANNEL


def _lists(view: Any) -> bool:
    """Return whether the view returns a list other than the public catalogue."""
    action = getattr(view, "action", None)
    if action in {"related", "linkage"}:
        return bool(view.relationship.many)
    return action == "list" and not view.is_catalogue


def check_scopes(request: Request, *needed: str) -> None:
    """Raise ``PermissionDenied`` if the token has scopes but lacks one of ``needed``."""
    scopes = _scopes_of(request)
    if scopes is not None and not set(needed) <= scopes:
        raise PermissionDenied


def _has_one(request: Request, scopes: Iterable[str]) -> bool:
    own = _scopes_of(request)
    return own is None or not own.isdisjoint(scopes)


def _scopes_of(request: Request) -> set[str] | None:
    scopes = getattr(request.auth, "scopes", None)
    return None if scopes is None else set(scopes)
