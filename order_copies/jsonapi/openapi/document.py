"""The OpenAPI document of the API: generated from what is declared and installed.

Resources that a shop registers, and its own viewsets, appear in it by themselves.
"""

import json
from functools import lru_cache
from typing import Any

from django.utils import translation

from order_copies.jsonapi.openapi.components import Components, JSONObject
from order_copies.jsonapi.openapi.endpoints import installed_endpoints
from order_copies.jsonapi.openapi.operations import operation, text_of
from order_copies.jsonapi.openapi.security import security_schemes
from order_copies.jsonapi.resources import resource_of

_ABOUT = """\
Copies orders, over JSON:API.

- Send `Accept: application/vnd.api+json`, and the same as `Content-Type` of bodies.
- Send a token as `Authorization: Bearer …`.
- Lists come in pages. `include` adds related resources, `fields[…]` leaves out the rest.
- What is not understood is refused: no parameter and no member is ignored.
- An error is a document with `errors`, each with a `code` for programs.
"""


def openapi_document(urlconf: Any = None) -> JSONObject:
    """The document of all endpoints under a URLconf, by default that of the project."""
    with translation.override("en"):
        return _document(urlconf)


def _document(urlconf: Any) -> JSONObject:
    components = Components()
    endpoints = installed_endpoints(urlconf)
    paths: dict[str, JSONObject] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(endpoint.path, {})
        methods[endpoint.method] = operation(components, endpoint)
    types = sorted({endpoint.viewset.type for endpoint in endpoints})
    return {
        "openapi": "3.1.1",
        "info": {"title": "Order copies", "version": "1.0.0", "description": _ABOUT},
        "tags": [{"name": name, "description": text_of(type(resource_of(name)))} for name in types],
        "paths": paths,
        "components": components.as_json() | {"securitySchemes": security_schemes()},
    }


def openapi_text() -> str:
    """The document of the project, as a file to keep."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=2) + "\n"


@lru_cache(maxsize=8)
def openapi_bytes(urlconf: Any, token_url: str) -> bytes:
    """The document of all endpoints under a URLconf, as it is served; made once a process.

    ``token_url`` is that of the settings, in case they change.
    """
    return json.dumps(openapi_document(urlconf), ensure_ascii=False).encode()
