"""Rate limits per client address (contract 5.9): sliding windows in Django's cache.

All server processes share the counters in the cache; with a local-memory cache each process has
its own. A lock serializes the requests of one address, so that parallel requests cannot exceed
the limit: see :func:`cache_lock` for the caches with locks.
"""

import logging
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

from order_copies.conf import RateLimit, settings

logger = logging.getLogger("order_copies.api")

#: Seconds for which the throttle does not use a cache that failed.
CACHE_PAUSE = 10

#: Seconds until a lock expires, in case its holder was killed.
EXPIRES = 2
#: Seconds to wait for the lock: longer than EXPIRES, so that the lock of a killed process is gone.
PATIENCE = 5
#: Seconds between two attempts to take the lock.
INTERVAL = 0.002


class Circuit:
    """Circuit breaker that blocks calls for ``seconds`` after a failure, then allows one retry."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = Lock()
        self._retry_at = 0.0

    def allows_call(self) -> bool:
        """Return whether the caller may call the service now.

        When the interval after a failure has passed, only one of several threads gets ``True``.
        """
        with self._lock:
            now = time.monotonic()
            if now < self._retry_at:
                return False
            if self._retry_at:
                self._retry_at = now + self.seconds
            return True

    def open(self) -> None:
        """Record a failure: block calls for the next ``seconds``."""
        with self._lock:
            self._retry_at = time.monotonic() + self.seconds

    def close(self) -> None:
        """Record a success: allow all calls."""
        with self._lock:
            self._retry_at = 0.0


circuit = Circuit(CACHE_PAUSE)
#: Local locks, chosen by address: threads of this process wait here and do not poll the cache lock.
_threads = [Lock() for _ in range(64)]


@contextmanager
def cache_lock(cache: Any, key: str) -> Iterator[None]:
    """Hold an exclusive lock on ``key`` across all processes that use the cache.

    Raise ``TimeoutError`` after ``PATIENCE`` seconds; errors of the cache propagate. The lock
    expires after ``EXPIRES`` seconds, even if the block still runs.

    The lock is exclusive only if ``cache.add`` is atomic: it is in Redis, Memcached, the database
    and local memory, but not in Django's file-based cache.
    """
    lock = f"{key}.lock"
    deadline = time.monotonic() + PATIENCE
    while not cache.add(lock, 1, EXPIRES):
        if time.monotonic() > deadline:
            message = f"The lock of {key} was not released within {PATIENCE} seconds."
            raise TimeoutError(message)
        time.sleep(INTERVAL)
    expires_at = time.monotonic() + EXPIRES
    try:
        yield
    finally:
        # After the expiry, another process may hold the lock: do not delete it.
        if time.monotonic() < expires_at:
            cache.delete(lock)


class RateThrottle(SimpleRateThrottle):
    """Throttle per client address that evaluates all windows on one list of request times.

    The ``X-Ratelimit-*`` headers report the first of ``limits``.
    """

    def __init__(self, group: str, limits: Sequence[RateLimit]) -> None:
        # DRF's __init__ would look up a rate in the shop's REST_FRAMEWORK setting.
        self.group = group
        self.limits = limits
        self.duration = max(limit.seconds for limit in limits)

    def allow_request(self, request: Any, view: Any = None) -> bool:
        """Return whether every window has room for the request; count only allowed requests.

        If the cache fails, allow all requests for the next ``CACHE_PAUSE`` seconds: a failing
        cache must not stop the API, and only the first request waits for the cache's timeout.
        """
        self.key: str = self.get_cache_key(request, view)
        self.now: float = self.timer()
        self.history: list[float] = []
        with _threads[hash(self.key) % len(_threads)]:
            return self._count_unless_the_cache_fails() if circuit.allows_call() else True

    def _count_unless_the_cache_fails(self) -> bool:
        try:
            with cache_lock(self.cache, self.key):
                is_allowed = self._count()
        except Exception as error:
            circuit.open()
            message = "Requests are not limited, the cache failed: %r. Next try in %s seconds."
            logger.error(message, error, circuit.seconds)
            return True
        circuit.close()
        return is_allowed

    def _count(self) -> bool:
        self.now = self.timer()
        begin = self.now - self.duration
        self.history = [then for then in self.cache.get(self.key, []) if then > begin]
        return bool(self.throttle_failure() if self.wait() else self.throttle_success())

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Return the cache key of the request times of this address."""
        return f"order_copies.rate.{self.group}.{self.get_ident(request)}"

    def get_ident(self, request: Any) -> str:
        """Return the client's address.

        Use ``X-Forwarded-For`` only if the shop has set ``REST_FRAMEWORK["NUM_PROXIES"]``:
        otherwise a client could invent a new address for each request and avoid the limit.
        """
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR", ""))
        return super().get_ident(request)

    def wait(self) -> float:
        """Return the seconds until every window has room: 0 if all have room now."""
        return max(self._wait(limit) for limit in self.limits)

    def headers(self) -> dict[str, str]:
        """Return the headers with the allowed requests, the interval in seconds and the rest."""
        reported = self.limits[0]
        counted = sum(then > self.now - reported.seconds for then in self.history)
        return {
            "X-Ratelimit-Limit": str(reported.requests),
            "X-Ratelimit-Interval": str(reported.seconds),
            "X-Ratelimit-Remaining": str(max(0, reported.requests - counted)),
        }

    def _wait(self, limit: RateLimit) -> float:
        if len(self.history) < limit.requests:
            return 0
        # The history starts with the newest request: wait until this one has left the window.
        leaving: float = self.history[limit.requests - 1] + limit.seconds
        return max(0, leaving - self.now)


def throttle_for(request: HttpRequest | Request, *, is_catalogue: bool) -> RateThrottle | None:
    """Return the throttle for a request, or ``None`` if ``RATE_LIMITS`` is ``None``."""
    limits = settings.RATE_LIMITS
    if limits is None:
        return None
    is_cacheable = is_catalogue and request.method in SAFE_METHODS
    group = "cacheable" if is_cacheable else "others"
    return RateThrottle(group, limits[group])


def limit_rate(
    request: HttpRequest | Request,
    throttle: RateThrottle | None,
    headers: MutableMapping[str, str],
) -> None:
    """Count the request and add the rate limit to ``headers``. Raise ``Throttled`` if exceeded."""
    if throttle is None:
        return
    is_allowed = throttle.allow_request(request)
    headers.update(throttle.headers())
    if not is_allowed:
        raise Throttled(throttle.wait())


def counted(request: HttpRequest) -> dict[str, str]:
    """Count a request that no view handles; return the headers, even if it exceeds the limit."""
    headers: dict[str, str] = {}
    with suppress(Throttled):
        limit_rate(request, throttle_for(request, is_catalogue=False), headers)
    return headers
