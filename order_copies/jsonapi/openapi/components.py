"""The parts of the OpenAPI document that it names once and refers to: errors, headers, helpers."""

from collections.abc import Callable
from functools import partial
from typing import Any

from order_copies.jsonapi import errors
from order_copies.jsonapi.media import MEDIA_TYPE
from order_copies.jsonapi.openapi.json_schema import JSONSchema, closed

JSONObject = dict[str, Any]


class Components:
    """What the document refers to, by section and name; each is described when first needed."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, JSONObject]] = {}

    def refer(self, section: str, name: str, describe: Callable[[], JSONObject]) -> JSONObject:
        """A reference to a component, which is what ``describe`` says."""
        members = self._sections.setdefault(section, {})
        if name not in members:
            members[name] = describe()
        return {"$ref": f"#/components/{section}/{name}"}

    def as_json(self) -> JSONObject:
        """All that was referred to, in order."""
        return {
            section: {name: members[name] for name in sorted(members)}
            for section, members in sorted(self._sections.items())
        }


def content(schema: JSONSchema) -> JSONObject:
    """The content of a body with a document."""
    return {MEDIA_TYPE: {"schema": schema}}


def refusal(components: Components, status: int) -> JSONObject:
    """A reference to the response with errors of this status."""
    return components.refer("responses", f"error_{status}", lambda: _refusal(components, status))


def _refusal(components: Components, status: int) -> JSONObject:
    error = components.refer("schemas", "error", _error)
    codes = sorted(code for code in errors.CODES if errors.status_of(code) == status)
    members = {"code": {"enum": codes}, "status": {"const": str(status)}}
    listed = {"type": "array", "minItems": 1, "items": {"allOf": [error, {"properties": members}]}}
    return {
        "description": _MEANINGS[status],
        "headers": headers_of(components, status),
        "content": content(closed({"errors": listed})),
    }


def headers_of(components: Components, status: int) -> JSONObject:
    """References to the headers of answers with this status."""
    others = {name for name, statuses in _SPECIAL.items() if status not in statuses}
    return {
        name: components.refer("headers", name, partial(dict, header))
        for name, header in _HEADERS.items()
        if name not in others
    }


def _error() -> JSONObject:
    text = {"type": "string"}
    properties = {
        "title": text | {"description": "What is wrong, whatever it is that is wrong."},
        "detail": text | {"description": "The same of the one thing that is wrong."},
        "code": text | {"description": "The same for programs."},
        "status": text | {"description": "The HTTP status, as a string."},
        "source": closed({"pointer": text | {"description": "Where in the body (RFC 6901)."}}),
        "meta": {"type": "object", "description": "Such as the rule that a value breaks."},
    }
    return closed(properties, required=["title", "detail", "code", "status"])


#: What each status means to a client.
_MEANINGS = {
    400: "The request is no JSON:API, or asks for what there is not.",
    401: "There is no valid token, or the client may not do this.",
    404: "There is no such resource, or the client may not see it.",
    406: "The client does not take `application/vnd.api+json`.",
    409: "The same request is still being served.",
    413: "The body is too large.",
    415: "The body is not sent as `application/vnd.api+json`.",
    422: "A value breaks a rule; each error says which, and where.",
    423: "The resource is in use.",
    429: "The client has sent too many requests.",
    500: "Something went wrong on the server's side; `meta.trace_id` names it.",
    503: "The database is busy or restarts: the same request may be sent again.",
}

_COUNT = {"type": "integer", "minimum": 0}

_HEADERS: dict[str, JSONObject] = {
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": _COUNT},
    "X-Ratelimit-Limit": {"description": "How many requests may be sent.", "schema": _COUNT},
    "X-Ratelimit-Interval": {"description": "In how many seconds.", "schema": _COUNT},
    "X-Ratelimit-Remaining": {"description": "How many are left.", "schema": _COUNT},
}

#: The headers that not all answers have, but those with these statuses.
_SPECIAL = {"WWW-Authenticate": {401}, "Retry-After": {409, 429, 503}}
