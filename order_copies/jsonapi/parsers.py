"""The parser of request bodies: the library's, for documents that are valid for the endpoint.

The library's parser turns a document into the flat data that serializers validate. It expects a
valid document: a string in place of an object makes it fail (its 8.1.0 answers with status 500),
and it ignores what it does not know. So the document is checked first. Every error of its form is
a bad request (400); values are left to the serializer (422).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

from rest_framework_json_api.parsers import JSONParser

from order_copies.jsonapi.errors import Error, RequestRefusedError, pointer, refused
from order_copies.jsonapi.resources import Relationship, Resource

#: The maximum size of a request body in bytes.
MAX_BODY = 262144

_TOP_LEVEL = {"data", "meta", "links", "jsonapi"}
_MEMBERS = {"type", "id", "attributes", "relationships", "links", "meta"}


class Parser(JSONParser):  # type: ignore[misc]
    """Parser of documents that create or update one resource."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the members of the document, its attributes and its relationships as one dict.

        Raises :class:`RequestRefusedError` for a body that is not a document of the endpoint.
        """
        assert parser_context is not None, "DRF passes the view"
        view = parser_context["view"]
        document = parser_context["request"].document = read_json(stream)
        if view.action == "create":
            check_new(document, view.resource)
        elif view.action == "update":
            check_changes(document, view.resource, view.kwargs[view.lookup_url_kwarg])
        else:
            # An extra action takes what it likes.
            return document  # type: ignore[no-any-return]
        parsed: dict[str, Any] = self.parse_data(document, parser_context)
        return parsed

    # The library would convert names according to the shop's own JSON_API_FORMAT_FIELD_NAMES.

    @staticmethod
    def parse_attributes(data: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes."""
        return dict(data.get("attributes", {}))

    @staticmethod
    def parse_relationships(data: dict[str, Any]) -> dict[str, Any]:
        """Return the resource identifiers by relationship."""
        return {name: value["data"] for name, value in data.get("relationships", {}).items()}

    @staticmethod
    def parse_metadata(result: dict[str, Any]) -> dict[str, Any]:
        """Return nothing: ``meta`` of a request has no meaning."""
        return {}


def read_json(stream: Any) -> Any:
    """Return the JSON value of a body. Raises :class:`RequestRefusedError`."""
    body = stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        detail = f"The body of a request may have {MAX_BODY} bytes."
        raise refused("PAYLOAD_TOO_LARGE", detail)
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        detail = "The body of the request is not valid JSON."
        raise refused("INVALID_DATA_FORMAT", detail) from None


def check_new(document: Any, resource: Resource) -> None:
    """Raise :class:`RequestRefusedError` unless the document can create a resource."""
    data = _data(document, resource)
    if "id" in data:
        raise RequestRefusedError(_not_allowed(pointer("id"), "id"))
    creatable = {it.name for it in resource.attributes if it.creatable}
    _check_members(data, creatable, {it.name: it for it in resource.relationships if it.creatable})


def check_changes(document: Any, resource: Resource, public_id: str) -> None:
    """Raise :class:`RequestRefusedError` unless the document can update the resource of the id."""
    data = _data(document, resource)
    if "id" not in data:
        raise missing_parameter("id", pointer("id"))
    if data["id"] != public_id:
        detail = "The URL does not name the resource with the id of the body."
        raise refused("KEY_NOT_INCLUDED_IN_URL", detail, "/data/id")
    updatable = {it.name for it in resource.attributes if it.updatable}
    related = {it.name: it for it in resource.relationships if it.updatable}
    _check_members(data, updatable | set(resource.triggers), related)


def _data(document: Any, resource: Resource) -> dict[str, Any]:
    _refuse_others(_object(document, None, "The document"), _TOP_LEVEL, lambda name: f"/{name}")
    if "data" not in document:
        raise missing_parameter("data", "/data")
    data = _object(document["data"], "/data", "data")
    _refuse_others(data, _MEMBERS, pointer)
    if "type" not in data:
        raise missing_parameter("type", pointer("type"))
    if data["type"] != resource.type:
        detail = f"The type has to be {resource.type}."
        raise refused("INVALID_RESOURCE", detail, pointer("type"))
    return data


def _check_members(
    data: Mapping[str, Any], attributes: set[str], related: Mapping[str, Relationship]
) -> None:
    errors: list[Error] = []
    for member, allowed in (("attributes", attributes), ("relationships", set(related))):
        values = _object(data.get(member, {}), f"/data/{member}", member)
        errors += _others(values, allowed, partial(pointer, member))
    if errors:
        raise RequestRefusedError(*errors)
    for name, value in data.get("relationships", {}).items():
        _check_linkage(value, related[name])


def _check_linkage(value: Any, relationship: Relationship) -> None:
    place = pointer("relationships", relationship.name)
    if not isinstance(value, dict) or "data" not in value:
        raise _invalid_linkage(relationship, place)
    linkage = value["data"]
    if linkage is None:
        return
    if not isinstance(linkage, dict) or not isinstance(linkage.get("type"), str):
        raise _invalid_linkage(relationship, f"{place}/data")
    if linkage["type"] != relationship.type:
        detail = f"{linkage['type']} is not a valid type for {relationship.name}."
        raise refused("TYPE_MISMATCH", detail, f"{place}/data/type")
    if not isinstance(linkage.get("id"), str):
        raise _invalid_linkage(relationship, f"{place}/data/id")


def _object(value: Any, place: str | None, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        detail = f"{name} has to be an object."
        raise refused("INVALID_DATA_FORMAT", detail, place)
    return value


def _refuse_others(values: Mapping[str, Any], known: set[str], place: Callable[[str], str]) -> None:
    errors = list(_others(values, known, place))
    if errors:
        raise RequestRefusedError(*errors)


def _others(
    values: Mapping[str, Any], known: set[str], place: Callable[[str], str]
) -> Iterator[Error]:
    return (_not_allowed(place(name), name) for name in values if name not in known)


def _not_allowed(place: str, name: str) -> Error:
    return Error("PARAM_NOT_ALLOWED", f"{name} is not allowed.", place)


def missing_parameter(name: str, place: str) -> RequestRefusedError:
    """Return the exception for a missing member of the document."""
    detail = f"The required parameter, {name}, is missing."
    return refused("PARAM_MISSING", detail, place)


def _invalid_linkage(relationship: Relationship, place: str) -> RequestRefusedError:
    detail = (
        f"{relationship.name} has to be an object with data, "
        f'and data null or {{"type": "{relationship.type}", "id": …}}.'
    )
    return refused("INVALID_LINKS_OBJECT", detail, place)


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
