"""A client of the API for tests, and the documents that it sends and receives."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application

from order_copies.events.models import Event
from order_copies.jsonapi.resources import Resource, resource_of
from order_copies.models import OrderFactory
from orders.models import Customer, Order
from project.oauth import tokens
from project.oauth.scopes import SCOPES

MEDIA_TYPE = "application/vnd.api+json"
PERMISSIONS = [
    "view_order",
    "change_order",
    "add_ordercopy",
    "change_ordercopy",
    "delete_ordercopy",
    "view_event",
]


class API:
    """A client of the API. Without a ``user`` it sends no token.

    Its token has all scopes, unless ``scopes`` names some.
    """

    def __init__(
        self, user: Any = None, *, scopes: Iterable[str] = SCOPES, kind: str = "integration"
    ) -> None:
        self.user = user
        self.client = Client(raise_request_exception=False, headers={"Accept": MEDIA_TYPE})
        if user is not None:
            token = token_of(application_of(user, kind), scopes)
            self.client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.client.get(f"/api{path}", content_type=MEDIA_TYPE, headers=headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Send a body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(
            method, f"/api{path}", data, content_type=MEDIA_TYPE, headers=headers
        )

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str) -> HttpResponse:
        return self.client.delete(f"/api{path}", content_type=MEDIA_TYPE)


def application_of(user: Any, kind: str = "integration", **fields: Any) -> Application:
    """Create an application that acts for the user. Its secret is not hashed, for speed."""
    public, confidential = Application.CLIENT_PUBLIC, Application.CLIENT_CONFIDENTIAL
    return Application.objects.create(
        user=user,
        client_type=public if kind == "sales_channel" else confidential,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        hash_client_secret=False,
        **fields,
    )


def token_of(
    application: Application,
    scopes: Iterable[str] = SCOPES,
    seconds: int = 600,
    **fields: Any,
) -> str:
    """Create an access token of the application, without the token endpoint."""
    token = tokens.mint(application, scopes, seconds)
    AccessToken.objects.create(
        token=token,
        application=application,
        scope=" ".join(scopes),
        expires=timezone.now() + timedelta(seconds=seconds),
        **fields,
    )
    return token


def staff(*permissions: str) -> Any:
    """Create a staff user with these permissions; by default with ``PERMISSIONS``."""
    return _permitted("staff", permissions or PERMISSIONS, is_staff=True)


def service(*permissions: str) -> Any:
    """Create the user of a program: with these permissions, without access to the admin."""
    return _permitted("service", permissions, is_staff=False)


def _permitted(name: str, codenames: Sequence[str], *, is_staff: bool) -> Any:
    users = get_user_model().objects
    user = users.create_user(f"{name}-{users.count()}", is_staff=is_staff)
    # Without reading the permission rows, for speed: hundreds of tests create a user.
    keys = Permission.objects.filter(codename__in=codenames).order_by().values_list("pk", flat=True)
    granted = user.user_permissions.through
    granted.objects.bulk_create(granted(user=user, permission_id=key) for key in keys)
    return user


def shopper(customer: Customer) -> Any:
    """Create the user of a customer."""
    customer.user = get_user_model().objects.create_user(f"shopper-{customer.pk}")
    customer.save()
    return customer.user


def request_of(order: Order, **attributes: Any) -> dict[str, Any]:
    """Return the body of a request to copy this order."""
    return {
        "data": {
            "type": "order_copies",
            "attributes": attributes,
            "relationships": {
                "source_order": {"data": {"type": "orders", "id": order.public_id}},
            },
        }
    }


def errors_in(response: HttpResponse) -> list[dict[str, Any]]:
    """Return the errors of a response, whose status must be that of the first error."""
    assert response["Content-Type"] == MEDIA_TYPE
    errors: list[dict[str, Any]] = response.json()["errors"]
    assert errors[0]["status"] == str(response.status_code)
    return errors


def the_error_in(response: HttpResponse) -> tuple[int, str, str | None]:
    """Return status, code and pointer of the only error of a response."""
    (error,) = errors_in(response)
    assert set(error) <= {"title", "detail", "code", "status", "source", "meta"}
    return response.status_code, error["code"], error.get("source", {}).get("pointer")


def include_paths(resource: Resource, depth: int = 2) -> list[str]:
    """Return all include paths of a resource, up to this depth."""
    paths: list[str] = []
    for relationship in resource.relationships:
        if relationship.includable:
            paths.append(relationship.name)
            if depth > 1:
                further = include_paths(resource_of(relationship.type), depth - 1)
                paths += [f"{relationship.name}.{path}" for path in further]
    return paths


def written() -> tuple[int, int]:
    """Return the number of copies and the number of events."""
    return OrderFactory.objects.count(), Event.objects.count()
