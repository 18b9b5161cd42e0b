from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView
from rest_framework.exceptions import MethodNotAllowed

from order_copies.jsonapi.errors import errors_of
from order_copies.jsonapi.handlers import error_answer

#: The page runs no script but its own files, and talks to nobody but this server.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@method_decorator(csrf_exempt, name="dispatch")
class APIDocsView(TemplateView):
    """``/api/docs``: the OpenAPI document for people to read and to try."""

    template_name = "api_docs.html"
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page, under a strict policy."""
        response = super().get(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A document: only the page itself is HTML under the API."""
        return error_answer(errors_of(MethodNotAllowed(request.method or ""))[0], request)
