"""What ``manage.py check`` says about the values of ``ORDER_COPIES``."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error

from order_copies.conf import LONGEST_PAUSE, Settings, settings

SHORTEST_TOKEN = 16
NO_TIME = timedelta()
#: More copies, attempts or seconds than anybody means; instants so far away cannot be stored.
TOO_MANY = 10**9
TOO_LONG = timedelta(seconds=TOO_MANY)

#: Whether the value of a setting is possible, and if not, what to type.
Rule = tuple[Callable[[Any], bool], str]

_number: Rule = (
    lambda number: 1 <= number < TOO_MANY,
    f"Set a number from 1 to {TOO_MANY - 1:,}.",
)
_span: Rule = (
    lambda span: NO_TIME < span < TOO_LONG,
    f"Set a number of seconds above 0 and below {TOO_MANY:,}.",
)
_rules: dict[str, Rule] = {
    "AUTHENTICATION_CLASSES": (lambda classes: True, "List dotted paths of DRF's classes."),
    "BATCH_SIZE": _number,
    "BATCH_TIME_LIMIT": _span,
    "IDEMPOTENCY_RETENTION": _span,
    "LEASE": _span,
    "LOCK_TIMEOUT": (lambda seconds: 0.001 <= seconds < TOO_MANY, _span[1]),
    "MAX_ATTEMPTS": _number,
    "MAX_WAITERS": (
        lambda number: 0 <= number < TOO_MANY,
        f"Set a number from 0 to {TOO_MANY - 1:,}.",
    ),
    "METRICS_TOKEN": (
        lambda token: not token or len(token) >= SHORTEST_TOKEN,
        f"Set a random string of at least {SHORTEST_TOKEN} characters.",
    ),
    "MODE": (lambda mode: mode in {"test", "live"}, 'Set "test" or "live".'),
    "ORGANIZATION_ID": (bool, "Set a string that names your shop."),
    "POLL_INTERVAL": (lambda seconds: 0 < seconds < TOO_MANY, _span[1]),
    "PUBLIC_ID_KEY": (bool, "Set a long random string, and keep it for ever."),
    "RATE_LIMITS": (
        lambda groups: all(
            1 <= number < TOO_MANY
            for limits in (groups or {}).values()
            for limit in limits
            for number in limit
        ),
        'Set None, or {"cacheable": {"average": (requests, seconds), "burst": …}, "others": …}.',
    ),
    "RETRY_PAUSE": (
        lambda pause: NO_TIME <= pause <= LONGEST_PAUSE,
        f"Set a number of seconds from 0 to {LONGEST_PAUSE.total_seconds():.0f}.",
    ),
    "SHUTDOWN_TIMEOUT": (
        lambda seconds: 0 <= seconds < TOO_MANY,
        f"Set a number of seconds, at least 0 and below {TOO_MANY:,}.",
    ),
    "STUCK_AFTER": _span,
    "TOKEN_URL": (lambda url: True, "Set a URL, or a path of your own server."),
}


def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """E006."""
    return [
        Error(message, hint=hint, id="order_copies.E006")
        for message, hint in (*_unknown_settings(), *impossible_settings())
    ]


def check_time_zones(**_kwargs: Any) -> list[CheckMessage]:
    """E008."""
    if django_settings.USE_TZ:
        return []
    message = "USE_TZ is false: instants without a time zone cannot be leases, nor go over the API."
    return [Error(message, hint="Set USE_TZ = True.", id="order_copies.E008")]


def _unknown_settings() -> Iterator[tuple[str, str]]:
    known = sorted(name for name in vars(Settings) if name.isupper())
    for name in getattr(django_settings, "ORDER_COPIES", {}):
        if name not in known:
            yield f'ORDER_COPIES["{name}"] is no setting.', f"There are: {', '.join(known)}."


def impossible_settings() -> Iterator[tuple[str, str]]:
    """What is wrong with each setting that has a value with which nothing works, and a hint."""
    for name, (is_possible, hint) in _rules.items():
        complaint = f'ORDER_COPIES["{name}"] has a value that it cannot have.'
        try:
            if not is_possible(getattr(settings, name)):
                yield complaint, hint
        except Exception as error:
            yield f"{complaint[:-1]}: {error}", hint
