"""What an access token lets its client do, whoever issued it: the one place that knows scopes.

All that is asked of ``request.auth`` are ``scopes``, a container of names (django-oauth-toolkit's
tokens have them too), and ``kind``, Commerce Layer's word for the application. Without ``scopes``
nothing is restricted: whoever comes with a session may do what the user may.
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
#: What each of them is for.
SCOPES = {
    READ: "Read orders, copies and all that belongs to them",
    COPY: "Make, change and delete copies",
    PLACE: "Place orders",
    CANCEL: "Cancel orders",
}

SALES_CHANNEL = "sales_channel"


class ScopesPermission(BasePermission):
    """Reading takes ``read``; writing one of ``writing_scopes`` of the view.

    The answer to a PATCH tells the whole resource, so it takes both.

    A sales channel may list nothing but the public catalogue (contract 5.8): its token is in
    the hands of everybody who opens the shop's pages.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the token is good for such a request at all."""
        # What a write is to include in its answer is read too.
        if is_told_all(request.method) or "include" in request.query_params:
            check_scopes(request, READ)
        is_write = request.method not in SAFE_METHODS
        if is_write and not _has_one(request, view.writing_scopes):
            return False
        return not (is_sales_channel(request) and _lists(view))


def is_told_all(method: str | None) -> bool:
    """Whether the answer to a request tells all of what was there before it."""
    return method in {*SAFE_METHODS, "PATCH"}


def is_sales_channel(request: Any) -> bool:
    """Whether the token is one that shops give to everybody."""
    return getattr(getattr(request, "auth", None), "kind", None) == SALES_CHANNEL


def _lists(view: Any) -> bool:
    """Whether the view answers with a list that is not the public catalogue itself."""
    action = getattr(view, "action", None)
    if action in {"related", "linkage"}:
        return bool(view.relationship.many)
    return action == "list" and not view.is_catalogue


def check_scopes(request: Request, *needed: str) -> None:
    """Raise ``PermissionDenied`` if the client's token has scopes, and not all of these."""
    scopes = _scopes_of(request)
    if scopes is not None and not set(needed) <= scopes:
        raise PermissionDenied


def _has_one(request: Request, scopes: Iterable[str]) -> bool:
    own = _scopes_of(request)
    return own is None or not own.isdisjoint(scopes)


def _scopes_of(request: Request) -> set[str] | None:
    scopes = getattr(request.auth, "scopes", None)
    return None if scopes is None else set(scopes)
