"""The client of the benchmarks: a signed token that the API and the other views accept."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.signing import dumps, loads
from django.http import HttpRequest
from django.test import Client
from rest_framework.authentication import BaseAuthentication

MEDIA_TYPE = "application/vnd.api+json"


def make_client() -> Client:
    """Create a staff user who may view orders; return a client with its token."""
    user = get_user_model().objects.create_user("bench", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    return Client(headers={"Accept": MEDIA_TYPE, "Authorization": f"Bearer {dumps(user.pk)}"})


def user_of(request: HttpRequest) -> Any:
    """Return the user of the request's token, with one query."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    return get_user_model().objects.get(pk=loads(token), is_active=True)


class Authentication(BaseAuthentication):
    """Authentication by the same token for Django REST framework."""

    def authenticate(self, request: Any) -> tuple[Any, None]:
        """Return the user of the token."""
        return user_of(request), None
