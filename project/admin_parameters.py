"""U+0000 in the addresses of the admin: those of Django's own and of other apps' models too."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from order_copies.admin.parameters import NUL, refuse_nul

#: The pages of a model that look parameters up; other pages read their own.
LOOKUPS = ("_changelist", "_add", "autocomplete")


class AdminParametersMiddleware:
    """Let no page of the admin ask the database for U+0000. Comes after messages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Answer in place of the view where the address cannot be looked up."""
        if request.resolver_match is None or request.resolver_match.app_name != "admin":
            return None
        if NUL in "".join(map(str, kwargs.values())):
            raise Http404
        name = request.resolver_match.url_name or ""
        return refuse_nul(request) if name.endswith(LOOKUPS) else None
