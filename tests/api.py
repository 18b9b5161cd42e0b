"""How tests talk to the API: as a client with a token, and with whole documents."""

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
from order_copies.jsonapi.resources import ResourceSerializer, resource_of
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
    """An application that acts for the user. Its secret is not hashed, which takes no time."""
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
    """An access token, as if the application had asked for it."""
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
    """A member of staff with these permissions, or with all that copying takes."""
    return _permitted("staff", permissions or PERMISSIONS, is_staff=True)


def service(*permissions: str) -> Any:
    """An account with these permissions that may not enter the admin: a program's."""
    return _permitted("service", permissions, is_staff=False)


def _permitted(name: str, codenames: Sequence[str], *, is_staff: bool) -> Any:
    users = get_user_model().objects
    user = users.create_user(f"{name}-{users.count()}", is_staff=is_staff)
    # Without reading the permissions themselves: hundreds of tests need somebody new.
    keys = Permission.objects.filter(codename__in=codenames).order_by().values_list("pk", flat=True)
    granted = user.user_permissions.through
    granted.objects.bulk_create(granted(user=user, permission_id=key) for key in keys)
    return user


def shopper(customer: Customer) -> Any:
    """A user who is this customer."""
    customer.user = get_user_model().objects.create_user(f"shopper-{customer.pk}")
    customer.save()
    return customer.user


def request_of(order: Order, **attributes: Any) -> dict[str, Any]:
    """The body that asks for a copy of this order."""
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
    """The errors of an answer, whose status has to be that of the first."""
    assert response["Content-Type"] == MEDIA_TYPE
    errors: list[dict[str, Any]] = response.json()["errors"]
    assert errors[0]["status"] == str(response.status_code)
    return errors


def the_error_in(response: HttpResponse) -> tuple[int, str, str | None]:
    """Status, code and pointer of the one error of an answer."""
    (error,) = errors_in(response)
    assert set(error) <= {"title", "detail", "code", "status", "source", "meta"}
    return response.status_code, error["code"], error.get("source", {}).get("pointer")


def include_paths(resource: ResourceSerializer, depth: int = 2) -> list[str]:
    """All that can be included with a resource, to this depth."""
    paths: list[str] = []
    for relationship in resource.relationships:
        if relationship.includable:
            paths.append(relationship.name)
            if depth > 1 and not relationship.leads_nowhere:
                further = include_paths(resource_of(relationship.type), depth - 1)
                paths += [f"{relationship.name}.{path}" for path in further]
    return paths


def written() -> tuple[int, int]:
    """How many copies and events there are."""
    return OrderFactory.objects.count(), Event.objects.count()
