"""The moves of copies that need no object: from all states that allow them, in one statement."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from order_copies.models.statuses import ABORTABLE, RETRYABLE, Status
from order_copies.plans import Problem, errors_count, errors_log

if TYPE_CHECKING:
    from order_copies.models.order_factories import OrderFactory  # noqa: F401


class OrderFactoryQuerySet(models.QuerySet["OrderFactory"]):
    """Queries that the whole app shares."""

    def pending(self) -> "OrderFactoryQuerySet":
        """Copies that nobody has taken yet."""
        return self.filter(status=Status.PENDING)

    def expired(self, now: datetime) -> "OrderFactoryQuerySet":
        """Copies whose worker died or handed them back: their lease ran out."""
        return self.filter(status=Status.IN_PROGRESS, lease_expires_at__lt=now)

    def running(self, now: datetime) -> "OrderFactoryQuerySet":
        """Copies that a worker runs: it holds their leases."""
        return self.filter(is_running(now))

    def locked(self) -> "OrderFactoryQuerySet":
        """Copies that wait for rows which other transactions keep locked."""
        return self.filter(status=Status.IN_PROGRESS, locked_since__isnull=False)

    def claimable(self, now: datetime) -> "OrderFactoryQuerySet":
        """Copies that a worker may take."""
        return self.pending() | self.expired(now)

    def start(self, now: datetime, *, worker: str, lease_expires_at: datetime) -> int:
        """A worker takes the copies, first or again: one more attempt, under a lease."""
        return self.claimable(now).update(
            status=Status.IN_PROGRESS,
            started_at=Coalesce("started_at", now),
            attempt=F("attempt") + 1,
            worker=worker,
            lease_expires_at=lease_expires_at,
            updated_at=now,
        )

    def hand_back(self, now: datetime, *, worker: str) -> int:
        """A worker that has to stop leaves its copies to others, at once and at no cost."""
        return (
            self.running(now)
            .filter(worker=worker)
            .update(lease_expires_at=now, hand_backs=F("hand_backs") + 1)
        )

    def release(self, now: datetime, *, worker: str) -> int:
        """Release all that a worker claimed and could not write, even if its leases ran out.

        The attempt does not count, and the copies can be claimed at once.
        """
        claimed = self.filter(status=Status.IN_PROGRESS, worker=worker)
        return claimed.exclude(_begins_to_wait()).update(
            lease_expires_at=now, queued_at=now, hand_backs=F("hand_backs") + 1
        )

    def abort(self, now: datetime, problem: Problem) -> int:
        """Somebody gives up copies that have not ended; a worker that runs one loses it."""
        log = errors_log([problem])
        return self.filter(status__in=ABORTABLE).update(
            status=Status.ABORTED,
            lease_expires_at=None,
            locked_since=None,
            errors_log=log,
            errors_count=errors_count(log),
            updated_at=now,
        )

    def retry(self, now: datetime) -> int:
        """The copies that ended without a target start afresh, under new keys for payments."""
        ended = self.filter(status__in=RETRYABLE)
        return ended.filter(target_order=None, source_order__isnull=False).update(
            **blank_record(), retries=F("retries") + 1, queued_at=now, updated_at=now
        )


def is_running(now: datetime) -> Q:
    """Whether a worker holds the lease of a copy."""
    return _has_lease(now) & ~_begins_to_wait()


def is_paused(now: datetime) -> Q:
    """Whether a copy crashed and waits for its next try: its lease is nobody's."""
    return _has_lease(now) & _begins_to_wait()


def _has_lease(now: datetime) -> Q:
    return Q(status=Status.IN_PROGRESS, lease_expires_at__gte=now)


def _begins_to_wait() -> Q:
    """Whether the copy waits for a worker as soon as its lease ends."""
    return Q(queued_at=F("lease_expires_at"))


def blank_record() -> dict[str, Any]:
    """What a copy that nobody has tried has in the columns that tell of the trying."""
    return {
        "status": Status.PENDING,
        "started_at": None,
        "completed_at": None,
        "failed_at": None,
        "errors_log": {},
        "errors_count": 0,
        "outcomes": [],
        "attempt": 0,
        "hand_backs": 0,
        "locked_since": None,
        "lease_expires_at": None,
        "worker": "",
    }
