"""Error handlers that return JSON:API documents, not Django's HTML pages, under the API's path."""

import logging
import sys
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from order_copies.jsonapi.errors import Error, document_of, not_found, server_error
from order_copies.jsonapi.media import MEDIA_TYPE, Renderer
from order_copies.languages import ENGLISH
from order_copies.logs import new_trace_id
from order_copies.throttling import counted

logger = logging.getLogger("order_copies.api")

Handler = Callable[..., HttpResponse]


def error_handlers(prefix: str) -> tuple[Handler, Handler, Handler, Handler]:
    """Return ``handler400``, ``handler403``, ``handler404`` and ``handler500`` for a project.

    If the request's path is ``prefix`` or starts with ``prefix/``, they return a JSON:API error
    document. For all other paths they call Django's default handlers.
    """
    bad_request = Error("BAD_REQUEST", "The request is malformed.")
    denied = Error("UNAUTHORIZED", "You are not authorized to do this.")
    return (
        _handler(prefix, lambda: bad_request, defaults.bad_request),
        _handler(prefix, lambda: denied, defaults.permission_denied),
        _handler(prefix, not_found, defaults.page_not_found),
        _server_error_handler(prefix),
    )


def _handler(prefix: str, error: Callable[[], Error], otherwise: Any) -> Handler:
    def handle(request: HttpRequest, exception: Exception) -> HttpResponse:
        if not _is_under(prefix, request):
            return otherwise(request, exception)  # type: ignore[no-any-return]
        return error_answer(error(), request)

    return handle


def _server_error_handler(prefix: str) -> Handler:
    def handle(request: HttpRequest) -> HttpResponse:
        if not _is_under(prefix, request):
            return defaults.server_error(request)
        trace_id = new_trace_id()
        extra = {"trace_id": trace_id}
        logger.error("trace_id=%s", trace_id, exc_info=sys.exception(), extra=extra)
        return error_answer(server_error(trace_id), request)

    return handle


def _is_under(prefix: str, request: HttpRequest) -> bool:
    return request.path_info == prefix or request.path_info.startswith(f"{prefix}/")


def error_answer(error: Error, request: HttpRequest) -> HttpResponse:
    """Return the error response to a request that none of our views handled; count the request."""
    body = Renderer().render(document_of([error]))
    headers = {**counted(request), "Content-Language": ENGLISH}
    return HttpResponse(body, content_type=MEDIA_TYPE, status=error.status, headers=headers)
