"""What the environment says, or ImproperlyConfigured with the variable and what is allowed.

To these functions a variable that is empty is one that is not set. ``of_our_own``, ``caches``
and ``gateway``, whose values may be secret, show none.
"""

import os
from collections.abc import Collection
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

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
    if flag("PRODUCTION") and (not named or any(map(_matches_foreign_hosts, named))):
        allowed = "the names of your own hosts with PRODUCTION=1: no *, and none like .com"
        raise _wrong(name, _text(name), allowed)
    return named


def origins(name: str) -> list[str]:
    """Return the origins that may call the API from a browser: ``["*"]``, also unless set, is any.

    ``off`` is none; others are separated by commas, each like ``https://shop.example``.
    """
    value = _text(name) or "*"
    if value.lower() == "off":
        return []
    named = [origin.strip() for origin in value.split(",")]
    if named != ["*"] and not all(map(_is_origin, named)):
        allowed = "*, off, or origins like https://shop.example, separated by commas"
        raise _wrong(name, value, allowed)
    return named


def gateway(name: str) -> str:
    """Return the address of the payment gateway, empty for that of the demo.

    Payments must not leave this machine unencrypted, so production takes https, or an address
    of this machine.
    """
    value = of_our_own(name, "")
    address = _split(value)
    is_http = address.scheme in {"http", "https"} and bool(address.hostname)
    # The address may hold a password.
    if value and not is_http:
        message = f"{name} must be an address like https://payments.example."
        raise ImproperlyConfigured(message)
    if flag("PRODUCTION") and address.scheme != "https" and not _is_local(address.hostname):
        message = f"{name} must begin with https:// with PRODUCTION=1, or name this machine."
        raise ImproperlyConfigured(message)
    return value


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


def _matches_foreign_hosts(host: str) -> bool:
    """Return whether Django would accept hosts of anybody: ``.com`` are all hosts below com."""
    return host == "*" or (host.startswith(".") and "." not in host.strip("."))


def _is_origin(text: str) -> bool:
    """Return whether this is a scheme and a host, perhaps with a port, and no more."""
    address = _split(text)
    rebuilt = f"{address.scheme}://{address.netloc}"
    return address.scheme in {"http", "https"} and bool(address.hostname) and text == rebuilt


def _is_local(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _split(address: str) -> SplitResult:
    """Split an address; one that cannot be split has no parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _text(name: str) -> str:
    return os.environ.get(name, "")


def _wrong(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {value!r}, and must be {allowed}.")
