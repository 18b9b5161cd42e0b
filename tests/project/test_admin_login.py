"""The rate limit of the admin's login."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client

pytestmark = pytest.mark.django_db

WRONG = {"username": "staff", "password": "wrong"}
RIGHT = {"username": "staff", "password": "right"}


@pytest.fixture(autouse=True)
def limit(settings: LazySettings) -> Any:
    """Allow two attempts per minute, and create a user who may log in."""
    settings.LOGIN_RATE_LIMIT = (2, 60)
    get_user_model().objects.create_user("staff", password="right", is_staff=True)
    cache.clear()
    yield
    cache.clear()


def test_login_rate_limit__attempts_above_it_are_refused_unchecked() -> None:
    # given
    client = Client()
    wrong = [client.post("/admin/login/", WRONG) for _ in range(2)]

    # when
    refused = client.post("/admin/login/", RIGHT)

    # then
    assert [answer.status_code for answer in wrong] == [200, 200]
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Too many attempts to log in" in refused.text
    assert "Try again in 60 seconds." in refused.text
    assert "_auth_user_id" not in client.session


def test_login_rate_limit__addresses_are_counted_separately() -> None:
    # given
    for _ in range(3):
        Client(REMOTE_ADDR="10.0.0.1").post("/admin/login/", WRONG)

    # when
    answer = Client(REMOTE_ADDR="10.0.0.2").post("/admin/login/?next=/admin/", RIGHT)

    # then
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_login_rate_limit__get_requests_are_not_counted() -> None:
    # given
    pages = [Client().get("/admin/login/").status_code for _ in range(5)]

    # when
    answer = Client().post("/admin/login/", RIGHT)

    # then
    assert (pages, answer.status_code) == ([200] * 5, 302)


def test_login_rate_limit__disabled_when_setting_is_none(settings: LazySettings) -> None:
    settings.LOGIN_RATE_LIMIT = None

    answers = [Client().post("/admin/login/", WRONG).status_code for _ in range(15)]

    assert answers == [200] * 15
