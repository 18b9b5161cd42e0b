"""Validate responses against the OpenAPI document."""

import re
from functools import cache
from typing import Any

from django.http import HttpResponse
from jsonschema import Draft202012Validator

from order_copies.jsonapi.openapi.document import openapi_document

#: Headers of Django, which the document does not describe.
OF_DJANGO = {
    "Allow",
    "Content-Language",
    "Content-Length",
    "Content-Security-Policy",
    "Content-Type",
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "Vary",
    "X-Content-Type-Options",
    "X-Frame-Options",
}


@cache
def the_document() -> dict[str, Any]:
    return openapi_document()


def path_of(response: HttpResponse) -> str:
    """Return the path of the document that matches the request's path."""
    path = response.request["PATH_INFO"]
    paths = the_document()["paths"]
    # A path without parameters has precedence.
    (found,) = [path] if path in paths else [it for it in paths if re.fullmatch(_pattern(it), path)]
    return found


def _pattern(path: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))


def check(response: HttpResponse) -> None:
    """Fail if the document does not describe the response: its status, headers or body."""
    method = response.request["REQUEST_METHOD"].lower()
    operation = the_document()["paths"][path_of(response)][method]
    assert str(response.status_code) in operation["responses"]
    described = resolved(operation["responses"][str(response.status_code)])
    for name, header in described.get("headers", {}).items():
        assert name in response or not resolved(header).get("required", False)
    assert set(response.headers) <= described["headers"].keys() | OF_DJANGO
    if "content" not in described:
        assert not response.content
        return
    schema = described["content"][response["Content-Type"]]["schema"]
    assert list(validator_of(schema).iter_errors(response.json())) == []


def validator_of(schema: dict[str, Any]) -> Draft202012Validator:
    """Return the validator of a schema that refers to the document's components."""
    return Draft202012Validator({"components": the_document()["components"], **schema})


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    """Follow references to the description itself."""
    while "$ref" in described:
        found: Any = the_document()
        for name in described["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        described = found
    return described
