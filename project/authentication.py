"""Who sends a request: an application with an access token, acting for its user."""

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
    """What a token lets its application do, and which one that is (contract 4.3)."""

    scopes: frozenset[str]
    application: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """By what the application asks for tokens."""
        return str(self.application["client_id"])

    @property
    def kind(self) -> str:
        """What kind of application it is."""
        return str(self.application["kind"])


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``.

    Most of what is no token is found out by its signature; only what we have issued is looked
    up, in one query, so that what was revoked, deleted or locked out since is out at once.
    """

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        """The application's user and what the token is good for; None without a token."""
        scheme, _space, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        return self.user_and_access(token.decode("latin-1"))

    def authenticate_header(self, request: Request) -> str:
        """What those without a token are asked for."""
        return "Bearer"

    def user_and_access(self, token: str) -> tuple[Any, Access]:
        """Whom the token belongs to. Raises ``AuthenticationFailed``."""
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
