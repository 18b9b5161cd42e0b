"""What can be wrong with a request, as the contract writes it (5.7).

The only module that knows HTTP statuses: each code of an error has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions

from order_copies.db.retry import is_transient
from order_copies.exceptions import (
    GoneError,
    NotDeletableError,
    OrderCopiesError,
    RowsLockedError,
)

BAD_REQUEST = "BAD_REQUEST"
FILTER_NOT_ALLOWED = "FILTER_NOT_ALLOWED"
IDEMPOTENCY_KEY_IN_USE = "IDEMPOTENCY_KEY_IN_USE"
IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
INVALID_DATA_FORMAT = "INVALID_DATA_FORMAT"
INVALID_FIELD = "INVALID_FIELD"
INVALID_FIELD_VALUE = "INVALID_FIELD_VALUE"
INVALID_FILTERS_SYNTAX = "INVALID_FILTERS_SYNTAX"
INVALID_FILTER_VALUE = "INVALID_FILTER_VALUE"
INVALID_IDEMPOTENCY_KEY = "INVALID_IDEMPOTENCY_KEY"
INVALID_INCLUDE = "INVALID_INCLUDE"
INVALID_LINKS_OBJECT = "INVALID_LINKS_OBJECT"
INVALID_PAGE_OBJECT = "INVALID_PAGE_OBJECT"
INVALID_PAGE_VALUE = "INVALID_PAGE_VALUE"
INVALID_RESOURCE = "INVALID_RESOURCE"
INVALID_SORT_CRITERIA = "INVALID_SORT_CRITERIA"
INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105
KEY_NOT_INCLUDED_IN_URL = "KEY_NOT_INCLUDED_IN_URL"
LOCKED = "LOCKED"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
PARAM_MISSING = "PARAM_MISSING"
PARAM_NOT_ALLOWED = "PARAM_NOT_ALLOWED"
PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
RECORD_NOT_FOUND = "RECORD_NOT_FOUND"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
TYPE_MISMATCH = "TYPE_MISMATCH"
UNAUTHORIZED = "UNAUTHORIZED"
UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
VALIDATION_ERROR = "VALIDATION_ERROR"

#: All of them: each is named as it reads.
CODES = frozenset(name for name, value in list(globals().items()) if name == value)

#: The status of each code; codes that are not named here are plain bad requests.
STATUSES = {
    INVALID_TOKEN: 401,
    UNAUTHORIZED: 401,
    RECORD_NOT_FOUND: 404,
    METHOD_NOT_ALLOWED: 405,
    NOT_ACCEPTABLE: 406,
    IDEMPOTENCY_KEY_IN_USE: 409,
    PAYLOAD_TOO_LARGE: 413,
    UNSUPPORTED_MEDIA_TYPE: 415,
    IDEMPOTENCY_KEY_REUSED: 422,
    VALIDATION_ERROR: 422,
    LOCKED: 423,
    TOO_MANY_REQUESTS: 429,
    INTERNAL_SERVER_ERROR: 500,
    SERVICE_UNAVAILABLE: 503,
}


@dataclass(frozen=True)
class Error:
    """One thing that is wrong; ``pointer`` tells where in the body."""

    code: str
    title: str
    detail: str
    pointer: str | None = None
    meta: Mapping[str, Any] | None = None

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return status_of(self.code)

    def as_json(self) -> dict[str, Any]:
        """The error object of the document."""
        document: dict[str, Any] = {
            "title": self.title,
            "detail": self.detail,
            "code": self.code,
            "status": str(self.status),
        }
        if self.pointer is not None:
            document["source"] = {"pointer": self.pointer}
        if self.meta is not None:
            document["meta"] = dict(self.meta)
        return document


def status_of(code: str) -> int:
    """The HTTP status that goes with a code."""
    return STATUSES.get(code, 400)


class RequestRefusedError(OrderCopiesError):
    """The request cannot be served as it is."""

    def __init__(self, *errors: Error) -> None:
        super().__init__("; ".join(error.detail for error in errors))
        self.errors = errors


def refused(code: str, title: str, detail: str, pointer: str | None = None) -> RequestRefusedError:
    """The exception for a request with this one error."""
    return RequestRefusedError(Error(code, title, detail, pointer))


def not_found(pointer: str | None = None) -> Error:
    """There is no such record, or the client may not see it: the same to the client."""
    detail = "The requested resource was not found. Please double-check the ID and try again."
    return Error(RECORD_NOT_FOUND, "Record not found", detail, pointer)


def invalid(place: str, field: str, key: str, message: str, **meta: Any) -> Error:
    """A value that breaks a rule; ``key`` names the rule, ``place`` is where fields stand."""
    return Error(
        VALIDATION_ERROR,
        message,
        f"{field} - {message}",
        pointer(place, field),
        {"error": key, **meta},
    )


def pointer(*names: str) -> str:
    """The JSON pointer (RFC 6901) to a member of ``data``."""
    escaped = (name.replace("~", "~0").replace("/", "~1") for name in names)
    return "/data/" + "/".join(escaped)


def server_error(trace_id: str) -> Error:
    """The server's own fault; ``trace_id`` stands in its log too."""
    detail = "Something went wrong on our side. Please quote the trace_id when you report it."
    return Error(
        INTERNAL_SERVER_ERROR, "Internal server error", detail, meta={"trace_id": trace_id}
    )


