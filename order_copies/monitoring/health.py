"""The state of the queue of copies, and the faults that keep copies from running."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import Count, F, Min, Q
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.retry import is_read_only
from order_copies.models import (
    Heartbeat,
    OrderFactory,
    OrderSubscription,
    Status,
    is_paused,
    is_running,
)
from order_copies.worker import heartbeats

#: A copy that waits longer for locked rows is a fault, because workers retry within a minute.
LOCKED_TOO_LONG = timedelta(minutes=1)
END_TRANSACTION = (
    "End the transaction that locks their source orders, or what the orders need. Find it in "
    "pg_stat_activity on PostgreSQL, in information_schema.INNODB_TRX on MariaDB."
)


class Complaint(NamedTuple):
    """A fault, with the id of the system check that reports it."""

    #: Id of the system check, such as ``"order_copies.W006"``.
    id: str
    #: What is wrong.
    message: str
    #: What to do.
    hint: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Numbers of copies that have not ended, due subscriptions and workers, at one instant."""

    #: Copies that no worker has claimed.
    pending: int
    #: Time since the oldest pending copy was queued.
    oldest_pending: timedelta
    #: Copies in progress with a valid lease.
    running: int
    #: Copies in progress that crashed and wait for their retry.
    paused: int
    #: Copies in progress whose lease has expired.
    lost: int
    #: Time since the first of these leases expired.
    longest_lost: timedelta
    #: Polling workers with a recent heartbeat or a lease.
    workers: int
    #: Polling workers that hang or were killed.
    silent_workers: int
    #: Copies in progress that wait for rows which other transactions keep locked.
    locked: int = 0
    #: The copy that has waited longest for locked rows.
    first_locked: OrderFactory | None = None
    #: How long that copy has waited.
    longest_locked: timedelta = timedelta()
    #: Subscriptions for which there is something to do.
    due: int = 0
    #: How long the first of them has been due.
    longest_due: timedelta = timedelta()

    @classmethod
    def at(cls, now: datetime) -> "Queue":
        """Return the state of the queue at ``now``.

        Runs four queries, and a fifth one if copies wait for locked rows.
        """
        is_pending = Q(status=Status.PENDING)
        is_lost = Q(status=Status.IN_PROGRESS, lease_expires_at__lt=now)
        counts = OrderFactory.objects.ongoing().aggregate(
            pending=Count("pk", filter=is_pending),
            waiting_since=Min("queued_at", filter=is_pending),
            running=Count("pk", filter=is_running(now)),
            paused=Count("pk", filter=is_paused(now) & Q(locked_since=None)),
            locked=Count("pk", filter=Q(locked_since__isnull=False)),
            lost=Count("pk", filter=is_lost),
            lost_since=Min("lease_expires_at", filter=is_lost),
        )
        locked = OrderFactory.objects.locked().order_by("locked_since", "pk")
        first_locked = locked.first() if counts["locked"] else None
        due = OrderSubscription.objects.due(now).aggregate(count=Count("pk"), since=Min("due_at"))
        return cls(
            pending=counts["pending"],
            oldest_pending=_span(counts["waiting_since"], now),
            running=counts["running"],
            paused=counts["paused"],
            lost=counts["lost"],
            longest_lost=_span(counts["lost_since"], now),
            workers=heartbeats.active(now).count(),
            silent_workers=heartbeats.stale(now).count(),
            locked=counts["locked"],
            first_locked=first_locked,
            longest_locked=_span(first_locked.locked_since if first_locked else None, now),
            due=due["count"],
            longest_due=_span(due["since"], now),
        )

    @property
    def has_workers(self) -> bool:
        """Whether a worker is active: a polling worker, or any process that holds a lease."""
        return bool(self.workers or self.running)

    def __str__(self) -> str:
        text = (
            f"{counted(self.workers, 'worker')} active, {self.silent_workers:,} not seen recently, "
            f"{counted(self.pending, 'copy', 'copies')} pending, {self.running:,} in progress"
        )
        paused = f", {self.paused:,} waiting for a retry" if self.paused else ""
        locked = f", {self._locked()}" if self.locked else ""
        lost = f", {self.lost:,} with an expired lease" if self.lost else ""
        due = f", {counted(self.due, 'subscription')} due" if self.due else ""
        return f"{text}{paused}{locked}{lost}{due}"

    def _locked(self) -> str:
        since = f"{self.first_locked} for {_seconds(self.longest_locked)} s"
        return f"{self.locked:,} waiting for locked rows ({since})"


