"""The job that a worker runs after an engine has woken it."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import Error, connection
from django.utils import timezone

from order_copies.conf import settings
from order_copies.engines.wake_ups import MAX_WAKE_UPS, next_look, wake
from order_copies.models import OpenPayment, OrderFactory, OrderSubscription, Status
from order_copies.worker.heartbeats import new_name
from order_copies.worker.leases import release
from order_copies.worker.run import run_batch

logger = logging.getLogger("order_copies.engines")

#: Seconds after which a job ends and enqueues another, so that other tasks or a shutdown may run.
SLICE = 20

#: When this process may next schedule a wake-up in case it is killed, on the monotonic clock.
_next_guard = 0.0


def wake_after_lease() -> None:
    """Schedule a wake-up after the current lease, in case this process is killed.

    At most one per lease and process, and none if all copies have ended and no subscription is due.
    """
    global _next_guard  # noqa: PLW0603
    if time.monotonic() < _next_guard:
        return
    if OrderFactory.objects.ongoing().exists() or _is_subscription_due(timezone.now()):
        _next_guard = time.monotonic() + settings.LEASE.total_seconds()
        wake(timezone.now() + settings.LEASE + _margin())


def wake_for_abandoned() -> None:
    """Wake a worker if there is something to do and no worker runs copies.

    That is, if copies can be claimed, subscriptions are due, or payments are overdue. Errors of the
    database are logged and suppressed.
    """
    now = timezone.now()
    try:
        waits = OrderFactory.objects.claimable(now).exists() or _is_payment_due(now)
        waits = waits or _is_subscription_due(now)
        if waits and not OrderFactory.objects.running(now).exists():
            wake()
    except Error as error:
        logger.warning("Could not look for abandoned copies: %s", error)
    finally:
        connection.close()


def run_copies() -> None:
    """Run batches until no copy can be claimed, or for :data:`SLICE` seconds.

    Before it returns it schedules wake-ups for the work that is left: at once for copies, at the
    time of each retry for copies that crashed, once for payments that could not be voided, and once
    for the next due subscription. Each job replaces at most its own wake-up, so duplicate wake-ups
    do not multiply. If subscriptions request more copies than a batch, more workers are woken.

    Raises an error of the database that outlasts its retries, after it has released its copies and
    scheduled a wake-up for the time when their leases have expired.
    """
    worker = new_name()
    try:
        instants = list(_run(worker))
    except Error:
        with suppress(Error):
            # The database failed, not the copies: do not count the attempt.
            release(OrderFactory.objects.all(), worker)
        wake(timezone.now() + settings.LEASE + _margin())
        raise
    for at in instants:
        wake(at)


def _run(worker: str) -> Iterator[datetime | None]:
    # Run batches, then yield the times of the next wake-ups; None means at once.
    deadline = time.monotonic() + SLICE
    payment = _next_payment()
    while (batch := run_batch(worker)).claimed:
        _wake_others(batch.scheduled)
        if time.monotonic() >= deadline:
            break
    if batch.claimed:
        yield None
    elif OrderFactory.objects.claimable(timezone.now()).exists():
        # Another transaction has locked them, and may end without changing them.
        yield timezone.now() + _margin()
    yield from _retries(worker)
    yield from _payments(payment)
    yield from _due()


def _wake_others(scheduled: int) -> None:
    # This worker runs one batch of the copies that it has scheduled.
    for _ in range(min(math.ceil(scheduled / settings.BATCH_SIZE), MAX_WAKE_UPS + 1) - 1):
        wake()


def _due() -> Iterator[datetime]:
    # Looks recur even if an engine loses the wake-ups of new subscriptions.
    subscriptions = OrderSubscription.objects.exclude(due_at=None).order_by("due_at")
    due_at = subscriptions.values_list("due_at", flat=True).first()
    if due_at and (at := next_look(due_at)):
        yield at


def _retries(worker: str) -> Iterator[datetime]:
    # The copies of this worker that are still in progress have crashed and wait for a retry. One
    # wake-up covers the retries that are due within the margin after it.
    paused = OrderFactory.objects.filter(status=Status.IN_PROGRESS, worker=worker)
    covered = timezone.now()
    for at in paused.order_by("lease_expires_at").values_list("lease_expires_at", flat=True):
        if at and at > covered:
            covered = at + _margin()
            yield covered


def _payments(before: datetime | None) -> Iterator[datetime]:
    # If the first payment was due at the same time before this job, the job that postponed it has
    # scheduled the wake-up already.
    now, due_at = timezone.now(), _next_payment()
    if due_at and (due_at <= now or due_at != before):
        yield max(due_at, now) + _margin()


def _next_payment() -> datetime | None:
    due = OpenPayment.objects.orphaned(timezone.now()).order_by("due_at")
    return due.values_list("due_at", flat=True).first()


def _is_payment_due(now: datetime) -> bool:
    due_at = _next_payment()
    return due_at is not None and due_at < now - _margin()


def _is_subscription_due(now: datetime) -> bool:
    return OrderSubscription.objects.due(now).exists()


def _margin() -> timedelta:
    return timedelta(seconds=settings.POLL_INTERVAL)
