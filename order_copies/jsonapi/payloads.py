"""Read the body of a request: is it a document of the resource, and may the client say that?

What is no document, or says what a client may not say, is a bad request (400); a value that
breaks a rule is a validation error (422). All errors of one sort are told at once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from order_copies.jsonapi.errors import (
    INVALID_DATA_FORMAT,
    INVALID_LINKS_OBJECT,
    INVALID_RESOURCE,
    KEY_NOT_INCLUDED_IN_URL,
    PARAM_MISSING,
    PARAM_NOT_ALLOWED,
    TYPE_MISMATCH,
    Error,
    RequestRefusedError,
    invalid,
    not_found,
    pointer,
    refused,
)
from order_copies.jsonapi.resources import (
    Attribute,
    Relationship,
    ResourceSerializer,
    Trigger,
    resource_of,
)
from order_copies.jsonapi.storable import InvalidValueError

_TOP_LEVEL = {"data", "meta", "links", "jsonapi"}
_MEMBERS = {"type", "id", "attributes", "relationships", "links", "meta"}


@dataclass(frozen=True)
class Payload:
    """What a client says of a resource: only what it may say, and all of it valid."""

    attributes: dict[str, Any]
    #: The related rows, by the name of the relationship.
    relationships: dict[str, Any]
    #: The one trigger that is to be pulled.
    trigger: Trigger | None = None


def read_new(body: Any, resource: ResourceSerializer, request: HttpRequest) -> Payload:
    """The payload of a body that asks for a new resource. Raises :class:`RequestRefusedError`."""
    data = _data(body, resource)
    if "id" in data:
        raise _not_allowed(pointer("id"), "id")
    payload = _read(data, resource, lambda declared: declared.creatable)
    related = dict(_linkages(payload.relationships, resource))
    _refuse_if_any(
        [*_validation_errors(payload.attributes, resource), *_missing(related, resource)]
    )
    return Payload(
        _values(payload.attributes, resource),
        {
            name: _related_row(name, public_id, resource, request)
            for name, public_id in related.items()
        },
    )


def read_changes(body: Any, resource: ResourceSerializer, public_id: str) -> Payload:
    """What a body changes of the resource with this id: attributes, and what a trigger starts.

    Raises :class:`RequestRefusedError`.
    """
    data = _data(body, resource)
    _check_id(data, public_id)
    attributes = _object(data.get("attributes", {}), "/data/attributes", "attributes")
    triggers = {name: attributes[name] for name in attributes if name in resource.triggers_by_name}
    rest = {name: value for name, value in attributes.items() if name not in triggers}
    payload = _read(
        {**data, "attributes": rest},
        resource,
        lambda declared: getattr(declared, "updatable", False),
    )
    _refuse_if_any([*_validation_errors(rest, resource), *_trigger_errors(triggers)])
    pulled = [resource.triggers_by_name[name] for name in triggers if triggers[name]]
    return Payload(_values(payload.attributes, resource), {}, pulled[0] if pulled else None)


def _data(body: Any, resource: ResourceSerializer) -> dict[str, Any]:
    document = _object(body, None, "The document")
    _refuse_unknown(document, _TOP_LEVEL, lambda name: f"/{name}")
    if "data" not in document:
        raise _missing_parameter("data", "/data")
    data = _object(document["data"], "/data", "data")
    _refuse_unknown(data, _MEMBERS, pointer)
    if "type" not in data:
        raise _missing_parameter("type", pointer("type"))
    if data["type"] != resource.type:
        detail = f"The type has to be {resource.type}."
        raise refused(INVALID_RESOURCE, "Invalid resource", detail, pointer("type"))
    return data


def _check_id(data: Mapping[str, Any], public_id: str) -> None:
    if "id" not in data:
        raise _missing_parameter("id", pointer("id"))
    if data["id"] != public_id:
        detail = "The URL does not name the resource with the id of the body."
        raise refused(KEY_NOT_INCLUDED_IN_URL, "Key is not included in URL", detail, "/data/id")


def _read(
    data: Mapping[str, Any],
    resource: ResourceSerializer,
    allowed: Callable[[Attribute | Relationship], bool],
) -> Payload:
    attributes = _object(data.get("attributes", {}), "/data/attributes", "attributes")
    relationships = _object(data.get("relationships", {}), "/data/relationships", "relationships")
    _refuse_if_any(
        [
            *_forbidden(attributes, "attributes", resource.attributes_by_name, allowed),
            *_forbidden(relationships, "relationships", resource.relationships_by_name, allowed),
        ]
    )
    return Payload(attributes, relationships)


def _forbidden(
    said: Mapping[str, Any],
    place: str,
    declared: Mapping[str, Any],
    allowed: Callable[[Any], bool],
) -> Iterator[Error]:
    for name in said:
        if name not in declared or not allowed(declared[name]):
            yield _not_allowed(pointer(place, name), name).errors[0]


def _validation_errors(said: Mapping[str, Any], resource: ResourceSerializer) -> Iterator[Error]:
    for name, value in said.items():
        try:
            resource.attributes_by_name[name].value.read(value)
        except InvalidValueError as error:
            yield invalid("attributes", name, error.key, error.message, **error.meta)


def _trigger_errors(said: Mapping[str, Any]) -> Iterator[Error]:
    pulled = [name for name, value in said.items() if value]
    for name, value in said.items():
        if not (value is None or isinstance(value, bool)):
            yield invalid("attributes", name, "inclusion", "must be true or false")
        elif value and name != pulled[0]:
            message = f"can't be sent together with {pulled[0]}: one trigger at a time"
            yield invalid("attributes", name, "exclusion", message)


def _values(said: Mapping[str, Any], resource: ResourceSerializer) -> dict[str, Any]:
    return {name: resource.attributes_by_name[name].value.read(said[name]) for name in said}


def _linkages(
    said: Mapping[str, Any], resource: ResourceSerializer
) -> Iterator[tuple[str, str | None]]:
    for name, value in said.items():
        yield name, _linkage(value, resource.relationships_by_name[name])


def _linkage(value: Any, relationship: Relationship) -> str | None:
    place = pointer("relationships", relationship.name)
    if not isinstance(value, dict) or "data" not in value:
        raise _invalid_linkage(relationship, place)
    linkage = value["data"]
    if linkage is None:
        return None
    if not isinstance(linkage, dict) or not isinstance(linkage.get("type"), str):
        raise _invalid_linkage(relationship, f"{place}/data")
    if linkage["type"] != relationship.type:
        detail = f"{linkage['type']} is not a valid type for {relationship.name}."
        raise refused(TYPE_MISMATCH, "Type mismatch", detail, f"{place}/data/type")
    if not isinstance(linkage.get("id"), str):
        raise _invalid_linkage(relationship, f"{place}/data/id")
    public_id: str = linkage["id"]
    return public_id


def _missing(related: Mapping[str, Any], resource: ResourceSerializer) -> Iterator[Error]:
    for relationship in resource.relationships:
        if relationship.required and related.get(relationship.name) is None:
            yield invalid("relationships", relationship.name, "blank", "can't be blank")


def _related_row(
    name: str, public_id: str | None, resource: ResourceSerializer, request: HttpRequest
) -> Any:
    if public_id is None:
        return None
    relationship = resource.relationships_by_name[name]
    try:
        if relationship.leads_nowhere:
            raise RequestRefusedError(not_found())
        return resource_of(relationship.type).find(request, public_id)
    except RequestRefusedError:
        raise RequestRefusedError(not_found(pointer("relationships", name))) from None


def _object(value: Any, place: str | None, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        detail = f"{name} has to be an object."
        raise refused(INVALID_DATA_FORMAT, "Invalid data format", detail, place)
    return value


def _refuse_unknown(said: Mapping[str, Any], known: set[str], place: Callable[[str], str]) -> None:
    _refuse_if_any(
        [_not_allowed(place(name), name).errors[0] for name in said if name not in known]
    )


def _refuse_if_any(errors: list[Error]) -> None:
    if errors:
        raise RequestRefusedError(*errors)


def _not_allowed(place: str, name: str) -> RequestRefusedError:
    return refused(PARAM_NOT_ALLOWED, "Param not allowed", f"{name} is not allowed.", place)


def _missing_parameter(name: str, place: str) -> RequestRefusedError:
    detail = f"The required parameter, {name}, is missing."
    return refused(PARAM_MISSING, "Missing parameter", detail, place)


def _invalid_linkage(relationship: Relationship, place: str) -> RequestRefusedError:
    detail = (
        f"{relationship.name} has to be an object with data, "
        f'and data null or {{"type": "{relationship.type}", "id": …}}.'
    )
    return refused(INVALID_LINKS_OBJECT, "Invalid links object", detail, place)
