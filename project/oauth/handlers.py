"""Error handlers that answer under ``/oauth/`` with error documents instead of HTML."""

from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse, JsonResponse

from project.oauth.errors import document_of

PREFIX = "/oauth/"
#: Status, title and detail, in the order of ``handler400``, ``403``, ``404`` and ``500``.
ERRORS = (
    (400, "invalid_request", "The request is malformed."),
    (403, "access_denied", "You are not authorized to do this."),
    (404, "not_found", "There is no such endpoint."),
    (500, "server_error", "Something went wrong on our side."),
)

Handler = Callable[..., HttpResponse]


def with_oauth_errors(handlers: Sequence[Handler]) -> list[Handler]:
    """Return the four error handlers of a project, with documents under ``/oauth/``."""
    bad_request, denied, missing, crashed = map(_handler, ERRORS, handlers)

    # Django's system checks require that the handler of 500 takes no exception.
    def server_error(request: HttpRequest) -> HttpResponse:
        return crashed(request)

    return [bad_request, denied, missing, server_error]


def _handler(error: tuple[int, str, str], otherwise: Handler) -> Handler:
    def handle(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if request.path_info.startswith(PREFIX):
            headers = {"Cache-Control": "no-store"}
            return JsonResponse(document_of(*error), status=error[0], headers=headers)
        return otherwise(request) if exception is None else otherwise(request, exception)

    return handle
