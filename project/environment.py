"""Read settings from environment variables.

An empty variable counts as unset. For a value that is not allowed each function raises
``ImproperlyConfigured`` with the name of the variable, its value and the allowed values.
``own_value``, ``caches`` and ``gateway`` do not print the value, which may be a secret.
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
    """Return a switch as a boolean. Case does not matter."""
    value = _text(name)
    if not value:
        return default
    if value.lower() not in FLAGS:
        raise _wrong(name, value, f"one of {', '.join(FLAGS)}")
    return FLAGS[value.lower()]


def number(name: str, *, default: int = 0) -> int:
    """Return a whole number, 0 or more."""
    value = _text(name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit()):
        raise _wrong(name, value, "a whole number, 0 or more")
    return int(value)


def choice(name: str, choices: Collection[str]) -> str:
    """Return one of the choices, by default the first."""
    value = _text(name) or next(iter(choices))
    if value not in choices:
        raise _wrong(name, value, f"one of {', '.join(choices)}")
    return value


def own_value(name: str, demo: str) -> str:
    """Return a value, by default that of the demo, which ``PRODUCTION=1`` refuses."""
    value = os.environ.get(name) or demo
    if flag("PRODUCTION") and value == demo:
        message = f"PRODUCTION=1 needs your own value of {name}: see docs/how-to/production.md."
        raise ImproperlyConfigured(message)
    return value


def hosts(name: str, demo: str) -> list[str]:
    """Return host names. ``PRODUCTION=1`` refuses patterns that match hosts of other owners."""
    named = [host.strip() for host in own_value(name, demo).split(",") if host.strip()]
    if flag("PRODUCTION") and (not named or any(map(_matches_foreign_hosts, named))):
        allowed = "the names of your own hosts with PRODUCTION=1, without * and names like .com"
        raise _wrong(name, _text(name), allowed)
    return named


def origins(name: str) -> list[str]:
    """Return the origins whose pages may call the API from a browser.

    The variable lists origins like ``https://shop.example``, separated by commas. ``*``, the
    default, allows all origins; ``off`` allows none.
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
    """Return the URL of the payment gateway, empty for the gateway of the demo.

    Payments must not leave this machine unencrypted: ``PRODUCTION=1`` requires https or a loopback
    address.
    """
    value = own_value(name, "")
    address = _split(value)
    is_http = address.scheme in {"http", "https"} and bool(address.hostname)
    # Do not print the URL: it may contain a password.
    if value and not is_http:
        message = f"{name} must be a URL like https://payments.example."
        raise ImproperlyConfigured(message)
    if flag("PRODUCTION") and address.scheme != "https" and not _is_local(address.hostname):
        message = f"{name} must begin with https:// with PRODUCTION=1, or be a URL of this machine."
        raise ImproperlyConfigured(message)
    return value


def caches(name: str) -> dict[str, dict[str, Any]]:
    """Return Django's ``CACHES``: the Redis of that URL, by default the memory of each process."""
    address = _text(name)
    if not address:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    if not address.startswith(REDIS_SCHEMES):
        # Do not print the URL: it may contain a password.
        message = f"{name} must begin with one of {', '.join(REDIS_SCHEMES)}"
        raise ImproperlyConfigured(message)
    if find_spec("redis") is None:
        message = f"{name} needs the package redis: pip install redis"
        raise ImproperlyConfigured(message)
    backend = "django.core.cache.backends.redis.RedisCache"
    # Clients of the API must not wait for a Redis that does not answer.
    timeouts = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
    return {"default": {"BACKEND": backend, "LOCATION": address, "OPTIONS": timeouts}}


def _matches_foreign_hosts(host: str) -> bool:
    """Return whether Django would accept hosts of other owners: ``.com`` matches all of com."""
    return host == "*" or (host.startswith(".") and "." not in host.strip("."))


def _is_origin(text: str) -> bool:
    """Return whether the text is a scheme and a host with an optional port, and nothing else."""
    address = _split(text)
    rebuilt = f"{address.scheme}://{address.netloc}"
    return address.scheme in {"http", "https"} and bool(address.hostname) and text == rebuilt


def _is_local(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _split(address: str) -> SplitResult:
    """Split a URL; return empty parts for an invalid one."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _text(name: str) -> str:
    return os.environ.get(name, "")


def _wrong(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {value!r}, and must be {allowed}.")
