"""From a request to the parameters that oauthlib gets to see, and to nothing else."""

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

from oauth2_provider.oauth2_backends import OAuthLibCore

from project.oauth.errors import invalid_client, invalid_request

PARAMETERS = ["grant_type", "client_id", "client_secret", "scope", "token", "token_type_hint"]
#: How long the value of a parameter may be.
LONGEST = 5000


class ParametersBackend(OAuthLibCore):
    """Hands over the known parameters of the body, be it JSON or a form, and no headers."""

    def extract_headers(self, request: Any) -> dict[str, str]:
        """None: the credentials of a header are handed over as parameters."""
        return {}

    def extract_body(self, request: Any) -> list[tuple[str, str]]:
        """The parameters. Raises ``OAuthError``."""
        if request.META.get("QUERY_STRING"):
            message = "Parameters belong into the body."
            raise invalid_request(message)
        if not hasattr(request.data, "get"):
            message = "The body has to be an object or a form."
            raise invalid_request(message)
        values = {name: request.data.get(name) for name in PARAMETERS}
        values |= _credentials(request.META.get("HTTP_AUTHORIZATION", ""))
        return [(name, _text(name, value)) for name, value in values.items() if value]


def _text(name: str, value: Any) -> str:
    """The value as oauthlib expects it: between scopes one blank, where clients may have commas."""
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        message = f"{name} has to be a text of at most {LONGEST} printable characters."
        raise invalid_request(message)
    return " ".join(value.replace(",", " ").split()) if name == "scope" else value


def _credentials(header: str) -> dict[str, str]:
    """The credentials of Basic authentication (RFC 6749, 2.3.1)."""
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        client_id, client_secret = map(unquote_plus, text.split(":", 1))
    except (binascii.Error, ValueError):
        raise invalid_client() from None
    return {"client_id": client_id, "client_secret": client_secret}
