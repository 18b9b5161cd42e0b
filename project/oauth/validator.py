"""Which applications get tokens, and what the tokens are good for."""

import logging
from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import get_scopes_backend

from project.oauth.scopes import SELECTION

logger = logging.getLogger(__name__)

#: How many scopes a token may have: it has to fit into a header.
MOST_SCOPES = 20


class ApplicationValidator(OAuth2Validator):
    """Lets in applications by their secret, and those that have none by their id."""

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether the application is who it says, and has a user to act for.

        A browser cannot keep a secret, so sales channels have none (contract 5.8); an application
        that has one must send it.
        """
        if request.client_secret:
            is_known = super().authenticate_client(request)
        else:
            is_known = self.authenticate_client_id(request.client_id, request)
        return bool(is_known) and _has_user(request.client)

    def validate_scopes(
        self, client_id: str, scopes: Any, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Whether the application may have these scopes; without any of ours it gets them all."""
        selections = [scope for scope in scopes if SELECTION.fullmatch(scope)]
        asked = [scope for scope in scopes if scope and scope not in selections]
        available = get_scopes_backend().get_available_scopes(client)
        request.scopes = list(dict.fromkeys([*selections, *(asked or available)]))
        return len(scopes) <= MOST_SCOPES and set(asked) <= set(available)


def _has_user(application: Any) -> bool:
    if application.user and application.user.is_active:
        return True
    logger.warning("Application %s has no active user to act for.", application.client_id)
    return False
