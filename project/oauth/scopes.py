"""What applications may ask for."""

import re
from typing import Any

from oauth2_provider.models import Application
from oauth2_provider.scopes import BaseScopes

from order_copies.jsonapi.scopes import READ, SCOPES

#: What Commerce Layer's clients always send. It selects from what our shop has one of, so it is
#: echoed and restricts nothing.
SELECTION = re.compile(r"(market|store|stock_location):[\w:.-]{1,100}", re.ASCII)


class ApplicationScopes(BaseScopes):
    """Applications with a secret may have every scope; those without one only read."""

    def get_all_scopes(self) -> dict[str, str]:
        """All scopes, with what they are for."""
        return SCOPES

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """The scopes that the application may have."""
        is_public = application.client_type == Application.CLIENT_PUBLIC
        return [READ] if is_public else list(SCOPES)

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """The scopes of an application that names none: all that it may have."""
        return self.get_available_scopes(application)
