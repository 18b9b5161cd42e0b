"""Claim rows of a queue for a worker under a time-limited lease."""

from datetime import datetime
from typing import Any, Protocol

from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.commits import committed
from order_copies.db.locks import locked_unless_taken
from order_copies.models import LeasedQuerySet


class Start(Protocol):
    """The transition that gives a worker rows, such as :func:`order_copies.transitions.start`."""

    def __call__(
        self, candidates: Any, *, worker: str, now: datetime, lease_expires_at: datetime
    ) -> list[Any]:
        """Return the rows that the worker now holds, by key."""


def claim_expired(queue: LeasedQuerySet, start: Start, worker: str) -> list[Any]:
    """Claim the row with the fewest attempts among those whose lease has expired.

    It may have killed its worker. Whatever is retried is therefore retried alone: its neighbours
    of the first attempt end before it can kill a worker again.
    """
    expired = queue.expired(timezone.now()).order_by("attempt", "pk")[:1]
    # Mostly there is none, and a transaction is not needed to see that.
    return _claim(queue, expired, start, worker) if expired.exists() else []


def claim_pending(queue: LeasedQuerySet, start: Start, worker: str, limit: int) -> list[Any]:
    """Claim up to ``limit`` rows that no worker has claimed yet, the oldest first."""
    return _claim(queue, queue.pending().order_by("pk")[:limit], start, worker)


def _claim(queue: LeasedQuerySet, rows: LeasedQuerySet, start: Start, worker: str) -> list[Any]:
    claimed: list[Any] = []
    with committed(claimed, worker=worker):
        keys = list(locked_unless_taken(rows).values_list("pk", flat=True))
        # After the wait for locks: later than the rows were created.
        now = timezone.now()
        claimed += start(
            queue.filter(pk__in=keys),
            worker=worker,
            now=now,
            lease_expires_at=now + settings.LEASE,
        )
    return claimed
