"""Operations of the OpenAPI document: one for each endpoint."""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from order_copies.jsonapi.json_schema import JSONSchema
from order_copies.jsonapi.offers import Offer
from order_copies.jsonapi.openapi.bodies import changes_body, new_body
from order_copies.jsonapi.openapi.components import (
    Components,
    JSONObject,
    content,
    headers_of,
    refusal,
)
from order_copies.jsonapi.openapi.endpoints import Endpoint
from order_copies.jsonapi.openapi.parameters import (
    FAMILIES,
    id_parameter,
    query_parameters,
)
from order_copies.jsonapi.openapi.schemas import (
    URI,
    document_or_none_schema,
    document_schema,
    linkage_document_schema,
    page_schema,
)
from order_copies.jsonapi.openapi.security import security_of
from order_copies.jsonapi.resources import Resource, resource_of

_ALWAYS = {400, 401, 406, 429, 500, 503}
_BODY = {413, 415, 422}
#: Error statuses of each action, in addition to ``_ALWAYS``.
_ERRORS = {
    "create": _BODY | {404},
    "update": _BODY | {404},
    "destroy": {404, 423},
    "retrieve": {404},
    "related": {404},
    "linkage": {404},
}
_SUMMARIES = {
    "list": "List {type}",
    "create": "Create one of {type}",
    "retrieve": "Retrieve one of {type}",
    "update": "Change one of {type}",
    "destroy": "Delete one of {type}",
    "related": "Retrieve {relation} of one of {type}",
    "linkage": "Retrieve the ids of {relation} of one of {type}",
}


def operation(components: Components, endpoint: Endpoint) -> JSONObject:
    """Return the operation object of an endpoint."""
    names = {"type": endpoint.viewset.resource_type(), "relation": endpoint.relation}
    described = {
        "operationId": "_".join(filter(None, [endpoint.action, *names.values()])),
        "tags": [endpoint.viewset.resource_type()],
        "summary": endpoint.offer.summary or _SUMMARIES[endpoint.action].format(**names),
        "description": text_of(getattr(endpoint.viewset, endpoint.action)),
        "security": security_of(endpoint),
        "parameters": _parameters(components, endpoint),
        "responses": _responses(components, endpoint),
    }
    if endpoint.action in _BODIES:
        described["requestBody"] = _BODIES[endpoint.action](components, endpoint.resource)
    return described


def text_of(described: Any) -> str:
    """Return the docstring as Markdown, without references to the contract."""
    text = inspect.cleandoc(described) if isinstance(described, str) else inspect.getdoc(described)
    return re.sub(r"\s*\(contract [^)]*\)", "", text or "").replace("``", "`")


_BODIES: dict[str, Callable[[Components, Resource], JSONObject]] = {
    "create": new_body,
    "update": changes_body,
}


def _parameters(components: Components, endpoint: Endpoint) -> list[JSONObject]:
    return [
        *([id_parameter(components, endpoint.resource)] if "{" in endpoint.path else []),
        *query_parameters(components, *_offered(endpoint)),
        *endpoint.offer.parameters,
    ]


def _offered(endpoint: Endpoint) -> tuple[Resource, Sequence[str]]:
    """Return the resource in the response, and the families of its query parameters."""
    if not endpoint.relation:
        # Offers describe the extra parameters of an action.
        families = endpoint.viewset.parameters(endpoint.action)
        return endpoint.resource, [family for family in families if family in FAMILIES]
    related, many = resource_of(endpoint.relationship.type), endpoint.relationship.many
    if endpoint.action == "linkage":
        return related, ["page"] if many else []
    return related, related.viewset.parameters("list" if many else "retrieve")


def _responses(components: Components, endpoint: Endpoint) -> JSONObject:
    status, response = _success(components, endpoint)
    errors = _ALWAYS | _ERRORS.get(endpoint.action, set()) | set(endpoint.offer.errors)
    responses = {
        str(status): response,
        **_other_responses(components, endpoint.offer),
        **{str(error): refusal(components, error) for error in errors},
    }
    return dict(sorted(responses.items()))


def _other_responses(components: Components, offer: Offer) -> JSONObject:
    return {
        status: {"headers": headers_of(components, int(status))} | response
        for status, response in offer.responses.items()
    }


def _success(components: Components, endpoint: Endpoint) -> tuple[int, JSONObject]:
    status = {"create": 201, "destroy": 204}.get(endpoint.action, 200)
    headers = headers_of(components, status) | dict(endpoint.offer.headers)
    if status == 204:
        return status, {"description": "The resource is deleted.", "headers": headers}
    if status == 201:
        headers |= {"Location": _LOCATION}
    return status, {
        "description": text_of(getattr(endpoint.viewset, endpoint.action)),
        "headers": headers,
        "content": content(_document(components, endpoint)),
    }


_LOCATION = {"description": "The URL of the new resource.", "schema": URI, "required": True}


def _document(components: Components, endpoint: Endpoint) -> JSONSchema:
    """Return the schema of the endpoint's response document."""
    resource = endpoint.resource
    if endpoint.offer.document is not None:
        return endpoint.offer.document
    if endpoint.action == "list":
        return page_schema(components, resource)
    if not endpoint.relation:
        return document_schema(components, resource)
    relationship = endpoint.relationship
    if endpoint.action == "linkage":
        return linkage_document_schema(components, relationship)
    related = resource_of(relationship.type)
    if relationship.many:
        return page_schema(components, related)
    return document_or_none_schema(components, related)
