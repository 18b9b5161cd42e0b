"""Decide which applications get tokens, and with which scopes."""

import logging
from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import get_scopes_backend

from project.oauth.scopes import SELECTION

logger = logging.getLogger(__name__)

#: Scopes that a token may have, because it must fit into a header.
MAX_SCOPES = 20


class ApplicationValidator(OAuth2Validator):
    """Authenticates applications by their secret, and public ones by their id."""

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the credentials are right and the application has an active user.

        A browser cannot keep a secret, so sales channels have none (contract 5.8). An application
        that has a secret must send it.
        """
        if request.client_secret:
            is_known = super().authenticate_client(request)
        else:
            is_known = self.authenticate_client_id(request.client_id, request)
        return bool(is_known) and _has_user(request.client)

    def validate_scopes(
        self, client_id: str, scopes: Any, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Return whether the application may have these scopes; without any it gets all of them."""
        selections = [scope for scope in scopes if SELECTION.fullmatch(scope)]
        requested = [scope for scope in scopes if scope and scope not in selections]
        available = get_scopes_backend().get_available_scopes(client)
        request.scopes = list(dict.fromkeys([*selections, *(requested or available)]))
        return len(scopes) <= MAX_SCOPES and set(requested) <= set(available)


def _has_user(application: Any) -> bool:
    if application.user and application.user.is_active:
        return True
    logger.warning("Application %s gets no token: it has no active user.", application.client_id)
    return False
