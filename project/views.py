import math
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView
from rest_framework.exceptions import MethodNotAllowed

from order_copies.conf import RateLimit
from order_copies.jsonapi.errors import errors_of
from order_copies.jsonapi.handlers import error_answer
from order_copies.throttling import RateThrottle

#: The page loads scripts from this server only and sends requests to this server only.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@method_decorator(csrf_exempt, name="dispatch")
class APIDocsView(TemplateView):
    """``/api/docs``: the OpenAPI document as a page with forms that send requests."""

    template_name = "api_docs.html"
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the page with its strict Content-Security-Policy."""
        response = super().get(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return a JSON:API error document: of the URLs under ``/api`` only this page is HTML."""
        return error_answer(errors_of(MethodNotAllowed(request.method or ""))[0], request)


def admin_login(request: HttpRequest) -> HttpResponse:
    """``/admin/login/``: Django's page, limited to ``LOGIN_RATE_LIMIT`` attempts per IP address."""
    limit = settings.LOGIN_RATE_LIMIT
    if request.method == "POST" and limit:
        throttle = RateThrottle("logins", [RateLimit(*limit)])
        if not throttle.allow_request(request):
            seconds = math.ceil(throttle.wait())
            context = {**admin.site.each_context(request), "seconds": seconds}
            page = render(request, "admin/too_many_logins.html", context, status=429)
            page["Retry-After"] = str(seconds)
            return page
    return admin.site.login(request)
