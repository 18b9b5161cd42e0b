"""The OpenAPI document, generated from the registered resources and the installed endpoints.

It also describes the resources and viewsets that a shop adds.
"""

import json
from functools import lru_cache
from typing import Any

from django.urls import get_urlconf, set_urlconf

from order_copies.jsonapi.openapi.components import Components, JSONObject
from order_copies.jsonapi.openapi.endpoints import installed_endpoints
from order_copies.jsonapi.openapi.operations import operation, text_of
from order_copies.jsonapi.openapi.security import security_schemes
from order_copies.jsonapi.resources import Resource, resource_of
from order_copies.languages import in_english

_ABOUT = """\
Copy orders over JSON:API.

- Send `Accept: application/vnd.api+json`. If the request has a body, send the same media type as
  `Content-Type`.
- Send a token as `Authorization: Bearer …`.
- Lists are paginated. `include` adds related resources; `fields[…]` selects attributes and
  relationships.
- The server rejects unknown parameters and members.
- An error response is a document with `errors`, each with a machine-readable `code`.
"""


def openapi_document(urlconf: Any = None) -> JSONObject:
    """Return the document of all endpoints under a URLconf: by default, the project's."""
    current = get_urlconf()
    set_urlconf(urlconf)
    try:
        with in_english():
            return _document(urlconf)
    finally:
        set_urlconf(current)


def _document(urlconf: Any) -> JSONObject:
    components = Components()
    endpoints = installed_endpoints(urlconf)
    paths: dict[str, JSONObject] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(endpoint.path, {})
        methods[endpoint.method] = operation(components, endpoint)
    types = sorted({endpoint.viewset.resource_type() for endpoint in endpoints})
    return {
        "openapi": "3.1.1",
        "info": {"title": "Order copies", "version": "1.0.0", "description": _ABOUT},
        "tags": [_tag(resource_of(name)) for name in types],
        "paths": paths,
        "components": components.as_json() | {"securitySchemes": security_schemes()},
    }


def _tag(resource: Resource) -> JSONObject:
    # Not the docstring of a base class.
    own = vars(resource.serializer_class).get("__doc__") or ""
    return {"name": resource.type, "description": text_of(own)}


def openapi_text() -> str:
    """Return the document of the project as indented JSON, for a file."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=2) + "\n"


@lru_cache(maxsize=8)
def openapi_bytes(urlconf: Any, token_url: str) -> bytes:
    """Return the document of all endpoints under a URLconf as JSON; cache it in the process.

    ``token_url``, from the settings, is only part of the cache key.
    """
    return json.dumps(openapi_document(urlconf), ensure_ascii=False).encode()
