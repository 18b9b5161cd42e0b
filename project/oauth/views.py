"""The OAuth endpoints. They accept JSON and forms, and answer as Commerce Layer does."""

import json
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.views.mixins import OAuthLibMixin
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from order_copies.conf import RateLimit
from order_copies.jsonapi.errors import errors_of
from order_copies.throttling import RateThrottle, limit_rate
from project.oauth import tokens
from project.oauth.bodies import FormBody, JSONBody
from project.oauth.errors import OAuthError, document_of

logger = logging.getLogger(__name__)


class JSONNegotiation(BaseContentNegotiation):
    """Responds with JSON regardless of the header ``Accept``."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the parser of the body's media type, or None."""
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the only renderer."""
        return renderers[0], renderers[0].media_type


# Django leaves the parameters, which are secret, out of its error reports.
@method_decorator(sensitive_post_parameters(), name="dispatch")
class OAuthView(OAuthLibMixin, APIView):
    """Base class of the endpoints: rate limit, parsers and error documents."""

    authentication_classes = []
    permission_classes = []
    parser_classes = [JSONBody, FormBody]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JSONNegotiation
    versioning_class = None
    metadata_class = None

    def check_throttles(self, request: Request) -> None:
        """Apply ``TOKEN_RATE_LIMIT`` to all OAuth endpoints together."""
        limit = settings.TOKEN_RATE_LIMIT
        throttle = RateThrottle("tokens", [RateLimit(*limit)]) if limit else None
        limit_rate(request, throttle, self.headers)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        """Return a handler that turns every exception into an error document."""
        return self._answer_to

    def checked(self, answer: tuple[Any, Any, str, int]) -> dict[str, Any]:
        """Return the document in oauthlib's response. Raises ``OAuthError`` for an error."""
        _url, _headers, body, status = answer
        document: dict[str, Any] = json.loads(body or "{}")
        if status >= 400:
            title = document["error"]
            raise OAuthError(status, title, document.get("error_description") or title)
        return document

    def _answer_to(self, exception: Exception, context: dict[str, Any]) -> Response:
        status, title, detail = self._error_of(exception)
        response = Response(document_of(status, title, detail), status=status)
        response["Cache-Control"] = "no-store"
        if status == 401:
            response["WWW-Authenticate"] = f'Bearer error="{title}"'
        if isinstance(exception, exceptions.Throttled):
            response["Retry-After"] = str(exception.wait)
        return response

    def _error_of(self, exception: Exception) -> tuple[int, str, str]:
        if isinstance(exception, OAuthError):
            return exception.status_code, exception.title, str(exception.detail)
        if isinstance(exception, exceptions.APIException):
            return exception.status_code, exception.default_code, str(exception.detail)
        for error in errors_of(exception):
            return error.status, "invalid_request", error.detail
        logger.error("Issuing a token failed.", exc_info=exception)
        got_request_exception.send(type(self), request=self.request)
        return 500, "server_error", "Something went wrong on our side."


class TokenView(OAuthView):
    """``POST /oauth/token``: issue a token for the credentials of an application."""

    def post(self, request: Request) -> Response:
        """Return the token with its lifetime and scopes."""
        document = self.checked(self.create_token_response(request))
        claims = tokens.read(document["access_token"])
        about = {"token_type": "bearer", "created_at": claims["iat"]}
        return Response(document | about, headers={"Cache-Control": "no-store"})


class RevokeView(OAuthView):
    """``POST /oauth/revoke``: revoke a token of the application."""

    def post(self, request: Request) -> Response:
        """Return an empty document, also for an unknown token (RFC 7009)."""
        return Response(self.checked(self.create_revocation_response(request)))
