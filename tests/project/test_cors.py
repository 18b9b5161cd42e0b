"""Browsers on other sites may call the API."""

import pytest
from django.conf import LazySettings
from django.test import Client

from tests.api import API, staff

ORIGIN = "https://shop.example"

pytestmark = pytest.mark.django_db


def preflight(path: str, method: str = "POST", headers: str = "authorization") -> dict[str, str]:
    """Send a preflight request and return the CORS headers of the response."""
    response = Client().options(
        path,
        headers={
            "origin": ORIGIN,
            "access-control-request-method": method,
            "access-control-request-headers": headers,
        },
    )
    assert (response.status_code, response.content) == (200, b"")
    return cors_headers(response)


def cors_headers(response: object) -> dict[str, str]:
    """Return the CORS headers of a response."""
    items = response.headers.items()  # type: ignore[attr-defined]
    return {name.lower(): value for name, value in items if name.lower().startswith("access-")}


@pytest.mark.parametrize("path", ["/api/orders", "/api/order_copies/NoSuchOrde", "/oauth/token"])
def test_preflight__allows_any_site_without_cookies(path: str) -> None:
    # when
    allowed = preflight(path)

    # then
    assert allowed["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in allowed
    methods = allowed["access-control-allow-methods"].split(", ")
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(methods)
    headers = allowed["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "prefer", "idempotency-key"} <= set(headers)


@pytest.mark.parametrize("path", ["/admin/login/", "/healthz", "/metrics", "/oauth/tokens"])
def test_preflight__other_paths_allow_no_site(client: Client, path: str) -> None:
    # when
    response = client.options(
        path, headers={"origin": ORIGIN, "access-control-request-method": "POST"}
    )

    # then
    assert cors_headers(response) == {}


def test_preflight__is_not_redirected_to_https(
    settings: LazySettings,
) -> None:
    # given
    settings.SECURE_SSL_REDIRECT = True

    # then
    assert preflight("/api/orders")["access-control-allow-origin"] == "*"


def test_cors__responses_and_errors_expose_their_headers() -> None:
    # when
    answers = [
        client.get(path, origin=ORIGIN)
        for client, path in ((API(staff()), "/orders"), (API(), "/orders"), (API(), "/nothing"))
    ]

    # then
    assert [response.status_code for response in answers] == [200, 401, 404]
    for response in answers:
        assert cors_headers(response)["access-control-allow-origin"] == "*"
        exposed = cors_headers(response)["access-control-expose-headers"].split(", ")
        assert {"location", "retry-after", "x-ratelimit-remaining"} <= set(exposed)


def test_cors__can_be_limited_to_named_sites(settings: LazySettings) -> None:
    # given
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = ["https://other.example"]

    # then
    assert preflight("/api/orders") == {}

    # when
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]

    # then
    assert preflight("/api/orders")["access-control-allow-origin"] == ORIGIN
