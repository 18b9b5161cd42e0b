"""Access tokens: JSON Web Tokens that Commerce Layer's clients can decode (contract 5.8, 6.1)."""

import json
import secrets
import time
from collections.abc import Iterable
from typing import Any

import jwt
from django.conf import settings
from django.utils.crypto import salted_hmac
from oauth2_provider.models import Application

from order_copies import public_ids
from order_copies.conf import settings as order_copies_settings
from orders.models import Customer

ALGORITHM = "HS512"
_ESCAPED = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in ">?~\x7f"})


class PayloadEncoder(json.JSONEncoder):
    """Writes JSON whose base64url encoding is valid base64 too.

    The official SDK decodes tokens with ``atob``, which does not accept ``-`` and ``_``. Among
    ASCII bytes only ``>``, ``?``, ``~`` and DEL can produce one, so they are written as escapes.
    """

    def encode(self, o: Any) -> str:
        """Return the JSON of ``o``."""
        return super().encode(o).translate(_ESCAPED)


def mint(application: Application, scopes: Iterable[str], seconds: int) -> str:
    """Return a token of the application with these scopes, which expires after ``seconds``."""
    now = int(time.time())
    payload = {
        "organization": organization(),
        "application": application_as_json(application),
        **owner_as_json(application),
        "scope": " ".join(scopes),
        "exp": now + seconds,
        "iat": now,
        "iss": f"https://auth.{settings.ORGANIZATION['domain']}",
        "test": is_test(),
        "rand": secrets.token_hex(16),
    }
    return jwt.encode(payload, _key(), ALGORITHM, json_encoder=PayloadEncoder)


def mint_for(request: Any) -> str:
    """Return the token for a request of oauthlib: its ``ACCESS_TOKEN_GENERATOR``."""
    return mint(request.client, request.scopes, request.expires_in)


def read(token: str) -> dict[str, Any]:
    """Return the claims of a token.

    Raises ``jwt.InvalidTokenError`` if this server did not issue it or if it has expired.
    """
    options = {"require": ["exp", "iat", "test"], "verify_iat": False}
    try:
        return jwt.decode(token, _key(), [ALGORITHM], options=options)
    except RecursionError:
        raise jwt.DecodeError from None


def is_test() -> bool:
    """Return whether tokens are for test data."""
    return order_copies_settings.MODE == "test"


def kind_of(application: Application) -> str:
    """Return Commerce Layer's kind of the application: without a secret a ``sales_channel``."""
    return "integration" if _is_confidential(application) else "sales_channel"


def organization() -> dict[str, Any]:
    """Return the organization. The SDK finds the API by ``slug`` and the issuer of the token."""
    return {
        "id": order_copies_settings.ORGANIZATION_ID,
        "slug": settings.ORGANIZATION["slug"],
        "enterprise": False,
        "region": settings.ORGANIZATION["region"],
    }


def application_as_json(application: Application) -> dict[str, Any]:
    """Return the application as tokens and events name it."""
    is_confidential = _is_confidential(application)
    return {
        "id": public_ids.encode("applications", application.pk),
        "client_id": application.client_id,
        "kind": kind_of(application),
        "public": not is_confidential,
        "confidential": is_confidential,
    }


def owner_as_json(application: Application) -> dict[str, Any]:
    """Return the owner that the application acts for: a customer or another user."""
    if application.user_id is None:
        return {}
    customer = Customer.objects.filter(user=application.user_id).first()
    if customer:
        return {"owner": {"type": "Customer", "id": customer.public_id}}
    return {"owner": {"type": "User", "id": str(application.user_id)}}


def _is_confidential(application: Application) -> bool:
    return bool(application.client_type == Application.CLIENT_CONFIDENTIAL)


def _key() -> bytes:
    return salted_hmac("project.oauth.tokens", "access tokens", algorithm="sha512").digest()
