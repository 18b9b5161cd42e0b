"""Declare what an endpoint takes and answers besides what its kind does.

The OpenAPI document tells it; nothing else reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_copies.jsonapi.openapi.json_schema import JSONSchema


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What an action of a viewset offers besides what its kind does.

    ``parameters``, ``headers`` of its success (by name) and ``responses`` besides it (by status)
    are objects of OpenAPI 3.1; ``errors`` are statuses of errors.
    """

    parameters: Sequence[dict[str, Any]] = ()
    headers: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    responses: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    errors: Sequence[int] = ()


def query_parameter(name: str, schema: JSONSchema, description: str) -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def header(name: str, schema: JSONSchema, description: str) -> dict[str, Any]:
    """A header of the request."""
    return {"name": name, "in": "header", "description": description, "schema": schema}
