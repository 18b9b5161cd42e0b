"""What the environment may say to the reference project, and what it is told otherwise."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.environment import caches, choice, flag, gateway, hosts, number, origins

ENGINES = ("polling", "celery")


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set a variable, or take it away."""

    def say(value: str | None, name: str = "NAME") -> None:
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    return say


@pytest.mark.parametrize("value", ["1", "true", "True", "YES", "on"])
def test_yes_has_many_names(say: Any, value: str) -> None:
    say(value)

    assert flag("NAME") is True


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_no_has_as_many(say: Any, value: str) -> None:
    say(value)

    assert flag("NAME", default=True) is False


@pytest.mark.parametrize("value", [None, ""])
def test_what_is_empty_is_not_set(say: Any, value: str | None) -> None:
    # when
    say(value)

    # then
    assert (flag("NAME"), flag("NAME", default=True)) == (False, True)
    assert (number("NAME"), number("NAME", default=3600)) == (0, 3600)
    assert choice("NAME", ENGINES) == "polling"


def test_numbers_and_choices_are_taken_as_they_are(say: Any) -> None:
    # given
    say("12", "NUMBER")
    say("celery", "CHOICE")

    # when, then
    assert (number("NUMBER"), choice("CHOICE", ENGINES)) == (12, "celery")


@pytest.mark.parametrize(
    ("read", "value", "allowed"),
    [
        (flag, "ture", "one of 1, true, yes, on, 0, false, no, off"),
        (flag, " ", "one of 1, true, yes, on, 0, false, no, off"),
        (number, "-1", "a whole number, 0 or more"),
        (number, "1.5", "a whole number, 0 or more"),
        (number, "²", "a whole number, 0 or more"),
        (lambda name: choice(name, ENGINES), "Celery", "one of polling, celery"),
    ],
)
def test_anything_else_is_refused_by_name(say: Any, read: Any, value: str, allowed: str) -> None:
    # given
    say(value)

    # when
    with pytest.raises(ImproperlyConfigured) as refused:
        read("NAME")

    # then
    assert str(refused.value) == f"NAME is {value!r}, and must be {allowed}."


def test_hosts_stand_between_commas(say: Any) -> None:
    # given
    say("1", "PRODUCTION")
    say("shop.example, .shop.example,")

    # when, then
    assert hosts("NAME", "localhost") == ["shop.example", ".shop.example"]


@pytest.mark.parametrize("value", ["*", "shop.example, *", ",", ".", ".com", "shop.example,.com."])
def test_all_hosts_there_are_or_none_are_not_those_of_a_shop(say: Any, value: str) -> None:
    # given
    say("1", "PRODUCTION")
    say(value)

    # then
    with pytest.raises(ImproperlyConfigured, match=r"NAME is .* the names of your own hosts"):
        # when
        hosts("NAME", "localhost")


def test_a_demo_may_be_asked_by_whatever_name(say: Any) -> None:
    # given
    say(None, "PRODUCTION")
    say("*")

    # when, then
    assert hosts("NAME", "localhost") == ["*"]


def test_without_a_redis_each_process_counts_for_itself(say: Any) -> None:
    say(None)

    assert caches("NAME")["default"]["BACKEND"].endswith(".LocMemCache")


def test_a_redis_is_shared(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    redis = ModuleType("redis")
    redis.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, "redis", redis)
    say("rediss://:secret@cache.example/1")

    # then
    assert caches("NAME") == {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "rediss://:secret@cache.example/1",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }


def test_a_redis_takes_its_package(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setitem(sys.modules, "redis", None)
    say("redis://127.0.0.1")

    # then
    with pytest.raises(ImproperlyConfigured, match="pip install redis"):
        # when
        caches("NAME")


def test_another_cache_is_refused_and_its_password_not_shown(say: Any) -> None:
    # given
    say("memcached://:secret@cache.example")

    # when
    with pytest.raises(ImproperlyConfigured) as refused:
        caches("NAME")

    # then
    assert str(refused.value) == "NAME must begin with one of redis://, rediss://, unix://"


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (None, ["*"]),
        ("*", ["*"]),
        ("off", []),
        ("https://shop.example", ["https://shop.example"]),
        (
            "https://shop.example, http://localhost:3000",
            ["https://shop.example", "http://localhost:3000"],
        ),
    ],
)
def test_origins__any_none_or_named(say: Any, value: str | None, allowed: list[str]) -> None:
    say(value)

    assert origins("NAME") == allowed


@pytest.mark.parametrize(
    "value",
    [
        "shop.example",
        "https://shop.example/",
        "*, https://shop.example",
        "https://",
        "https://[",
        ",",
    ],
)
def test_origins__anything_else_is_refused(say: Any, value: str) -> None:
    # given
    say(value)

    # then
    with pytest.raises(ImproperlyConfigured, match=r"NAME is .* origins like https://shop\.exampl"):
        # when
        origins("NAME")


@pytest.mark.parametrize(
    "value",
    ["https://payments.example/v1", "http://127.0.0.1:9000", "http://localhost", "http://[::1]:80"],
)
def test_gateway__production_takes_tls_or_this_machine(say: Any, value: str) -> None:
    # given
    say("1", "PRODUCTION")
    say(value)

    # when, then
    assert gateway("NAME") == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("http://payments.example", "NAME must begin with https:// with PRODUCTION=1"),
        ("http://10.0.0.1", "NAME must begin with https:// with PRODUCTION=1"),
        ("ftp://user:secret@payments.example", "NAME must be an address like https://payments"),
        ("payments.example", "NAME must be an address like https://payments"),
        ("https://[", "NAME must be an address like https://payments"),
        ("", "PRODUCTION=1 takes a value of your own in NAME"),
    ],
)
def test_gateway__production_refuses_others_and_shows_no_password(
    say: Any, value: str, message: str
) -> None:
    # given
    say("1", "PRODUCTION")
    say(value)

    # when
    with pytest.raises(ImproperlyConfigured) as refused:
        gateway("NAME")

    # then
    assert str(refused.value).startswith(message)
    assert "secret" not in str(refused.value)


def test_gateway__demo_takes_any_or_none(say: Any) -> None:
    # given
    say(None, "PRODUCTION")
    say("http://payments.example")

    # when, then
    assert gateway("NAME") == "http://payments.example"

    # given
    say(None)

    # when, then
    assert gateway("NAME") == ""
