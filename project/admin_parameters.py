"""Handle admin URLs that the database cannot look up, for the models of all apps."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.views.main import ERROR_FLAG
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from order_copies.admin.parameters import LOOKUP_ERRORS, NUL, refuse_nul

#: How the names of the admin pages end that look query parameters up in the database.
LOOKUPS = ("_changelist", "_add", "autocomplete")


class AdminParametersMiddleware:
    """Redirect lists of the admin whose filters fail in the database: U+0000, or a huge number.

    List it after Django's message middleware.
    """

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

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Redirect to the list without its filters, as Django does for other wrong filters.

        A list that fails without filters has another fault, whose error is raised.
        """
        name = request.resolver_match.view_name if request.resolver_match else ""
        is_list = name.startswith("admin:") and name.endswith("_changelist")
        is_filtered = bool(request.GET) and ERROR_FLAG not in request.GET
        is_wrong_filter = isinstance(exception, LOOKUP_ERRORS)
        if is_list and is_filtered and is_wrong_filter:
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return None
