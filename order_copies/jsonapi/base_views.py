"""The base class of all views of the API.

It sets every option of DRF, so that the shop's own ``REST_FRAMEWORK`` changes nothing.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.core.signals import got_request_exception
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from order_copies.conf import settings
from order_copies.jsonapi.errors import Error, document_of, errors_of, server_error
from order_copies.jsonapi.media import Negotiation, Renderer
from order_copies.jsonapi.parsers import Parser
from order_copies.jsonapi.scopes import COPY, ScopesPermission
from order_copies.languages import ENGLISH, in_english
from order_copies.logs import new_trace_id
from order_copies.throttling import limit_rate, throttle_for

logger = logging.getLogger("order_copies.api")


class JSONAPIView(APIView):
    """A view whose responses are JSON:API documents, errors included."""

    parser_classes = [Parser]
    renderer_classes = [Renderer]
    content_negotiation_class = Negotiation
    permission_classes = [IsAuthenticated]
    throttle_classes = []
    versioning_class = None
    #: The methods of the API: ``Allow`` lists those that the view has.
    http_method_names = ["get", "post", "patch", "delete", "head"]

    #: Whether the resource is in the public catalogue, which sales channels may list.
    is_catalogue: bool = False

    @classmethod
    def as_view(  # type: ignore[override]
        cls, *args: Any, **kwargs: Any
    ) -> Callable[..., HttpResponse]:
        """Return the view, without the transactions of ``ATOMIC_REQUESTS``."""
        return non_atomic(super().as_view(*args, **kwargs))

    @property
    def writing_scopes(self) -> set[str]:
        """The scopes for writing: a token needs one of them."""
        return {COPY}

    @cached_property
    def trace_id(self) -> str:
        """The id of the request in its response and in the log."""
        return new_trace_id()

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return those of the setting ``AUTHENTICATION_CLASSES``, or of the shop's DRF settings."""
        classes = settings.AUTHENTICATION_CLASSES
        return super().get_authenticators() if classes is None else [cls() for cls in classes]

    def get_permissions(self) -> list[Any]:
        """Return the view's own, after the one that checks the scopes of the token."""
        return [ScopesPermission(), *super().get_permissions()]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request and render its response in English; ignore ``Accept-Language``.

        Messages of the API are a contract with programs.
        """
        with in_english():
            response = super().dispatch(request, *args, **kwargs)
            if isinstance(response, Response):
                response.render()
        response["Content-Language"] = ENGLISH
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Count the request, run DRF's checks, and refuse a body that is not JSON:API."""
        self.limit_rate(request)
        super().initial(request, *args, **kwargs)
        negotiator = self.get_content_negotiator()
        takes_a_body = getattr(self, "action", None) in {"create", "update"}
        if takes_a_body and not negotiator.select_parser(request, self.get_parsers()):
            raise exceptions.UnsupportedMediaType(request.content_type)

    def limit_rate(self, request: Request) -> None:
        """Count the request and set the headers of the limit. Raises ``Throttled``."""
        throttle = throttle_for(request, is_catalogue=self.is_catalogue)
        limit_rate(request, throttle, self.headers)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        """Return the method that turns an exception into a document."""
        return self._error_response

    def errors_of(self, exception: Exception) -> Sequence[Error]:
        """Return the errors of a request that raised ``exception``; none for a server failure."""
        return errors_of(exception)

    def _error_response(self, exception: Exception, context: dict[str, Any]) -> Response:
        errors = self.errors_of(exception)
        if not errors:
            got_request_exception.send(type(self), request=self.request)
            errors = [server_error(self.trace_id)]
        status = errors[0].status
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            extra = {"trace_id": self.trace_id}
            logger.error("trace_id=%s", self.trace_id, exc_info=exception, extra=extra)
        response = Response(document_of(errors), status=status)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            response["Retry-After"] = "1"
        for header, attribute in (("WWW-Authenticate", "auth_header"), ("Retry-After", "wait")):
            value = getattr(exception, attribute, None)
            if value:
                response[header] = str(value)
        return response


class NotFoundView(JSONAPIView):
    """The view of all paths that are no endpoint: status 404."""

    permission_classes = []

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return none: a 404 needs no authentication."""
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raise ``NotFound`` for every method."""
        self.format_kwarg = None
        self.limit_rate(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
            request, force=True
        )
        raise exceptions.NotFound


def non_atomic(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view, excluded from the ``ATOMIC_REQUESTS`` of every database.

    It opens its own transactions, which must be committed before the response is sent: a worker
    that was woken, or a repeated request, reads the rows.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view
