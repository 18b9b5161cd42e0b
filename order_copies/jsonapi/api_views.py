"""The view that all of ours are: it answers with documents, its errors included.

Every option of DRF is set here, so that the shop's own ``REST_FRAMEWORK`` changes nothing.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.core.signals import got_request_exception
from django.db import connections, transaction
from django.http import HttpResponse
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from order_copies.conf import settings
from order_copies.jsonapi.errors import document_of, errors_of, server_error
from order_copies.jsonapi.media import Negotiation, Parser, Renderer
from order_copies.jsonapi.scopes import COPY, ScopesPermission
from order_copies.jsonapi.throttling import limit_rate, throttle_for
from order_copies.logs import new_trace_id

logger = logging.getLogger("order_copies.api")


class JSONAPIView(APIView):
    """A view whose every answer is a JSON:API document, its errors included."""

    parser_classes = [Parser]
    renderer_classes = [Renderer]
    content_negotiation_class = Negotiation
    permission_classes = [IsAuthenticated]
    throttle_classes = []
    versioning_class = None
    #: Those that some endpoint serves, which is what ``Allow`` chooses from.
    http_method_names = ["get", "post", "patch", "delete", "head"]

    #: Whether this is the public catalogue, which everybody may list and which is read most.
    is_catalogue: bool = False

    @classmethod
    def as_view(cls, **kwargs: Any) -> Callable[..., HttpResponse]:  # type: ignore[override]
        """The view, outside of the transactions of ``ATOMIC_REQUESTS``."""
        return non_atomic(super().as_view(**kwargs))

    @property
    def writing_scopes(self) -> set[str]:
        """The scopes of which it takes at least one to write."""
        return {COPY}

    @cached_property
    def trace_id(self) -> str:
        """What names this request in its answer and in the log."""
        return new_trace_id()

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Those of the setting ``AUTHENTICATION_CLASSES``, or of the shop's DRF."""
        classes = settings.AUTHENTICATION_CLASSES
        return super().get_authenticators() if classes is None else [cls() for cls in classes]

    def get_permissions(self) -> list[Any]:
        """The view's own, and that the token is good for the request, whatever those are."""
        return [ScopesPermission(), *super().get_permissions()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Before DRF's checks the request is counted; what is written has to come as JSON:API."""
        self.limit_rate(request)
        super().initial(request, *args, **kwargs)
        negotiator = self.get_content_negotiator()
        method = request.method or ""
        takes_a_body = method in {"POST", "PATCH"} and hasattr(self, method.lower())
        if takes_a_body and not negotiator.select_parser(request, self.get_parsers()):
            raise exceptions.UnsupportedMediaType(request.content_type)

    def limit_rate(self, request: Request) -> None:
        """Count the request, and tell the client of the limit. Raises ``Throttled``."""
        throttle = throttle_for(request, is_catalogue=self.is_catalogue)
        limit_rate(request, throttle, self.headers)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        """Every exception becomes a document."""
        return self._answer_to

    def _answer_to(self, exception: Exception, context: dict[str, Any]) -> Response:
        errors = errors_of(exception)
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
    """Answers for every path that is no endpoint."""

    permission_classes = []

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Nobody needs to be known to be told that there is nothing."""
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """There is nothing here, whatever the method."""
        self.format_kwarg = None
        self.limit_rate(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
            request, force=True
        )
        raise exceptions.NotFound


def non_atomic(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view, which no database's ``ATOMIC_REQUESTS`` wraps in a transaction.

    What it writes is atomic by itself, and must be there before the answer is: a worker that was
    woken, or the same request sent again, has to find it.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view
