"""The scopes that applications may request."""

import re
from typing import Any

from oauth2_provider.models import Application
from oauth2_provider.scopes import BaseScopes

from order_copies.jsonapi.scopes import READ, SCOPES

#: Commerce Layer's clients always send such a scope to select a market. This shop does not separate
#: markets by token, so the scope is echoed and restricts nothing.
SELECTION = re.compile(r"(market|store|stock_location):[\w:.-]{1,100}", re.ASCII)


class ApplicationScopes(BaseScopes):
    """Allows every scope to applications with a secret, and only ``read`` to those without."""

    def get_all_scopes(self) -> dict[str, str]:
        """Return all scopes with their descriptions."""
        return SCOPES

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """Return the scopes that the application may have."""
        is_public = application.client_type == Application.CLIENT_PUBLIC
        return [READ] if is_public else list(SCOPES)

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """Return the scopes of a request that names none: all that the application may have."""
        return self.get_available_scopes(application)
