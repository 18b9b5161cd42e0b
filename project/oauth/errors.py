"""Errors of token requests in Commerce Layer's format (contract 5.7)."""

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
    """A token request was refused; ``title`` is the error code of OAuth."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status_code = status
        self.title = title


def invalid_request(detail: str) -> OAuthError:
    """Return the error for a malformed request."""
    return OAuthError(400, "invalid_request", detail)


def invalid_client() -> OAuthError:
    """Return the error for an unknown application or wrong credentials."""
    return OAuthError(401, "invalid_client", "Client authentication failed.")


def document_of(status: int, title: str, detail: str) -> dict[str, Any]:
    """Return the error document. Its ``status`` is a number; in the API it is a string."""
    code = CODES.get(status, "BAD_REQUEST")
    return {"errors": [{"title": title, "detail": detail, "code": code, "status": status}]}
