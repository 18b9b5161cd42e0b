"""Errors of requests, as the contract writes them (5.7).

The only module that knows HTTP statuses: each error code has one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.settings import api_settings

from order_copies.db.retry import is_transient
from order_copies.exceptions import (
    ChangesRefusedError,
    GoneError,
    NotDeletableError,
    OrderCopiesError,
    Refusal,
    RowsLockedError,
    SubscriptionModelInUseError,
    UnsupportedToggleError,
)

_CODES = {
    400: """
        BAD_REQUEST FILTER_NOT_ALLOWED INVALID_DATA_FORMAT INVALID_FIELD INVALID_FIELD_VALUE
        INVALID_FILTERS_SYNTAX INVALID_FILTER_VALUE INVALID_IDEMPOTENCY_KEY INVALID_INCLUDE
        INVALID_LINKS_OBJECT INVALID_PAGE_OBJECT INVALID_PAGE_VALUE INVALID_RESOURCE
        INVALID_SORT_CRITERIA KEY_NOT_INCLUDED_IN_URL PARAM_MISSING PARAM_NOT_ALLOWED TYPE_MISMATCH
    """,
    401: "INVALID_TOKEN UNAUTHORIZED",
    404: "RECORD_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "IDEMPOTENCY_KEY_IN_USE",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "IDEMPOTENCY_KEY_REUSED VALIDATION_ERROR",
    423: "LOCKED",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
#: The HTTP status of each error code.
STATUSES = {code: status for status, codes in _CODES.items() for code in codes.split()}

#: The titles that differ from the words of the code.
_TITLES = {
    "KEY_NOT_INCLUDED_IN_URL": "Key is not included in URL",
    "PARAM_MISSING": "Missing parameter",
    "UNAUTHORIZED": "Access denied",
}

#: The error keys of the contract (5.7) for the codes of DRF's own validation errors.
_KEYS = {
    "required": "blank",
    "null": "blank",
    "blank": "blank",
    "empty": "blank",
    "max_length": "too_long",
    "max_string_length": "too_long",
    "min_length": "too_short",
    "invalid_choice": "inclusion",
    "not_a_list": "invalid",
    "does_not_exist": "invalid",
    "unique": "taken",
    "max_digits": "invalid",
    "max_whole_digits": "invalid",
    "max_decimal_places": "invalid",
    "null_characters_not_allowed": "invalid",
    "surrogate_characters_not_allowed": "invalid",
    "max_value": "less_than_or_equal_to",
    "min_value": "greater_than_or_equal_to",
}


@dataclass(frozen=True)
class Error:
    """One error. ``pointer`` is the JSON pointer to its place in the body."""

    code: str
    detail: str
    pointer: str | None = None
    meta: Mapping[str, Any] | None = None
    #: By default the words of the code, and its HTTP status.
    title: str = ""
    http_status: int | None = None

    @property
    def status(self) -> int:
        """The HTTP status: that of the code, or 400 for a code of a shop."""
        return self.http_status or STATUSES.get(self.code, 400)

    def as_json(self) -> dict[str, Any]:
        """Return the error object of a document."""
        words = self.code.capitalize().replace("_", " ")
        document: dict[str, Any] = {
            "title": self.title or _TITLES.get(self.code, words),
            "detail": self.detail,
            "code": self.code,
            "status": str(self.status),
        }
        if self.pointer is not None:
            document["source"] = {"pointer": self.pointer}
        if self.meta is not None:
            document["meta"] = dict(self.meta)
        return document


class RequestRefusedError(OrderCopiesError):
    """The request is refused with these errors."""

    def __init__(self, *errors: Error) -> None:
        super().__init__("; ".join(error.detail for error in errors))
        self.errors = errors


def refused(code: str, detail: str, pointer: str | None = None) -> RequestRefusedError:
    """Return the exception for a request with one error."""
    return RequestRefusedError(Error(code, detail, pointer))


def not_found(pointer: str | None = None) -> Error:
    """Return the error for a row that does not exist or that the client may not see."""
    detail = "The requested resource was not found. Please double-check the ID and try again."
    return Error("RECORD_NOT_FOUND", detail, pointer)


def invalid(place: str, field: str, key: str, message: str, **meta: Any) -> Error:
    """Return the error for a value that breaks the rule ``key``.

    ``place``: ``"attributes"`` or ``"relationships"``.
    """
    text, where = f"{field} - {message}", pointer(place, field)
    return Error("VALIDATION_ERROR", text, where, {"error": key, **meta}, title=message)


def pointer(*names: str) -> str:
    """Return the JSON pointer (RFC 6901) to a member of ``data``."""
    escaped = (name.replace("~", "~0").replace("/", "~1") for name in names)
    return "/data/" + "/".join(escaped)


def server_error(trace_id: str) -> Error:
    """Return the error for a failure of the server; the log contains ``trace_id`` too."""
    detail = "Something went wrong on our side. Please quote the trace_id when you report it."
    return Error("INTERNAL_SERVER_ERROR", detail, meta={"trace_id": trace_id})


def _message_of(exception: type[OrderCopiesError]) -> str:
    # Without a translation: what is computed at import would keep the language of that moment.
    return exception.__doc__ or ""


_ACCESS_DENIED = Error("UNAUTHORIZED", "You are not authorized to perform this action.")

_UNAVAILABLE = Error(
    "SERVICE_UNAVAILABLE",
    "The database is busy or restarts. Please send the request again, under its Idempotency-Key.",
)

#: The errors of exceptions of Django, DRF and the app, the most specific first.
_ERRORS_OF: Sequence[tuple[type[Exception], Error]] = [
    (exceptions.AuthenticationFailed, Error(
        "INVALID_TOKEN", "The access token you provided is invalid or expired."
    )),
    (exceptions.NotAuthenticated, _ACCESS_DENIED),
    (exceptions.PermissionDenied, _ACCESS_DENIED),
    (PermissionDenied, _ACCESS_DENIED),
    (exceptions.NotFound, not_found()),
    (Http404, not_found()),
    (GoneError, not_found()),
    (exceptions.ParseError, Error("BAD_REQUEST", "The request is malformed.")),
    (exceptions.MethodNotAllowed, Error(
        "METHOD_NOT_ALLOWED", "This resource does not answer this method."
    )),
    (exceptions.NotAcceptable, Error(
        "NOT_ACCEPTABLE",
        "Only application/vnd.api+json without parameters is served. Please check Accept.",
    )),
    (exceptions.UnsupportedMediaType, Error(
        "UNSUPPORTED_MEDIA_TYPE",
        "Please send application/vnd.api+json without parameters as Content-Type.",
    )),
    (exceptions.Throttled, Error("TOO_MANY_REQUESTS", "Please slow down and try again later.")),
    (NotDeletableError, Error("LOCKED", _message_of(NotDeletableError))),
    (SubscriptionModelInUseError, Error("LOCKED", _message_of(SubscriptionModelInUseError))),
    (RowsLockedError, Error("LOCKED", _message_of(RowsLockedError))),
    (RequestDataTooBig, Error("PAYLOAD_TOO_LARGE", "The body of the request is too large.")),
    (UnreadablePostError, Error("BAD_REQUEST", "The body broke off.")),
    (SuspiciousOperation, Error("BAD_REQUEST", "The request is malformed.")),
]  # fmt: skip


def errors_of(exception: Exception) -> Sequence[Error]:
    """Return the errors of a request that raised ``exception``; none for a server failure."""
    if isinstance(exception, RequestRefusedError):
        return exception.errors
    if isinstance(exception, UnsupportedToggleError):
        reasons = exception.reasons.items()
        refusals = [Refusal((name,), "unsupported", reason) for name, reason in reasons]
        exception = ChangesRefusedError(refusals)
    if isinstance(exception, ChangesRefusedError):
        return [_of_refusal(refusal) for refusal in exception.refusals]
    for kind, error in _ERRORS_OF:
        if isinstance(exception, kind):
            return [error]
    if isinstance(exception, exceptions.ValidationError):
        return list(validation_errors(exception.detail))
    if isinstance(exception, exceptions.APIException) and exception.status_code < 500:
        code, detail = str(exception.default_code).upper(), str(exception.detail)
        return [Error(code, detail, http_status=exception.status_code)]
    return [_UNAVAILABLE] if is_transient(exception) else []


def _of_refusal(refusal: Refusal) -> Error:
    text, where = f"{refusal.path[0]} - {refusal.message}", pointer("attributes", *refusal.path)
    return Error("VALIDATION_ERROR", text, where, {"error": refusal.key}, title=refusal.message)


def validation_errors(
    detail: Any,
    place_of: Callable[[str], str] = lambda _field: "attributes",
    order: Mapping[str, int] = MappingProxyType({}),
    limits: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Error]:
    """Return the errors of the ``detail`` of a ``ValidationError`` that a serializer raised.

    ``place_of`` returns ``"attributes"`` or ``"relationships"`` for a field; ``order`` is the
    position of fields in the request; ``limits`` are the maximum lengths of strings by field.
    """
    if not isinstance(detail, Mapping):
        detail = {api_settings.NON_FIELD_ERRORS_KEY: detail}
    for field in sorted(detail, key=lambda name: order.get(name, len(order))):
        place = () if field == api_settings.NON_FIELD_ERRORS_KEY else (place_of(field), field)
        for path, error in _leaves(detail[field], place):
            key = _KEYS.get(error.code, error.code)
            count = limits.get(field) if key == "too_long" else None
            meta = {"error": key} | ({} if count is None else {"count": count})
            text = f"{field} - {error}" if place else str(error)
            where = pointer(*path) if path else "/data"
            yield Error("VALIDATION_ERROR", text, where, meta, title=str(error))


def _leaves(errors: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    # The errors of nested fields, each with its path. An item without errors is {} in DRF.
    if isinstance(errors, Mapping):
        for name, nested in errors.items():
            is_field = name != api_settings.NON_FIELD_ERRORS_KEY
            yield from _leaves(nested, (*path, str(name)) if is_field else path)
    elif isinstance(errors, list):
        for index, nested in enumerate(errors):
            is_item = isinstance(nested, Mapping)
            yield from _leaves(nested, (*path, str(index)) if is_item else path)
    else:
        yield path, errors


def document_of(errors: Sequence[Error]) -> dict[str, Any]:
    """Return the document with these errors."""
    return {"errors": [error.as_json() for error in errors]}