_ACCESS_DENIED = Error(
    UNAUTHORIZED, "Access denied", "You are not authorized to perform this action."
)

_TROUBLE = Error(
    SERVICE_UNAVAILABLE,
    "Service unavailable",
    "The database is busy or restarts. Please send the request again, under its Idempotency-Key.",
)

#: The errors of exceptions that others raise, the most special first.
_ERRORS_OF: Sequence[tuple[type[Exception], Error]] = [
    (exceptions.AuthenticationFailed, Error(
        INVALID_TOKEN, "Invalid token", "The access token you provided is invalid or expired."
    )),
    (exceptions.NotAuthenticated, _ACCESS_DENIED),
    (exceptions.PermissionDenied, _ACCESS_DENIED),
    (PermissionDenied, _ACCESS_DENIED),
    (exceptions.NotFound, not_found()),
    (Http404, not_found()),
    (GoneError, not_found()),
    (exceptions.MethodNotAllowed, Error(
        METHOD_NOT_ALLOWED, "Method not allowed", "This resource does not answer this method."
    )),
    (exceptions.NotAcceptable, Error(
        NOT_ACCEPTABLE, "Not acceptable",
        "Only application/vnd.api+json without parameters is served. Please check Accept.",
    )),
    (exceptions.UnsupportedMediaType, Error(
        UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "Please send application/vnd.api+json without parameters as Content-Type.",
    )),
    (exceptions.Throttled, Error(
        TOO_MANY_REQUESTS, "Too many requests", "Please slow down and try again later."
    )),
    (NotDeletableError, Error(LOCKED, "Locked", str(NotDeletableError()))),
    (RowsLockedError, Error(LOCKED, "Locked", str(RowsLockedError()))),
    (RequestDataTooBig, Error(
        PAYLOAD_TOO_LARGE, "Payload too large", "The body of the request is too large."
    )),
    (UnreadablePostError, Error(BAD_REQUEST, "Bad request", "The body broke off.")),
    (SuspiciousOperation, Error(BAD_REQUEST, "Bad request", "The request is malformed.")),
]  # fmt: skip


def errors_of(exception: Exception) -> Sequence[Error]:
    """What is wrong with the request that led to ``exception``; nothing, if it is our own fault."""
    if isinstance(exception, RequestRefusedError):
        return exception.errors
    for kind, error in _ERRORS_OF:
        if isinstance(exception, kind):
            return [error]
    return [_TROUBLE] if is_transient(exception) else []


def document_of(errors: Sequence[Error]) -> dict[str, Any]:
    """The document with these errors."""
    return {"errors": [error.as_json() for error in errors]}
