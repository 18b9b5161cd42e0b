"""Leases on rows of a queue: claim, renew, check and release them.

A worker holds a row while the row has the ``attempt`` and ``retries`` that it was claimed with, and
is in progress.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from django.db import Error, connection
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.transactions import committed, limited_wait, lock_available, locked
from order_copies.exceptions import RowsLockedError
from order_copies.models import Leased, LeasedQuerySet

logger = logging.getLogger("order_copies.worker")

#: How many times a lease is renewed before it would expire.
RENEWALS = 3


class Start(Protocol):
    """The transition that gives a worker rows, such as :func:`order_copies.transitions.start`."""

    def __call__(
        self, candidates: Any, *, worker: str, now: datetime, lease_expires_at: datetime
    ) -> list[Any]:
        """Return the rows that the worker now holds, by key."""


def claim_expired(queue: LeasedQuerySet, start: Start, worker: str) -> list[Any]:
    """Claim the row with the fewest attempts among those whose lease has expired.

    It may have killed its worker, so it runs alone: the other copies of its first batch end before
    it can kill a worker again.
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
        keys = list(lock_available(rows).values_list("pk", flat=True))
        # After the wait for locks: later than the rows were created.
        now = timezone.now()
        claimed += start(
            queue.filter(pk__in=keys),
            worker=worker,
            now=now,
            lease_expires_at=now + settings.LEASE,
        )
    return claimed


def held(rows: Sequence[Leased], *, until_commit: bool = False) -> set[Any]:
    """Return the keys of those rows that this worker still holds.

    ``until_commit`` locks them, so that it holds them until the transaction ends.
    """
    in_progress = _in_progress(rows)
    found = locked(in_progress.order_by("pk")) if until_commit else in_progress
    current = set(found.values_list("pk", "attempt", "retries"))
    return {row.pk for row in rows if (row.pk, row.attempt, row.retries) in current}


def back_off(row: Leased, backoff: timedelta) -> int:
    """Have a row wait for its next attempt until ``backoff`` is over.

    Returns 1 if this worker still held it, else 0.
    """
    mine = _in_progress([row]).filter(attempt=row.attempt, retries=row.retries)
    due_at = timezone.now() + backoff
    return mine.update(lease_expires_at=due_at, queued_at=due_at, locked_since=None)


def set_aside(rows: Sequence[Leased], backoff: timedelta) -> int:
    """Have rows wait that need locked rows. The attempt does not count.

    Returns how many of them this worker still held.
    """
    now = timezone.now()
    due_at = now + backoff
    return (
        _in_progress(rows)
        .filter(worker=rows[0].worker)
        .update(
            lease_expires_at=due_at,
            queued_at=due_at,
            locked_since=Coalesce("locked_since", now),
            hand_backs=F("hand_backs") + 1,
        )
    )


def release(rows: LeasedQuerySet, worker: str) -> int:
    """Release those of the rows that a worker holds: others may claim them now.

    The attempt does not count. Returns how many were released.
    """
    now = timezone.now()
    mine = rows.in_progress().filter(worker=worker).not_backing_off()
    return mine.update(lease_expires_at=now, queued_at=now, hand_backs=F("hand_backs") + 1)


@contextmanager
def renewed(rows: Sequence[Leased]) -> Iterator[None]:
    """Renew the leases of these rows, all claimed at once, until the context is left.

    A worker that hangs for longer than the setting ``BATCH_TIME_LIMIT`` loses them. The lease of a
    row that was released, or claimed by another worker, is not renewed.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(rows, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(rows: Sequence[Leased], ended: threading.Event) -> None:
    interval = (settings.LEASE / RENEWALS).total_seconds()
    deadline = time.monotonic() + settings.BATCH_TIME_LIMIT.total_seconds()
    # A release and a claim change the end of the lease.
    ours = {rows[0].lease_expires_at}
    while not ended.wait(interval) and time.monotonic() < deadline:
        later = timezone.now() + settings.LEASE
        try:
            _extend(_in_progress(rows).filter(lease_expires_at__in=ours), later)
        except (Error, RowsLockedError):
            message = "The leases of %s copies could not be renewed"
            logger.warning(message, len(rows), exc_info=True, extra=_about(rows))
        else:
            ours.add(later)
        finally:
            connection.close()


def _extend(mine: LeasedQuerySet, later: datetime) -> None:
    """Extend leases; rows that another transaction has locked wait for the next renewal."""
    with limited_wait(settings.LOCK_TIMEOUT):
        free = lock_available(mine, for_deletion=False).values_list("pk", flat=True)
        mine.model._default_manager.filter(pk__in=list(free)).update(lease_expires_at=later)


def _in_progress(rows: Sequence[Leased]) -> LeasedQuerySet:
    queue = cast("LeasedQuerySet", type(rows[0])._default_manager.all())
    return queue.in_progress().filter(pk__in=[row.pk for row in rows])


def _about(rows: Sequence[Any]) -> dict[str, Any]:
    return {"worker": rows[0].worker, "order_copy_ids": [row.public_id for row in rows]}
