"""What the OpenAPI document says of tokens: where they come from, and which scopes they need."""

from order_copies.conf import settings
from order_copies.jsonapi.openapi.components import JSONObject
from order_copies.jsonapi.openapi.endpoints import Endpoint
from order_copies.jsonapi.scopes import READ, SCOPES, is_told_all


def security_schemes() -> dict[str, JSONObject]:
    """A token, and if the shop says where they are given, how to get one."""
    schemes: dict[str, JSONObject] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token."}
    }
    if settings.TOKEN_URL:
        flow = {"tokenUrl": settings.TOKEN_URL, "scopes": SCOPES}
        schemes["oauth2"] = {"type": "oauth2", "flows": {"clientCredentials": flow}}
    return schemes


def security_of(endpoint: Endpoint) -> list[JSONObject]:
    """What a client needs for an endpoint: any one of these, however it got its token."""
    return [{scheme: scopes} for scheme in security_schemes() for scopes in _alternatives(endpoint)]


def _alternatives(endpoint: Endpoint) -> list[list[str]]:
    read = [READ] if is_told_all(endpoint.method.upper()) else []
    if endpoint.method == "get":
        return [read]
    view = endpoint.viewset(action=endpoint.action)
    return [[*read, scope] for scope in sorted(view.writing_scopes)]
