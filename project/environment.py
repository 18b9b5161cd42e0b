"""What the environment says, or ImproperlyConfigured with the variable and what is allowed.

To these functions a variable that is empty is one that is not set. ``of_our_own`` and ``caches``,
which may be told secrets, show none.
"""

import os
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def flag(name: str, *, default: bool = False) -> bool:
    """Yes or no, in any case of letters."""
    value = _text(name)
    if not value:
        return default
    if value.lower() not in FLAGS:
        raise _wrong(name, value, f"one of {', '.join(FLAGS)}")
    return FLAGS[value.lower()]


def number(name: str, *, default: int = 0) -> int:
    """A whole number, 0 or more."""
    value = _text(name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit()):
        raise _wrong(name, value, "a whole number, 0 or more")
    return int(value)


def choice(name: str, choices: Collection[str]) -> str:
    """One of the choices; the first, unless said."""
    value = _text(name) or next(iter(choices))
    if value not in choices:
        raise _wrong(name, value, f"one of {', '.join(choices)}")
    return value


def of_our_own(name: str, demo: str) -> str:
    """A value, which in production cannot be that of the demo."""
    value = os.environ.get(name) or demo
    if flag("PRODUCTION") and value == demo:
        message = f"PRODUCTION=1 takes a value of your own in {name}: see the README."
        raise ImproperlyConfigured(message)
    return value


def hosts(name: str, demo: str) -> list[str]:
    """Names of hosts, which in production are those of the shop, not all there are."""
    named = [host.strip() for host in of_our_own(name, demo).split(",") if host.strip()]
    if flag("PRODUCTION") and (not named or "*" in named):
        raise _wrong(name, _text(name), "the names of your own hosts with PRODUCTION=1, no *")
    return named


def caches(name: str) -> dict[str, dict[str, Any]]:
    """Django's CACHES: the Redis of that address, or the memory of each process."""
    address = _text(name)
    if not address:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    if not address.startswith(REDIS_SCHEMES):
        # The address may hold a password.
        message = f"{name} must begin with one of {', '.join(REDIS_SCHEMES)}"
        raise ImproperlyConfigured(message)
    if find_spec("redis") is None:
        message = f"{name} takes the package redis: pip install redis"
        raise ImproperlyConfigured(message)
    backend = "django.core.cache.backends.redis.RedisCache"
    # Who asks the API is not to wait for a Redis that does not answer.
    patience = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
    return {"default": {"BACKEND": backend, "LOCATION": address, "OPTIONS": patience}}


def _text(name: str) -> str:
    return os.environ.get(name, "")


def _wrong(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {value!r}, and must be {allowed}.")
