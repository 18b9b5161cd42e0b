"""The settings of the app: one dictionary, ``ORDER_COPIES``, read when used and never cached.

Each property of :class:`Settings` documents one key of the dictionary.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication


class RateLimit(NamedTuple):
    """So many requests in any span of so many seconds."""

    requests: int
    seconds: int


#: How long the pause between two tries becomes at most.
LONGEST_PAUSE = timedelta(hours=1)
#: The longest backoff of a copy that needs locked rows, unless ``RETRY_PAUSE`` is longer.
LONGEST_LOCK_PAUSE = timedelta(minutes=1)

#: The limits of contract 5.9, by mode.
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
    """Typed access to ``settings.ORDER_COPIES``."""

    def _get(self, key: str, default: Any) -> Any:
        return getattr(django_settings, "ORDER_COPIES", {}).get(key, default)

    def _require(self, key: str, example: str) -> str:
        value = self._get(key, None)
        if not isinstance(value, str) or not value:
            message = f'Set ORDER_COPIES["{key}"] in your settings, for example to "{example}".'
            raise ImproperlyConfigured(message)
        return value

    def _get_text(self, key: str, default: str) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            message = "it must be a string."
            raise TypeError(message)
        return value

    @property
    def ORDER_MODEL(self) -> str:  # noqa: N802
        """The shop's order model as ``"app_label.Model"``. Required; fixed once migrated."""
        return self._require("ORDER_MODEL", "orders.Order")

    @property
    def SHOP(self) -> str:  # noqa: N802
        """Dotted path of the shop's :class:`order_copies.shops.Shop`. Required."""
        return self._require("SHOP", "myshop.shop.MyShop")

    @property
    def ENGINE(self) -> str:  # noqa: N802
        """How workers are woken. Default ``"polling"``: they look for themselves.

        Or ``"django.tasks"``, ``"celery"``, or the dotted path of an
        :class:`order_copies.engines.base.Engine`.
        """
        return str(self._get("ENGINE", "polling"))

    @property
    def BATCH_SIZE(self) -> int:  # noqa: N802
        """How many copies a worker claims at once. Default 100."""
        return int(self._get("BATCH_SIZE", 100))

    @property
    def LEASE(self) -> timedelta:  # noqa: N802
        """How long a claimed copy belongs to a worker that gives no sign of life, in seconds.

        Default 60. A worker renews the leases of its batch as long as it lives.
        """
        return timedelta(seconds=self._get("LEASE", 60))

    @property
    def BATCH_TIME_LIMIT(self) -> timedelta:  # noqa: N802
        """How long a worker renews the leases of one batch, in seconds. Default 600.

        A worker that hangs for longer, in a call to a payment gateway say, loses its copies, and
        is told of by ``manage.py order_copies_health``.
        """
        return timedelta(seconds=self._get("BATCH_TIME_LIMIT", 600))

    @property
    def MAX_ATTEMPTS(self) -> int:  # noqa: N802
        """How often a copy that crashes is tried before it is aborted. Default 5."""
        return int(self._get("MAX_ATTEMPTS", 5))

    @property
    def RETRY_PAUSE(self) -> timedelta:  # noqa: N802
        """Pause before the second attempt, in seconds. Default 2.

        It doubles each time, up to an hour.
        """
        return timedelta(seconds=self._get("RETRY_PAUSE", 2))

    def pause_after(self, failures: int) -> timedelta:
        """How long to wait after so many failures, at least one, before the next try."""
        doublings = min(max(failures - 1, 0), 20)
        return min(self.RETRY_PAUSE * (1 << doublings), LONGEST_PAUSE)

    @property
    def LOCK_TIMEOUT(self) -> float:  # noqa: N802
        """Seconds a worker or a request waits for a row that is locked elsewhere. Default 1.

        A request then ends in an error. A copy is set aside and retried after a backoff, which
        counts as no attempt; the other copies of its batch run. Whole seconds on MariaDB.
        SQLite locks the whole database: see its ``timeout``.
        """
        return float(self._get("LOCK_TIMEOUT", 1))

    def backoff_of_locked(self, waited: timedelta) -> timedelta:
        """The time until a copy that has ``waited`` for locked rows is retried.

        As long again as it has waited, at least ``RETRY_PAUSE``, at most a minute.
        """
        return max(self.RETRY_PAUSE, min(waited, LONGEST_LOCK_PAUSE))

    @property
    def POLL_INTERVAL(self) -> float:  # noqa: N802
        """Seconds a worker with nothing to do waits before it looks again. Default 0.5."""
        return float(self._get("POLL_INTERVAL", 0.5))

    @property
    def MAX_WAITERS(self) -> int:  # noqa: N802
        """How many requests of one web process wait at a time (``Prefer: wait``). Default 4.

        Each keeps a thread of the process: choose it well below their number. 0: none waits.
        """
        return int(self._get("MAX_WAITERS", 4))

    @property
    def SHUTDOWN_TIMEOUT(self) -> float:  # noqa: N802
        """Seconds a worker that is told to stop has to finish its batch. Default 25.

        What has not ended then is handed back to other workers. Choose it less than the patience
        of whoever tells it: Kubernetes kills after 30.
        """
        return float(self._get("SHUTDOWN_TIMEOUT", 25))

    @property
    def STUCK_AFTER(self) -> timedelta:  # noqa: N802
        """How long copies can wait, with nobody at work, before that is a fault, in seconds.

        Default 600.
        """
        return timedelta(seconds=self._get("STUCK_AFTER", 600))

    @property
    def IDEMPOTENCY_RETENTION(self) -> timedelta:  # noqa: N802
        """How long an ``Idempotency-Key`` is remembered, in seconds. Default 86400, a day."""
        return timedelta(seconds=self._get("IDEMPOTENCY_RETENTION", 86400))

    @property
    def PUBLIC_ID_KEY(self) -> str:  # noqa: N802
        """The secret that public ids are computed with. Default: ``SECRET_KEY``.

        Changing it changes every public id, so give it a value of its own in production.
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
        """How often one address may ask the API. ``None``: as often as it likes.

        A dictionary with ``"cacheable"`` (reading the public catalogue) and ``"others"`` (all
        else), each with ``"average"`` and ``"burst"`` as pairs of requests and seconds. What it
        leaves out is as Commerce Layer has it for the ``MODE``: in test mode an average of
        (500, 60) and (100, 60), and a burst of (125, 10) and (25, 10); live, twice as much.
        They are counted in the default cache: have it shared by all processes.
        """
        given = self._get("RATE_LIMITS", {})
        if given is None:
            return None
        defaults = RATE_LIMITS.get(self.MODE, RATE_LIMITS["test"])
        _check_names(given, defaults)
        return {group: _rate_limits(given.get(group, {}), defaults[group]) for group in defaults}

    @property
    def METRICS_TOKEN(self) -> str:  # noqa: N802
        """The bearer token that whoever scrapes the view ``metrics`` has to send.

        Default: none, and the view tells nobody anything.
        """
        return self._get_text("METRICS_TOKEN", "")

    @property
    def TOKEN_URL(self) -> str:  # noqa: N802
        """Where clients get access tokens (OAuth2 client credentials), for the OpenAPI document.

        Default: nothing, and the document tells of tokens only that they are needed.
        """
        return self._get_text("TOKEN_URL", "")

    @property
    def AUTHENTICATION_CLASSES(self) -> "list[type[BaseAuthentication]] | None":  # noqa: N802
        """Dotted paths of the API's DRF authentication classes.

        Default: what ``REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]`` of the shop says.
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
        message = f"it knows {' and '.join(known)}, not {', '.join(unknown)}."
        raise ValueError(message)


settings = Settings()
