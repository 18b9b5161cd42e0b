"""What can be wrong with a request for a token, as Commerce Layer writes it (contract 5.7)."""

from typing import Any

from rest_framework import exceptions

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "RECORD_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}


class OAuthError(exceptions.APIException):
    """A request for a token cannot be served; ``title`` is OAuth's word for why."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status_code = status
        self.title = title


def invalid_request(detail: str) -> OAuthError:
    """The request is not as it should be."""
    return OAuthError(400, "invalid_request", detail)


def invalid_client() -> OAuthError:
    """The application is not known, or could not prove who it is."""
    return OAuthError(401, "invalid_client", "Client authentication failed.")


def document_of(status: int, title: str, detail: str) -> dict[str, Any]:
    """The document with this one error; its status is a number, unlike those of the API."""
    code = CODES.get(status, "BAD_REQUEST")
    return {"errors": [{"title": title, "detail": detail, "code": code, "status": status}]}
