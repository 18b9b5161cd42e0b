"""System checks of the values in ``ORDER_COPIES``."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from order_copies.conf import CATCH_UPS, LONGEST_PAUSE, RateLimit, Settings, settings

#: The fewest characters of a bearer token.
SHORTEST_TOKEN = 16
#: Upper limit of numbers and of seconds: a timestamp that far away cannot be stored.
TOO_MANY = 10**9
#: The largest number of automatic retries of a renewal: its column has two bytes.
MOST_RETRIES = 1000

#: A function that returns whether a value is valid, and the hint if it is not.
Rule = tuple[Callable[[Any], bool], str]


def _is_count(value: int) -> bool:
    return 1 <= value < TOO_MANY


def _is_positive(seconds: float) -> bool:
    return 0 < seconds < TOO_MANY


def _is_not_negative(value: float) -> bool:
    return 0 <= value < TOO_MANY


def _is_lock_timeout(seconds: float) -> bool:
    # PostgreSQL counts milliseconds, and 0 disables its limit.
    return 0.001 <= seconds < TOO_MANY


def _is_span(span: timedelta) -> bool:
    return _is_positive(span.total_seconds())


def _is_window(span: timedelta) -> bool:
    return _is_not_negative(span.total_seconds())


def _are_spans(spans: list[timedelta]) -> bool:
    return len(spans) <= MOST_RETRIES and all(map(_is_span, spans))


def _is_backoff(span: timedelta) -> bool:
    return timedelta() <= span <= LONGEST_PAUSE


def _is_mode(mode: str) -> bool:
    return mode in {"test", "live"}


def _is_token(token: str) -> bool:
    return not token or len(token) >= SHORTEST_TOKEN


def _are_rate_limits(groups: dict[str, list[RateLimit]] | None) -> bool:
    limits = [limit for group in (groups or {}).values() for limit in group]
    return all(_is_count(number) for limit in limits for number in limit)


def _is_importable(path: str) -> bool:
    return not path or bool(import_string(path))


def _is_readable(_value: object) -> bool:
    # Reading the setting has checked its type.
    return True


_COUNT = f"Set a number from 1 to {TOO_MANY - 1:,}."
_SECONDS = f"Set a number of seconds above 0 and below {TOO_MANY:,}."

_rules: dict[str, Rule] = {
    "AUTHENTICATION_CLASSES": (_is_readable, "List dotted paths of DRF's classes."),
    "BATCH_SIZE": (_is_count, _COUNT),
    "BATCH_TIME_LIMIT": (_is_span, _SECONDS),
    "CATCH_UP": (_is_readable, f"Set one of: {', '.join(CATCH_UPS)}."),
    "IDEMPOTENCY_RETENTION": (_is_span, _SECONDS),
    "LEASE": (_is_span, _SECONDS),
    "LOCK_TIMEOUT": (_is_lock_timeout, _SECONDS),
    "MAX_ATTEMPTS": (_is_count, _COUNT),
    "MAX_WAITERS": (_is_not_negative, f"Set a number from 0 to {TOO_MANY - 1:,}."),
    "METRICS_TOKEN": (
        _is_token,
        f"Set a random string of at least {SHORTEST_TOKEN} characters.",
    ),
    "MODE": (_is_mode, 'Set "test" or "live".'),
    "ORDER_SERIALIZER": (_is_importable, "Set the dotted path of your serializer of orders."),
    "ORGANIZATION_ID": (bool, "Set a string that names your shop."),
    "POLL_INTERVAL": (_is_positive, _SECONDS),
    "PUBLIC_ID_KEY": (bool, "Set a long random string, and never change it."),
    "RATE_LIMITS": (
        _are_rate_limits,
        'Set None, or {"cacheable": {"average": (requests, seconds), "burst": …}, "others": …}.',
    ),
    "RENEWAL_RETRIES": (
        _are_spans,
        f"List at most {MOST_RETRIES:,} numbers of seconds, each above 0 and below {TOO_MANY:,}.",
    ),
    "RETRY_PAUSE": (
        _is_backoff,
        f"Set a number of seconds from 0 to {LONGEST_PAUSE.total_seconds():.0f}.",
    ),
    "SHUTDOWN_TIMEOUT": (
        _is_not_negative,
        f"Set a number of seconds, at least 0 and below {TOO_MANY:,}.",
    ),
    "STUCK_AFTER": (_is_span, _SECONDS),
    "SUBSCRIPTION_TIME_ZONE": (_is_readable, 'Set a time zone such as "Europe/Rome".'),
    "UNDO_WINDOW": (
        _is_window,
        f"Set a number of seconds, at least 0 and below {TOO_MANY:,}.",
    ),
    "TOKEN_URL": (_is_readable, "Set a URL, or a path of your own server."),
}


def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Return E006 for each setting that is unknown or invalid."""
    return [
        Error(message, hint=hint, id="order_copies.E006")
        for message, hint in (*_unknown_settings(), *invalid_settings())
    ]


def check_rest_framework(**_kwargs: Any) -> list[CheckMessage]:
    """Return W012 if ``rest_framework`` is not installed."""
    if not django_settings.USE_I18N or apps.is_installed("rest_framework"):
        return []
    message = "The API will not translate the messages of Django REST framework."
    hint = 'Add "rest_framework" to INSTALLED_APPS.'
    return [checks.Warning(message, hint=hint, id="order_copies.W012")]


def check_time_zones(**_kwargs: Any) -> list[CheckMessage]:
    """Return E008 if ``USE_TZ`` is false."""
    if django_settings.USE_TZ:
        return []
    message = "USE_TZ is false: leases and the API need times with a time zone."
    return [Error(message, hint="Set USE_TZ = True.", id="order_copies.E008")]


def _unknown_settings() -> Iterator[tuple[str, str]]:
    known = sorted(name for name in vars(Settings) if name.isupper())
    for name in settings.given:
        if name not in known:
            yield f'ORDER_COPIES["{name}"] is unknown.', f"The settings are: {', '.join(known)}."


def invalid_settings() -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for each setting whose value is invalid."""
    for name, (is_valid, hint) in _rules.items():
        message = f'ORDER_COPIES["{name}"] is invalid'
        try:
            if not is_valid(getattr(settings, name)):
                yield f"{message}.", hint
        except Exception as error:
            yield f"{message}: {error}", hint
