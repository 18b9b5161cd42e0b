"""Environment variables of the reference project: valid values, and errors for others."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.environment import caches, choice, flag, gateway, hosts, number, origins

ENGINES = ("polling", "celery")


@pytest.fixture
def set_variable(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets a variable, or deletes it for ``None``."""

    def set_variable(value: str | None, name: str = "NAME") -> None:
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    return set_variable


@pytest.mark.parametrize("value", ["1", "true", "True", "YES", "on"])
def test_flag__words_for_true(set_variable: Any, value: str) -> None:
    set_variable(value)

    assert flag("NAME") is True


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_flag__words_for_false(set_variable: Any, value: str) -> None:
    set_variable(value)

    assert flag("NAME", default=True) is False


@pytest.mark.parametrize("value", [None, ""])
def test_variables__empty_ones_have_the_default(set_variable: Any, value: str | None) -> None:
    # when
    set_variable(value)

    # then
    assert (flag("NAME"), flag("NAME", default=True)) == (False, True)
    assert (number("NAME"), number("NAME", default=3600)) == (0, 3600)
    assert choice("NAME", ENGINES) == "polling"


def test_number_and_choice__read_the_value(set_variable: Any) -> None:
    # given
    set_variable("12", "NUMBER")
    set_variable("celery", "CHOICE")

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
def test_variables__invalid_values_are_refused_by_name(
    set_variable: Any, read: Any, value: str, allowed: str
) -> None:
    # given
    set_variable(value)

    # when
    with pytest.raises(ImproperlyConfigured) as refused:
        read("NAME")

    # then
    assert str(refused.value) == f"NAME is {value!r}, and must be {allowed}."


def test_hosts__are_separated_by_commas(set_variable: Any) -> None:
    # given
    set_variable("1", "PRODUCTION")
    set_variable("shop.example, .shop.example,")

    # when, then
    assert hosts("NAME", "localhost") == ["shop.example", ".shop.example"]


@pytest.mark.parametrize("value", ["*", "shop.example, *", ",", ".", ".com", "shop.example,.com."])
def test_hosts__production_refuses_wildcards_and_empty_lists(set_variable: Any, value: str) -> None:
    # given
    set_variable("1", "PRODUCTION")
    set_variable(value)

    # then
    with pytest.raises(ImproperlyConfigured, match=r"NAME is .* the names of your own hosts"):
        # when
        hosts("NAME", "localhost")


def test_hosts__demo_accepts_a_wildcard(set_variable: Any) -> None:
    # given
    set_variable(None, "PRODUCTION")
    set_variable("*")

    # when, then
    assert hosts("NAME", "localhost") == ["*"]


def test_caches__default_is_local_memory(set_variable: Any) -> None:
    set_variable(None)

    assert caches("NAME")["default"]["BACKEND"].endswith(".LocMemCache")


def test_caches__redis_url_has_timeouts(set_variable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    redis = ModuleType("redis")
    redis.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, "redis", redis)
    set_variable("rediss://:secret@cache.example/1")

    # then
    assert caches("NAME") == {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "rediss://:secret@cache.example/1",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }


def test_caches__redis_needs_its_package(
    set_variable: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setitem(sys.modules, "redis", None)
    set_variable("redis://127.0.0.1")

    # then
    with pytest.raises(ImproperlyConfigured, match="pip install redis"):
        # when
        caches("NAME")


def test_caches__other_url_is_refused_without_its_password(set_variable: Any) -> None:
    # given
    set_variable("memcached://:secret@cache.example")

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
def test_origins__all_none_or_a_list(
    set_variable: Any, value: str | None, allowed: list[str]
) -> None:
    set_variable(value)

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
def test_origins__invalid_value_is_refused(set_variable: Any, value: str) -> None:
    # given
    set_variable(value)

    # then
    with pytest.raises(ImproperlyConfigured, match=r"NAME is .* origins like https://shop\.exampl"):
        # when
        origins("NAME")


@pytest.mark.parametrize(
    "value",
    ["https://payments.example/v1", "http://127.0.0.1:9000", "http://localhost", "http://[::1]:80"],
)
def test_gateway__production_accepts_https_or_loopback(set_variable: Any, value: str) -> None:
    # given
    set_variable("1", "PRODUCTION")
    set_variable(value)

    # when, then
    assert gateway("NAME") == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("http://payments.example", "NAME must begin with https:// with PRODUCTION=1"),
        ("http://10.0.0.1", "NAME must begin with https:// with PRODUCTION=1"),
        ("ftp://user:secret@payments.example", "NAME must be a URL like https://payments"),
        ("payments.example", "NAME must be a URL like https://payments"),
        ("https://[", "NAME must be a URL like https://payments"),
        ("", "PRODUCTION=1 needs your own value of NAME"),
    ],
)
def test_gateway__production_refuses_other_urls_without_their_password(
    set_variable: Any, value: str, message: str
) -> None:
    # given
    set_variable("1", "PRODUCTION")
    set_variable(value)

    # when
    with pytest.raises(ImproperlyConfigured) as refused:
        gateway("NAME")

    # then
    assert str(refused.value).startswith(message)
    assert "secret" not in str(refused.value)


def test_gateway__demo_accepts_any_url_or_none(set_variable: Any) -> None:
    # given
    set_variable(None, "PRODUCTION")
    set_variable("http://payments.example")

    # when, then
    assert gateway("NAME") == "http://payments.example"

    # given
    set_variable(None)

    # when, then
    assert gateway("NAME") == ""
