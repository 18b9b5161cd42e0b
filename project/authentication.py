"""Authenticate API requests by the access token of an application, which acts for its user."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from project.oauth import tokens


@dataclass(frozen=True)
class Access:
    """The scopes of a token and the application that it was issued to (contract 4.3)."""

    scopes: frozenset[str]
    application: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """The client id of the application."""
        return str(self.application["client_id"])

    @property
    def kind(self) -> str:
        """The kind of application, ``integration`` or ``sales_channel``."""
        return str(self.application["kind"])


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``.

    A token with a wrong signature costs no query. A token of ours is looked up in one query, so
    that revoking it, or deactivating its user, takes effect at once.
    """

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        """Return the application's user and the access of the token, or None without a token."""
        scheme, _space, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        return self.user_and_access(token.decode("latin-1"))

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge for requests without a token."""
        return "Bearer"

    def user_and_access(self, token: str) -> tuple[Any, Access]:
        """Return the user and the access of a token. Raises ``AuthenticationFailed``."""
        try:
            claims = tokens.read(token)
        except jwt.InvalidTokenError:
            raise AuthenticationFailed from None
        row = _row_of(token)
        if row is None or claims["test"] is not tokens.is_test():
            raise AuthenticationFailed
        application = row.application
        scopes = frozenset(row.scope.split())
        return application.user, Access(scopes, tokens.application_as_json(application))


def _row_of(token: str) -> AccessToken | None:
    return (
        AccessToken.objects.select_related("application__user")
        .filter(
            token_checksum=hashlib.sha256(token.encode()).hexdigest(),
            expires__gt=timezone.now(),
            application__user__is_active=True,
        )
        .first()
    )
