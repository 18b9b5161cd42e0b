"""Reject U+0000 in admin URLs, for the models of Django and of other apps too."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from order_copies.admin.parameters import NUL, refuse_nul

#: How the names of the admin pages end that look query parameters up in the database.
LOOKUPS = ("_changelist", "_add", "autocomplete")


class AdminParametersMiddleware:
    """Keep U+0000 out of the queries of the admin. List it after Django's message middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return a redirect without the parameter, or None if the URL has no U+0000.

        Raises ``Http404`` if the path has one.
        """
        if request.resolver_match is None or request.resolver_match.app_name != "admin":
            return None
        if NUL in "".join(map(str, kwargs.values())):
            raise Http404
        name = request.resolver_match.url_name or ""
        return refuse_nul(request) if name.endswith(LOOKUPS) else None
