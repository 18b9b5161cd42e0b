"""What a worker does that an engine has woken."""

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import Error, connection
from django.utils import timezone

from order_copies.conf import settings
from order_copies.engines.wake_ups import wake
from order_copies.models import OpenPayment, OrderFactory, Status
from order_copies.worker.heartbeats import new_name
from order_copies.worker.leases import release
from order_copies.worker.run import run_batch

logger = logging.getLogger("order_copies.engines")

#: Seconds after which a worker turns to whatever else it is there for: other tasks, or its end.
SLICE = 20

#: When this process may schedule its next wake-up against its own death, on the monotonic clock.
_next_guard = 0.0


def wake_after_lease() -> None:
    """Schedule a wake-up for after a lease, in case this process is killed while it runs copies.

    At most one in a lease and process, and none where all copies have ended.
    """
    global _next_guard  # noqa: PLW0603
    if time.monotonic() < _next_guard:
        return
    if OrderFactory.objects.ongoing().exists():
        _next_guard = time.monotonic() + settings.LEASE.total_seconds()
        wake(timezone.now() + settings.LEASE + _margin())


def wake_for_abandoned() -> None:
    """Have a worker woken where copies can be claimed and no worker runs any.

    Never raises: what keeps it from looking is logged.
    """
    now = timezone.now()
    try:
        waits = OrderFactory.objects.claimable(now).exists() or _is_payment_due(now)
        if waits and not OrderFactory.objects.running(now).exists():
            wake()
    except Error as error:
        logger.warning("Could not look for abandoned copies: %s", error)
    finally:
        connection.close()


def run_copies() -> None:
    """Run batches until there is nothing left to claim, or until :data:`SLICE` seconds are over.

    Before it returns it has a worker woken for what it leaves: for copies at once, for each time at
    which some that crashed may be tried again, and once for payments that could not be given back.
    However many were woken for the same, they do not become more. Where the database gives trouble
    that does not pass, it releases its copies, has one woken when their leases are over, and raises
    it.
    """
    worker = new_name()
    try:
        instants = list(_run(worker))
    except Error:
        with suppress(Error):
            # The database was in trouble, not the copies: the attempt does not count.
            release(OrderFactory.objects.all(), worker)
        wake(timezone.now() + settings.LEASE + _margin())
        raise
    for at in instants:
        wake(at)


def _run(worker: str) -> Iterator[datetime | None]:
    """Run batches, and then for when somebody is to be woken; None is at once."""
    deadline = time.monotonic() + SLICE
    payment = _next_payment()
    while claimed := run_batch(worker).claimed:
        if time.monotonic() >= deadline:
            break
    if claimed:
        yield None
    elif OrderFactory.objects.claimable(timezone.now()).exists():
        # Somebody has locked them, to change or to claim them, and may leave them as they are.
        yield timezone.now() + _margin()
    yield from _retries(worker)
    yield from _payments(payment)


def _retries(worker: str) -> Iterator[datetime]:
    """When to wake for what is still in progress under our name: it crashed, and has to wait."""
    paused = OrderFactory.objects.filter(status=Status.IN_PROGRESS, worker=worker)
    covered = timezone.now()
    for at in paused.order_by("lease_expires_at").values_list("lease_expires_at", flat=True):
        if at and at > covered:
            covered = at + _margin()
            yield covered


def _payments(before: datetime | None) -> Iterator[datetime]:
    """When to wake for payments that are to be given back.

    Not where the first was due at the same time ``before`` all this: whoever put it off has had
    one woken.
    """
    now, due_at = timezone.now(), _next_payment()
    if due_at and (due_at <= now or due_at != before):
        yield max(due_at, now) + _margin()


def _next_payment() -> datetime | None:
    due = OpenPayment.objects.orphaned().order_by("due_at")
    return due.values_list("due_at", flat=True).first()


def _is_payment_due(now: datetime) -> bool:
    due_at = _next_payment()
    return due_at is not None and due_at < now - _margin()


def _margin() -> timedelta:
    return timedelta(seconds=settings.POLL_INTERVAL)
