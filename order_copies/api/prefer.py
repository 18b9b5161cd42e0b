"""How long a response waits for its copy to end: the header ``Prefer: wait`` (RFC 7240)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.db import connection
from django.utils import timezone
from rest_framework.request import Request

from order_copies.conf import settings
from order_copies.worker import heartbeats

#: The longest wait in seconds, less than the usual timeouts of clients.
MAX_WAIT = 10

_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]+)"?\s*(?=$|[,;])', re.IGNORECASE)


def preferred_wait(request: Request) -> int:
    """Return the seconds to wait by the header ``Prefer: wait=N``, at most :data:`MAX_WAIT`.

    0 if the header is missing or not a number, which RFC 7240 says to ignore, and inside a
    transaction, where the copy cannot end.
    """
    found = _WAIT.search(request.headers.get("Prefer", ""))
    if found is None or connection.in_atomic_block:
        return 0
    digits = found[1].lstrip("0")
    return MAX_WAIT if len(digits) > 2 else min(int(digits or 0), MAX_WAIT)


class Waiters:
    """A counter of the waiting requests of this process, limited to ``MAX_WAITERS``."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def enter(self) -> bool:
        """Count one more request; return False if the limit is reached.

        After True the caller must call :meth:`leave`.
        """
        with self._lock:
            if self._count >= settings.MAX_WAITERS:
                return False
            self._count += 1
            return True

    def leave(self) -> None:
        """Count one request less."""
        with self._lock:
            self._count -= 1


waiters = Waiters()


@contextmanager
def granted_wait(request: Request) -> Iterator[int]:
    """Yield the seconds that the response may wait; 0 if it must not.

    A waiting request occupies a thread of the server. So at most ``MAX_WAITERS`` requests of a
    process wait at a time, for the duration of this context, and none waits if no worker is alive.
    """
    seconds = preferred_wait(request)
    if not (seconds and _has_workers() and waiters.enter()):
        yield 0
        return
    try:
        yield seconds
    finally:
        waiters.leave()


def _has_workers() -> bool:
    # Only polling workers send heartbeats; with another engine assume that there are workers.
    return settings.ENGINE != "polling" or heartbeats.active(timezone.now()).exists()
