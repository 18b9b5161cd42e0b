from typing import Any

from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class BearerAuthentication(TokenAuthentication):
    """``Authorization: Bearer <token>``, the token being one of DRF's."""

    keyword = "Bearer"

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        """The user of the token. Raises ``AuthenticationFailed``."""
        # PostgreSQL refuses NUL in text, and no token has one.
        if "\0" in key:
            raise AuthenticationFailed
        user, token = super().authenticate_credentials(key)
        return user, token
