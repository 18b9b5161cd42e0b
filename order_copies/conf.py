"""The settings of the app: the dictionary ``ORDER_COPIES``, read at each use and never cached.

Each property of :class:`Settings` documents one key of the dictionary.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication


class SettingError(ImproperlyConfigured, CommandError):
    """A setting is wrong. ``manage.py`` prints the message without a traceback."""


class RateLimit(NamedTuple):
    """A maximum number of requests in any interval of ``seconds``."""

    requests: int
    seconds: int


#: The longest backoff between two attempts.
LONGEST_PAUSE = timedelta(hours=1)
#: The longest backoff of a copy that needs locked rows, unless ``RETRY_PAUSE`` is longer.
LONGEST_LOCK_PAUSE = timedelta(seconds=15)

#: The values of ``CATCH_UP``.
CATCH_UPS = ("latest", "all", "none")

#: Rate limits of contract 5.9 by mode, group and window: requests and seconds.
RATE_LIMITS = {
    "live": {
        "cacheable": {"average": (1000, 60), "burst": (250, 10)},
        "others": {"average": (200, 60), "burst": (50, 10)},
    },
    "test": {
        "cacheable": {"average": (500, 60), "burst": (125, 10)},
        "others": {"average": (100, 60), "burst": (25, 10)},
    },
}


class Settings:
    """Typed access to ``settings.ORDER_COPIES``.

    A property raises :class:`SettingError` for a required key that is missing, and TypeError,
    ValueError or ImportError for a value that it cannot convert. ``manage.py check`` reports both.
    """

    @property
    def given(self) -> Mapping[str, Any]:
        """The dictionary ``ORDER_COPIES``; empty if it is missing or no dictionary."""
        given = getattr(django_settings, "ORDER_COPIES", {})
        return given if isinstance(given, Mapping) else {}

    def _get(self, key: str, default: Any) -> Any:
        return self.given.get(key, default)

    def _require(self, key: str, example: str) -> str:
        value = self._get(key, None)
        if not isinstance(value, str) or not value:
            message = f'Set ORDER_COPIES["{key}"] in your settings, for example to "{example}".'
            raise SettingError(message)
        return value

    def _get_text(self, key: str, default: str) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            message = "it must be a string."
            raise TypeError(message)
        return value

    @property
    def ORDER_MODEL(self) -> str:  # noqa: N802
        """The shop's order model as ``"app_label.Model"``.

        Required. It cannot be changed after the first ``migrate``.
        """
        return self._require("ORDER_MODEL", "orders.Order")

    @property
    def SHOP(self) -> str:  # noqa: N802
        """Dotted path of the shop's subclass of :class:`order_copies.shops.Shop`. Required."""
        return self._require("SHOP", "myshop.shop.MyShop")

    @property
    def ORDER_SERIALIZER(self) -> str:  # noqa: N802
        """Dotted path of the shop's serializer of orders, for ``/orders`` of the API.

        A serializer of djangorestframework-jsonapi. The resources in its ``included_serializers``
        are served too. Default ``""``: orders have their relationships to copies only.
        """
        return self._get_text("ORDER_SERIALIZER", "")

    @property
    def ENGINE(self) -> str:  # noqa: N802
        """How workers are woken. Default ``"polling"``: they poll the database.

        Other values: ``"django.tasks"``, ``"celery"``, or the dotted path of a subclass of
        :class:`order_copies.engines.base.Engine`.
        """
        return str(self._get("ENGINE", "polling"))

    @property
    def BATCH_SIZE(self) -> int:  # noqa: N802
        """The number of copies that a worker claims at once. Default 100."""
        return int(self._get("BATCH_SIZE", 100))

    @property
    def LEASE(self) -> timedelta:  # noqa: N802
        """Duration of a lease, in seconds. Default 60.

        A worker renews the leases of its batch while it runs. After the lease of a killed worker
        has expired, another worker claims the copy.
        """
        return timedelta(seconds=self._get("LEASE", 60))

    @property
    def BATCH_TIME_LIMIT(self) -> timedelta:  # noqa: N802
        """How long a worker renews the leases of one batch, in seconds. Default 600.

        A worker that hangs for longer, for example in a call to a payment gateway, loses its
        leases, and ``manage.py order_copies_health`` reports it.
        """
        return timedelta(seconds=self._get("BATCH_TIME_LIMIT", 600))

    @property
    def MAX_ATTEMPTS(self) -> int:  # noqa: N802
        """The number of attempts after which a copy that crashes is aborted. Default 5."""
        return int(self._get("MAX_ATTEMPTS", 5))

    @property
    def RETRY_PAUSE(self) -> timedelta:  # noqa: N802
        """Backoff before the second attempt, in seconds. Default 2.

        The backoff doubles with each further attempt, up to one hour.
        """
        return timedelta(seconds=self._get("RETRY_PAUSE", 2))

    def backoff_after(self, failures: int) -> timedelta:
        """Return the backoff before the next attempt after ``failures`` >= 1 failed attempts."""
        doublings = min(max(failures - 1, 0), 20)
        return min(self.RETRY_PAUSE * (1 << doublings), LONGEST_PAUSE)

    @property
    def LOCK_TIMEOUT(self) -> float:  # noqa: N802
        """How long a worker or a request waits for a row lock, in seconds. Default 1.

        After that a request fails, and a copy is released and retried after a backoff, which does
        not count as an attempt; the other copies of its batch run. MariaDB rounds to whole seconds.
        SQLite has no row locks: see the ``timeout`` of its connection.
        """
        return float(self._get("LOCK_TIMEOUT", 1))

    def lock_backoff(self, waited: timedelta) -> timedelta:
        """Return the backoff of a copy that has ``waited`` for locked rows since its first attempt.

        It equals ``waited``, but is at least ``RETRY_PAUSE`` and otherwise at most 15 seconds.
        """
        return max(self.RETRY_PAUSE, min(waited, LONGEST_LOCK_PAUSE))

    @property
    def POLL_INTERVAL(self) -> float:  # noqa: N802
        """How long a polling worker waits between two queries if it is idle, in seconds.

        Default 0.5.
        """
        return float(self._get("POLL_INTERVAL", 0.5))

    @property
    def MAX_WAITERS(self) -> int:  # noqa: N802
        """The number of requests of one web process that may wait (``Prefer: wait``). Default 4.

        Each occupies a thread of the process: set it well below the number of threads. With 0 no
        request waits.
        """
        return int(self._get("MAX_WAITERS", 4))

    @property
    def SHUTDOWN_TIMEOUT(self) -> float:  # noqa: N802
        """How long a worker may finish its batch after SIGTERM, in seconds. Default 25.

        After that the worker releases its unfinished copies to other workers. Set it below the
        grace period of the process manager: Kubernetes kills a container after 30 seconds.
        """
        return float(self._get("SHUTDOWN_TIMEOUT", 25))

    @property
    def STUCK_AFTER(self) -> timedelta:  # noqa: N802
        """How long copies may be pending without an active worker, in seconds. Default 600.

        After that the health command, the metrics and ``manage.py check`` report a fault.
        """
        return timedelta(seconds=self._get("STUCK_AFTER", 600))

    @property
    def UNDO_WINDOW(self) -> timedelta:  # noqa: N802
        """How long after its end a completed copy can be undone, in seconds. Default 3600.

        With 0 no copy can be undone.
        """
        return timedelta(seconds=self._get("UNDO_WINDOW", 3600))

    @property
    def SUBSCRIPTION_TIME_ZONE(self) -> ZoneInfo:  # noqa: N802
        """The time zone whose wall clock subscriptions keep. Default ``"UTC"``.

        A daily, weekly or longer period and a crontab expression are counted in it.
        """
        return ZoneInfo(self._get_text("SUBSCRIPTION_TIME_ZONE", "UTC"))

    @property
    def CATCH_UP(self) -> str:  # noqa: N802
        """What follows if slots of a subscription were missed. Default ``"latest"``.

        ``"latest"``: one copy, for the last missed slot. ``"all"``: a copy for each, one after the
        other. ``"none"``: no copy for a slot that is late by more than ``STUCK_AFTER``.
        """
        value = self._get_text("CATCH_UP", "latest")
        if value not in CATCH_UPS:
            message = f"it must be one of {', '.join(CATCH_UPS)}."
            raise ValueError(message)
        return value

    @property
    def RENEWAL_RETRIES(self) -> list[timedelta]:  # noqa: N802
        """The backoffs in seconds before the retries of a failed renewal. Default: none.

        ``[86400, 259200]`` retries after one day, and three days after that. Only problems that may
        pass are retried, such as a payment that was declined for now.
        """
        given = self._get("RENEWAL_RETRIES", [])
        if not isinstance(given, list | tuple):
            message = "it must be a list of seconds."
            raise TypeError(message)
        return [timedelta(seconds=seconds) for seconds in given]

    @property
    def IDEMPOTENCY_RETENTION(self) -> timedelta:  # noqa: N802
        """How long an ``Idempotency-Key`` is stored, in seconds. Default 86400, one day."""
        return timedelta(seconds=self._get("IDEMPOTENCY_RETENTION", 86400))

    @property
    def PUBLIC_ID_KEY(self) -> str:  # noqa: N802
        """The secret that public ids are computed with. Default: ``SECRET_KEY``.

        A new value changes every public id. Set it in production, so that a new ``SECRET_KEY`` does
        not change them.
        """
        return self._get_text("PUBLIC_ID_KEY", str(django_settings.SECRET_KEY))

    @property
    def MODE(self) -> str:  # noqa: N802
        """``meta.mode`` of every API document, ``"test"`` or ``"live"``. Default ``"test"``."""
        return str(self._get("MODE", "test"))

    @property
    def ORGANIZATION_ID(self) -> str:  # noqa: N802
        """``meta.organization_id`` of every API document. Default ``"xRRkjDFafe"``."""
        return self._get_text("ORGANIZATION_ID", "xRRkjDFafe")

    @property
    def RATE_LIMITS(self) -> dict[str, list[RateLimit]] | None:  # noqa: N802
        """Rate limits of the API per client address. ``None`` disables them.

        A dictionary with the groups ``"cacheable"`` (reading the public catalogue) and
        ``"others"`` (all other requests), each with ``"average"`` and ``"burst"`` as pairs of
        requests and seconds. A missing key gets Commerce Layer's limit for the ``MODE``: in test
        mode an average of (500, 60) for cacheable and (100, 60) for other requests, and a burst
        of (125, 10) and (25, 10); in live mode twice as many requests. Requests are counted in
        the default cache: configure one that all processes share.
        """
        given = self._get("RATE_LIMITS", {})
        if given is None:
            return None
        defaults = RATE_LIMITS.get(self.MODE, RATE_LIMITS["test"])
        _check_names(given, defaults)
        return {group: _rate_limits(given.get(group, {}), defaults[group]) for group in defaults}

    @property
    def METRICS_TOKEN(self) -> str:  # noqa: N802
        """The bearer token that a client of the view ``metrics`` must send.

        Default: empty; the view then refuses every request.
        """
        return self._get_text("METRICS_TOKEN", "")

    @property
    def TOKEN_URL(self) -> str:  # noqa: N802
        """The URL of the OAuth2 token endpoint (client credentials), for the OpenAPI document.

        Default: empty; the document then says only that a bearer token is required.
        """
        return self._get_text("TOKEN_URL", "")

    @property
    def AUTHENTICATION_CLASSES(self) -> "list[type[BaseAuthentication]] | None":  # noqa: N802
        """Dotted paths of the API's DRF authentication classes.

        Default: the shop's ``REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]``.
        """
        paths = self._get("AUTHENTICATION_CLASSES", None)
        if paths is None:
            return None
        if not isinstance(paths, list | tuple):
            message = "it must be a list."
            raise TypeError(message)
        return [cast("type[BaseAuthentication]", import_string(path)) for path in paths]


def _rate_limits(given: Any, defaults: Mapping[str, tuple[int, int]]) -> list[RateLimit]:
    _check_names(given, defaults)
    return [RateLimit(*given.get(window, defaults[window])) for window in defaults]


def _check_names(given: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(given, Mapping):
        message = "it must be a dictionary."
        raise TypeError(message)
    if unknown := sorted(set(given) - set(known)):
        message = f"the keys are {' and '.join(known)}, not {', '.join(unknown)}."
        raise ValueError(message)


settings = Settings()
