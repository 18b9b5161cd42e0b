"""Security schemes and required scopes in the OpenAPI document."""

from order_copies.conf import settings
from order_copies.jsonapi.openapi.components import JSONObject
from order_copies.jsonapi.openapi.endpoints import Endpoint
from order_copies.jsonapi.scopes import READ, SCOPES, returns_resources


def security_schemes() -> dict[str, JSONObject]:
    """Return the bearer scheme and, if ``TOKEN_URL`` is set, the OAuth 2.0 scheme."""
    schemes: dict[str, JSONObject] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token."}
    }
    if settings.TOKEN_URL:
        flow = {"tokenUrl": settings.TOKEN_URL, "scopes": SCOPES}
        schemes["oauth2"] = {"type": "oauth2", "flows": {"clientCredentials": flow}}
    return schemes


def security_of(endpoint: Endpoint) -> list[JSONObject]:
    """Return the alternative security requirements of an endpoint: one of them is enough."""
    return [{scheme: scopes} for scheme in security_schemes() for scopes in _alternatives(endpoint)]


def _alternatives(endpoint: Endpoint) -> list[list[str]]:
    read = [READ] if returns_resources(endpoint.method.upper()) else []
    if endpoint.method == "get":
        return [read]
    view = endpoint.viewset(action=endpoint.action)
    return [[*read, scope] for scope in sorted(view.writing_scopes)]
