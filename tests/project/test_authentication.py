"""Which tokens open the API, and at what cost."""

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


def ask(token: str) -> tuple[int, str, str | None] | int:
    """The error that the token leads to, or the status."""
    response = API().get("/markets", Authorization=f"Bearer {token}")
    return response.status_code if response.status_code == 200 else the_error_in(response)


INVALID = (401, "INVALID_TOKEN", None)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def forged(**claims: Any) -> str:
    """A token with our signature, whatever it says."""
    return jwt.encode(claims, tokens._key(), "HS512")


def test_a_token_that_was_issued_opens_the_api() -> None:
    assert ask(token_of(application_of(staff()))) == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_may_be_written_as_one_likes(scheme: str) -> None:
    token = token_of(application_of(staff()))

    assert API().get("/markets", Authorization=f"{scheme} {token}").status_code == 200


@pytest.mark.parametrize("header", ["", "Basic abc", "Token abc", "Bearerabc"])
def test_another_scheme_is_no_token(header: str) -> None:
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
def test_garbage_never_reaches_the_database(
    token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert ask(token) == INVALID


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
def test_a_token_that_says_too_little_or_is_over_never_reaches_the_database(
    claims: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = forged(**claims)

    with django_assert_num_queries(0):
        assert ask(token) == INVALID


def test_a_token_that_was_never_issued_opens_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    token = tokens.mint(application_of(staff()), ["read"], 60)

    with django_assert_num_queries(1):
        assert ask(token) == INVALID


def test_a_token_expires() -> None:
    assert ask(token_of(application_of(staff()), seconds=-1)) == INVALID


@pytest.mark.parametrize("what", ["revoked", "ended", "application", "user", "locked out"])
def test_what_happened_since_counts(what: str) -> None:
    # given
    application = application_of(staff())
    token = token_of(application)

    # when
    match what:
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
    assert ask(token) == INVALID


def test_an_application_that_lost_its_user_is_nobody() -> None:
    # given
    token = token_of(application_of(staff()))

    # when
    Application.objects.update(user=None)

    # then
    assert ask(token) == INVALID


@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_token_is_good_in_one_mode_only(settings: LazySettings, mode: str) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MODE": mode}
    token = token_of(application_of(staff()))
    in_its_own = ask(token)
    other = {"test": "live", "live": "test"}[mode]

    # when
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MODE": other}

    # then
    assert (in_its_own, ask(token)) == (200, INVALID)


@pytest.mark.parametrize("kind", ["integration", "sales_channel"])
def test_a_token_is_checked_with_one_query(
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
    said = tokens.application_as_json(application)
    assert access == Access(frozenset({"market:all", "read"}), said)
    assert (access.client_id, access.kind) == (application.client_id, kind)
