"""A circuit breaker: block calls to a failed service for an interval, then retry it."""

import time
from threading import Lock


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
