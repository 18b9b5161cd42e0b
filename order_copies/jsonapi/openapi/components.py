"""Components of the OpenAPI document, described once and referenced: errors, headers, helpers."""

from collections.abc import Callable
from functools import partial
from typing import Any

from order_copies.jsonapi import errors
from order_copies.jsonapi.json_schema import JSONSchema, closed
from order_copies.jsonapi.media import MEDIA_TYPE

JSONObject = dict[str, Any]


class Components:
    """The referenced components by section and name, each described at its first reference."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, JSONObject]] = {}

    def refer(self, section: str, name: str, describe: Callable[[], JSONObject]) -> JSONObject:
        """Return a reference to a component; call ``describe`` at its first reference."""
        members = self._sections.setdefault(section, {})
        if name not in members:
            members[name] = describe()
        return {"$ref": f"#/components/{section}/{name}"}

    def as_json(self) -> JSONObject:
        """Return all referenced components, sorted by section and name."""
        return {
            section: {name: members[name] for name in sorted(members)}
            for section, members in sorted(self._sections.items())
        }


def content(schema: JSONSchema) -> JSONObject:
    """Return the content object of a body with this schema."""
    return {MEDIA_TYPE: {"schema": schema}}


def refusal(components: Components, status: int) -> JSONObject:
    """Return a reference to the error response with this status."""
    return components.refer("responses", f"error_{status}", lambda: _refusal(components, status))


def _refusal(components: Components, status: int) -> JSONObject:
    error = components.refer("schemas", "error", _error)
    codes = sorted(code for code, its_status in errors.STATUSES.items() if its_status == status)
    members = {"code": {"enum": codes}, "status": {"const": str(status)}}
    listed = {"type": "array", "minItems": 1, "items": {"allOf": [error, {"properties": members}]}}
    return {
        "description": _MEANINGS[status],
        "headers": headers_of(components, status),
        "content": content(closed({"errors": listed})),
    }


def headers_of(components: Components, status: int) -> JSONObject:
    """Return references to the headers of responses with this status."""
    others = {name for name, statuses in _SPECIAL.items() if status not in statuses}
    return {
        name: components.refer("headers", name, partial(dict, header))
        for name, header in _HEADERS.items()
        if name not in others
    }


def _error() -> JSONObject:
    text = {"type": "string"}
    properties = {
        "title": text | {"description": "Summary of the problem, the same for each occurrence."},
        "detail": text | {"description": "Explanation of this occurrence of the problem."},
        "code": text | {"description": "Machine-readable code of the problem."},
        "status": text | {"description": "The HTTP status, as a string."},
        "source": closed({"pointer": text | {"description": "Place in the body (RFC 6901)."}}),
        "meta": {"type": "object", "description": "Details, such as the rule that a value breaks."},
    }
    return closed(properties, required=["title", "detail", "code", "status"])


#: Meaning of each error status for a client.
_MEANINGS = {
    400: "The request is not valid JSON:API, or names something that does not exist.",
    401: "The client has no valid token, or lacks permission.",
    404: "The resource does not exist, or the client may not see it.",
    406: "The `Accept` header excludes `application/vnd.api+json`.",
    409: "A request with the same idempotency key is still being processed.",
    413: "The body is too large.",
    415: "The `Content-Type` header is not `application/vnd.api+json`.",
    422: "A value breaks a rule; each error names the rule and the place.",
    423: "The resource is in use.",
    429: "The client has sent too many requests.",
    500: "Internal error; `meta.trace_id` identifies it in the server's log.",
    503: "The database is busy or restarting; retry the request.",
}

_COUNT = {"type": "integer", "minimum": 0}

_HEADERS: dict[str, JSONObject] = {
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before the next attempt.", "schema": _COUNT},
    "X-Ratelimit-Limit": {"description": "Requests allowed per interval.", "schema": _COUNT},
    "X-Ratelimit-Interval": {"description": "Length of the interval in seconds.", "schema": _COUNT},
    "X-Ratelimit-Remaining": {"description": "Requests left in the interval.", "schema": _COUNT},
}

#: Headers that only responses with these statuses have.
_SPECIAL = {"WWW-Authenticate": {401}, "Retry-After": {409, 429, 503}}
