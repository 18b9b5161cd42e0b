"""Wait for a copy to end, where a client prefers that to asking again (RFC 7240)."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from django.db import connection
from django.utils import timezone
from rest_framework.request import Request

from order_copies.conf import settings
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker import heartbeats

#: How many seconds a client can have its answer wait: less than its own patience.
MAX_WAIT = 10
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5

_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]+)"?\s*(?=$|[,;])', re.IGNORECASE)


def preferred_wait(request: Request) -> int:
    """For how many seconds the answer is to wait, by the header ``Prefer: wait=N``.

    At most :data:`MAX_WAIT`. What is no number is ignored, as RFC 7240 says, and so is the whole
    inside of a transaction, which would never see the end.
    """
    found = _WAIT.search(request.headers.get("Prefer", ""))
    if found is None or connection.in_atomic_block:
        return 0
    digits = found[1].lstrip("0")
    return MAX_WAIT if len(digits) > 2 else min(int(digits or 0), MAX_WAIT)


class Waiters:
    """Counts the requests of this process that wait now: at most ``MAX_WAITERS``."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def enter(self) -> bool:
        """Whether one more may wait; it must :meth:`leave` then."""
        with self._lock:
            has_room = self._count < settings.MAX_WAITERS
            self._count += has_room
            return has_room

    def leave(self) -> None:
        """One of them waits no longer."""
        with self._lock:
            self._count -= 1


waiters = Waiters()


@contextmanager
def granted_wait(request: Request) -> Iterator[int]:
    """For how many seconds the answer waits: 0 if it is not preferred, or would hold up others.

    A request that waits keeps a thread of its server. So ``MAX_WAITERS`` of each process wait at
    a time, for the length of this context, and none does where no worker is alive.
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
    """Whether a polling worker is alive; workers of other engines leave no heartbeats."""
    return settings.ENGINE != "polling" or heartbeats.at_work(timezone.now()).exists()


def wait_for_end(order_copy: OrderCopy, seconds: float) -> None:
    """Return when the copy has ended, is gone, or time is up, with the object up to date."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    ongoing = OrderFactory.objects.ongoing().filter(pk=order_copy.pk)
    while ongoing.exists() and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    with suppress(OrderCopy.DoesNotExist):
        order_copy.refresh_from_db()
