"""The view that serves the OpenAPI document."""

from typing import Any

from django.conf import settings as django_settings
from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from order_copies.conf import settings
from order_copies.jsonapi.base_views import JSONAPIView
from order_copies.jsonapi.openapi.document import openapi_bytes


class OpenAPIView(JSONAPIView):
    """``GET /schema``: the OpenAPI document, for all clients, regardless of ``Accept``."""

    permission_classes = []

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return no authenticators: the document is public."""
        return []

    def limit_rate(self, request: Request) -> None:
        """Skip the rate limit: a throttled client can still read the document."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Ignore ``Accept``: the document has only one format."""
        return super().perform_content_negotiation(request, force=True)

    def get(self, request: Request) -> HttpResponse:
        """Return the document as JSON."""
        urlconf = getattr(request, "urlconf", django_settings.ROOT_URLCONF)
        return HttpResponse(
            openapi_bytes(urlconf, settings.TOKEN_URL), content_type="application/json"
        )
