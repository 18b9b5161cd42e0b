"""Bearer tokens: which ones are valid, and the queries of a check."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import LazySettings
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application
from pytest_django import DjangoAssertNumQueries

from project.authentication import Access, BearerAuthentication
from project.oauth import tokens
from tests.api import API, application_of, staff, the_error_in, token_of

pytestmark = pytest.mark.django_db


def status_with(token: str) -> tuple[int, str, str | None] | int:
    """Request with the token; return the error or the status 200."""
    response = API().get("/markets", Authorization=f"Bearer {token}")
    return response.status_code if response.status_code == 200 else the_error_in(response)


INVALID = (401, "INVALID_TOKEN", None)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def forged(**claims: Any) -> str:
    """Sign these claims with our key."""
    return jwt.encode(claims, tokens._key(), "HS512")


def test_token__issued_one_is_valid() -> None:
    assert status_with(token_of(application_of(staff()))) == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_authorization_header__scheme_ignores_case(scheme: str) -> None:
    token = token_of(application_of(staff()))

    assert API().get("/markets", Authorization=f"{scheme} {token}").status_code == 200


@pytest.mark.parametrize("header", ["", "Basic abc", "Token abc", "Bearerabc"])
def test_authorization_header__other_schemes_are_unauthorized(header: str) -> None:
    response = API().get("/markets", Authorization=header)

    assert the_error_in(response) == (401, "UNAUTHORIZED", None)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "...",
        "a\0b.c\0d.e\0f",
        "é.é.é",
        "\xff" * 50,
        "two words",
        f"{encoded('[' * 100_000)}.e30.x",
        f"{encoded(json.dumps({'alg': 'none'}))}.e30.",
        f"{encoded(json.dumps({'alg': 'HS256'}))}.e30.x",
        f"{encoded(json.dumps({'alg': 'HS512'}))}.e30.x",
        f"{encoded(json.dumps({'alg': ['HS512']}))}.e30.x",
        f"{encoded('7')}.e30.x",
    ],
)
def test_token__malformed_one_costs_no_query(
    token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert status_with(token) == INVALID


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": 2**40, "iat": 0},
        {"exp": 2**40, "test": True},
        {"exp": "soon", "iat": 0, "test": True},
        {"exp": 1, "iat": 0, "test": True},
        {"exp": 2**40, "iat": 0, "test": True, "nbf": 2**40},
    ],
)
def test_token__incomplete_or_expired_claims_cost_no_query(
    claims: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = forged(**claims)

    with django_assert_num_queries(0):
        assert status_with(token) == INVALID


def test_token__never_issued_one_is_invalid(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    token = tokens.mint(application_of(staff()), ["read"], 60)

    with django_assert_num_queries(1):
        assert status_with(token) == INVALID


def test_token__expired_one_is_invalid() -> None:
    assert status_with(token_of(application_of(staff()), seconds=-1)) == INVALID


@pytest.mark.parametrize("change", ["revoked", "ended", "application", "user", "locked out"])
def test_token__is_invalid_after_revocation_or_deletion(change: str) -> None:
    # given
    application = application_of(staff())
    token = token_of(application)

    # when
    match change:
        case "revoked":
            AccessToken.objects.get().revoke()
        case "ended":
            AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
        case "application":
            application.delete()
        case "user":
            application.user.delete()
        case _:
            application.user.is_active = False
            application.user.save()

    # then
    assert status_with(token) == INVALID


def test_token__of_an_application_without_user_is_invalid() -> None:
    # given
    token = token_of(application_of(staff()))

    # when
    Application.objects.update(user=None)

    # then
    assert status_with(token) == INVALID


@pytest.mark.parametrize("mode", ["test", "live"])
def test_token__is_valid_in_its_mode_only(settings: LazySettings, mode: str) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MODE": mode}
    token = token_of(application_of(staff()))
    in_its_own_mode = status_with(token)
    other = {"test": "live", "live": "test"}[mode]

    # when
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MODE": other}

    # then
    assert (in_its_own_mode, status_with(token)) == (200, INVALID)


@pytest.mark.parametrize("kind", ["integration", "sales_channel"])
def test_token__check_costs_one_query(
    kind: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The token, joined with its application and its user."""
    # given
    application = application_of(staff(), kind)
    token = token_of(application, ["market:all", "read"])

    # when
    with django_assert_num_queries(1):
        user, access = BearerAuthentication().user_and_access(token)

    # then
    assert user == application.user
    application_claims = tokens.application_as_json(application)
    assert access == Access(frozenset({"market:all", "read"}), application_claims)
    assert (access.client_id, access.kind) == (application.client_id, kind)
