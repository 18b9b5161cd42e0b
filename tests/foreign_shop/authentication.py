from typing import Any

from django.contrib.auth import get_user_model
from rest_framework.authentication import BaseAuthentication


def sign_in(get_response: Any) -> Any:
    """Sign in the user whose name is in the header ``X-User``."""

    def middleware(request: Any) -> Any:
        name = request.headers.get("X-User", "")
        request.shopper = get_user_model().objects.filter(username=name).first()
        return get_response(request)

    return middleware


class Session(BaseAuthentication):
    """The user that the middleware has signed in."""

    def authenticate(self, request: Any) -> Any:
        shopper = request._request.shopper
        return (shopper, None) if shopper else None
