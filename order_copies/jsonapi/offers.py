"""Declarations of what an endpoint accepts and returns in addition to its action's defaults.

Only the OpenAPI document uses them; they do not change how the endpoint behaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_copies.jsonapi.json_schema import JSONSchema


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Additions to the OpenAPI description of a viewset's action.

    ``parameters``, ``headers`` of the success response (by name) and ``responses`` other than the
    success (by status) are OpenAPI 3.1 objects; ``errors`` are the statuses of error responses.
    An action that the dialect does not have needs a ``summary``, and the schema of the ``document``
    that it returns; without them it is not described.
    """

    parameters: Sequence[dict[str, Any]] = ()
    headers: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    responses: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    errors: Sequence[int] = ()
    summary: str = ""
    document: JSONSchema | None = None


def query_parameter(name: str, schema: JSONSchema, description: str) -> dict[str, Any]:
    """Return the OpenAPI object of a query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def header(name: str, schema: JSONSchema, description: str) -> dict[str, Any]:
    """Return the OpenAPI object of a request header."""
    return {"name": name, "in": "header", "description": description, "schema": schema}
