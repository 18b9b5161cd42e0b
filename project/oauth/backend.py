"""Pass the known parameters of a request to oauthlib, and nothing else."""

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

from oauth2_provider.oauth2_backends import OAuthLibCore

from project.oauth.errors import invalid_client, invalid_request

PARAMETERS = ["grant_type", "client_id", "client_secret", "scope", "token", "token_type_hint"]
#: Characters that the value of a parameter may have.
MAX_LENGTH = 5000


class ParametersBackend(OAuthLibCore):
    """Reads parameters from a JSON or form body, and passes no headers to oauthlib."""

    def extract_headers(self, request: Any) -> dict[str, str]:
        """Return nothing: the credentials of a header become parameters."""
        return {}

    def extract_body(self, request: Any) -> list[tuple[str, str]]:
        """Return names and values of the parameters. Raises ``OAuthError``."""
        if request.META.get("QUERY_STRING"):
            message = "Send the parameters in the body."
            raise invalid_request(message)
        if not hasattr(request.data, "get"):
            message = "The body must be an object or a form."
            raise invalid_request(message)
        values = {name: request.data.get(name) for name in PARAMETERS}
        values |= _credentials(request.META.get("HTTP_AUTHORIZATION", ""))
        return [(name, _text(name, value)) for name, value in values.items() if value]


def _text(name: str, value: Any) -> str:
    """Return the value for oauthlib. Clients may separate scopes by commas, oauthlib by spaces."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH or not value.isprintable():
        message = f"{name} must be a string of at most {MAX_LENGTH} printable characters."
        raise invalid_request(message)
    return " ".join(value.replace(",", " ").split()) if name == "scope" else value


def _credentials(header: str) -> dict[str, str]:
    """Return the credentials of Basic authentication (RFC 6749, 2.3.1)."""
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        client_id, client_secret = map(unquote_plus, text.split(":", 1))
    except (binascii.Error, ValueError):
        raise invalid_client() from None
    return {"client_id": client_id, "client_secret": client_secret}