def complaints(queue: Queue) -> Iterator[Complaint]:
    """Yield the faults of ``queue``: W006, W007, W010 and W013 of ``manage.py check``."""
    start = "Start a worker: manage.py order_copies_worker"
    if queue.oldest_pending > settings.STUCK_AFTER and not queue.has_workers:
        copies = counted(queue.pending, "copy waits", "copies wait")
        since = _seconds(queue.oldest_pending)
        message = f"{copies}, the first for {since} seconds, and no worker is active."
        yield Complaint("order_copies.W006", message, start)
    if queue.longest_lost > settings.STUCK_AFTER:
        copies = counted(queue.lost, "copy", "copies")
        since = _seconds(queue.longest_lost)
        message = f"{copies} lost the worker {since} seconds ago, and no worker claimed them again."
        yield Complaint("order_copies.W007", message, start)
    if queue.longest_locked > LOCKED_TOO_LONG:
        copies = counted(queue.locked, "copy waits", "copies wait")
        since = _seconds(queue.longest_locked)
        message = f"{copies} for locked rows, {queue.first_locked} for {since} seconds."
        yield Complaint("order_copies.W010", message, END_TRANSACTION)
    if queue.longest_due > settings.STUCK_AFTER:
        due = counted(queue.due, "subscription is due", "subscriptions are due")
        since = _seconds(queue.longest_due)
        message = f"{due}, the first for {since} seconds, and nothing schedules them."
        yield Complaint("order_copies.W013", message, start)


def complaints_about_database(queue: Queue) -> Iterator[Complaint]:
    """Yield W011 if copies are pending and the database is read-only. It tries to write."""
    if queue.pending and not _is_writable():
        copies = counted(queue.pending, "copy waits", "copies wait")
        message = f"{copies}, and the database is read-only."
        hint = "Make it writable, or connect the workers to the server that is."
        yield Complaint("order_copies.W011", message, hint)


def current_complaints() -> list[Complaint]:
    """Return the faults of the queue and of its database now."""
    queue = Queue.at(timezone.now())
    return [*complaints(queue), *complaints_about_database(queue)]


def _is_writable() -> bool:
    # Try to write: a server may be read-only for some users only.
    try:
        with transaction.atomic():
            Heartbeat.objects.filter(pk=0).update(seen_at=F("seen_at"))
    except DatabaseError as error:
        if is_read_only(error):
            return False
        raise
    return True


def complaints_about_host(now: datetime) -> Iterator[str]:
    """Yield the faults of the polling workers of this machine or container, one line each."""
    if not heartbeats.of_this_host(heartbeats.responsive(now)).exists():
        yield f"No worker of {heartbeats.this_host()} has been seen recently.{_others()}"
    for heartbeat in heartbeats.of_this_host(heartbeats.hanging(now)):
        if heartbeats.is_running(heartbeat):
            yield f"Worker {heartbeat} hangs: not seen for {_seconds(now - heartbeat.seen_at)} s."


def _others() -> str:
    if settings.ENGINE == "polling":
        return ""
    engine = settings.ENGINE
    return f' Only polling workers send heartbeats: check those of "{engine}" with its own tools.'


def _span(since: datetime | None, now: datetime) -> timedelta:
    return now - since if since else timedelta()


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():,.0f}"


def counted(count: int, one: str, many: str = "") -> str:
    """Format a count with its noun: ``"1 copy"``, ``"1,000 copies"``. ``many`` defaults to +s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
