"""A circuit breaker: a service that failed is not called again for a while."""

import time
from threading import Lock


class Circuit:
    """Open for ``seconds`` after a failure; then one call tries whether the service is back."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = Lock()
        self._retry_at = 0.0

    def allows_call(self) -> bool:
        """Whether to call the service now. Of several threads after a failure, one may."""
        with self._lock:
            now = time.monotonic()
            if now < self._retry_at:
                return False
            if self._retry_at:
                self._retry_at = now + self.seconds
            return True

    def open(self) -> None:
        """Record a failure."""
        with self._lock:
            self._retry_at = time.monotonic() + self.seconds

    def close(self) -> None:
        """Record a success."""
        with self._lock:
            self._retry_at = 0.0
