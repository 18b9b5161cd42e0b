"""How often one address may ask (contract 5.9): sliding windows in Django's cache.

Every server process counts in the same cache, or for itself where the cache is its own memory.
Requests of one address are counted one after the other, so that parallel ones cannot exceed the
limit: see :func:`~order_copies.jsonapi.cache_locks.cache_lock` for the caches that ensure it.
"""

import logging
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

from order_copies.conf import RateLimit, settings
from order_copies.jsonapi.cache_locks import cache_lock
from order_copies.jsonapi.circuits import Circuit

logger = logging.getLogger("order_copies.api")

#: Seconds for which a cache that failed is not used.
CACHE_PAUSE = 10

circuit = Circuit(CACHE_PAUSE)
#: The threads of this process wait here, by address, and need not poll the cache for its lock.
_threads = [Lock() for _ in range(64)]


class RateThrottle(SimpleRateThrottle):
    """Counts the requests of an address, all windows from one list of instants.

    ``limits`` begins with the one that clients are told of.
    """

    def __init__(self, group: str, limits: Sequence[RateLimit]) -> None:
        # DRF's own would look for a rate in the shop's REST_FRAMEWORK.
        self.group = group
        self.limits = limits
        self.duration = max(limit.seconds for limit in limits)

    def allow_request(self, request: Any, view: Any = None) -> bool:
        """Whether there is room in every window; only what is allowed is counted.

        A cache that fails limits nothing, for the next seconds too: a limit is worth no outage,
        and no request waits for a cache that does not answer but the first.
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
        """Where the instants of this address are kept."""
        return f"order_copies.rate.{self.group}.{self.get_ident(request)}"

    def get_ident(self, request: Any) -> str:
        """The client's address.

        What a client says in ``X-Forwarded-For`` is believed only from proxies that the shop has
        counted in ``REST_FRAMEWORK["NUM_PROXIES"]``: else everybody had as many as it likes.
        """
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR", ""))
        return super().get_ident(request)

    def wait(self) -> float:
        """Seconds until there is room in every window; none if there is."""
        return max(self._wait(limit) for limit in self.limits)

    def headers(self) -> dict[str, str]:
        """What clients are told: so many requests, in so many seconds, so many left."""
        told = self.limits[0]
        counted = sum(then > self.now - told.seconds for then in self.history)
        return {
            "X-Ratelimit-Limit": str(told.requests),
            "X-Ratelimit-Interval": str(told.seconds),
            "X-Ratelimit-Remaining": str(max(0, told.requests - counted)),
        }

    def _wait(self, limit: RateLimit) -> float:
        if len(self.history) < limit.requests:
            return 0
        # The newest is the first: this one has to leave the window.
        leaving: float = self.history[limit.requests - 1] + limit.seconds
        return max(0, leaving - self.now)


def throttle_for(request: HttpRequest | Request, *, is_catalogue: bool) -> RateThrottle | None:
    """The throttle for such a request, or none if the shop wants none."""
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
    """Count the request, and tell of the limit in ``headers``. Raises ``Throttled``."""
    if throttle is None:
        return
    is_allowed = throttle.allow_request(request)
    headers.update(throttle.headers())
    if not is_allowed:
        raise Throttled(throttle.wait())


def counted(request: HttpRequest) -> dict[str, str]:
    """Count a request that is answered without a view, allowed or not; the answer's headers."""
    headers: dict[str, str] = {}
    with suppress(Throttled):
        limit_rate(request, throttle_for(request, is_catalogue=False), headers)
    return headers
