"""Rows that workers claim: one attempt at a time, each under a lease."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: The states of such a row that claims depend on; its model may have others.
PENDING = "pending"
IN_PROGRESS = "in_progress"


class LeasedQuerySet(models.QuerySet[Any]):
    """The rows of a queue by what a worker may do with them."""

    def pending(self) -> Self:
        """Rows that no worker has claimed yet."""
        return self.filter(status=PENDING)

    def in_progress(self) -> Self:
        """Rows that a worker runs, or that wait for their next attempt."""
        return self.filter(status=IN_PROGRESS)

    def expired(self, now: datetime) -> Self:
        """Rows whose lease has expired: their worker died or released them."""
        return self.filter(status=IN_PROGRESS, lease_expires_at__lt=now)

    def running(self, now: datetime) -> Self:
        """Rows whose lease a worker holds."""
        return self.filter(is_running(now))

    def locked(self) -> Self:
        """Rows that wait for other rows, which other transactions have locked."""
        return self.filter(status=IN_PROGRESS, locked_since__isnull=False)

    def claimable(self, now: datetime) -> Self:
        """Rows that a worker may claim."""
        return self.pending() | self.expired(now)

    def not_backing_off(self) -> Self:
        """Rows whose lease, if they have one, belongs to a worker."""
        return self.exclude(_backs_off())


class Leased(models.Model):
    """The columns of a table whose rows are claimed under a lease.

    The model adds ``status``, with at least ``pending`` and ``in_progress``, and ``public_id``.
    """

    #: How many times a person had the row run again after its end.
    retries = models.PositiveIntegerField(_("retries"), default=0, editable=False)
    #: The number of attempts since then. Together with ``retries`` it is the fence: an attempt
    #: writes only while the row has its numbers.
    attempt = models.PositiveIntegerField(_("attempt"), default=0, editable=False)
    #: How many attempts do not count: a worker had to stop, or rows that it needed were locked.
    hand_backs = models.PositiveIntegerField(_("hand-backs"), default=0, editable=False)
    #: Since when the row waits, or has waited, for a worker. While it backs off, the end of the
    #: backoff, which is also the end of a lease that no worker holds.
    queued_at = models.DateTimeField(_("queued at"), default=timezone.now, editable=False)
    #: Since when other transactions have locked rows that this one needs. Null: they have not.
    locked_since = models.DateTimeField(_("locked since"), null=True, editable=False)
    lease_expires_at = models.DateTimeField(_("lease expires at"), null=True, editable=False)
    worker = models.CharField(_("worker"), max_length=128, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def tries(self) -> int:
        """How many attempts count: those that crashed, and the current one."""
        return self.attempt - self.hand_backs


def is_running(now: datetime) -> Q:
    """Whether a worker holds the lease of a row."""
    return _has_lease(now) & ~_backs_off()


def is_paused(now: datetime) -> Q:
    """Whether a row backs off after a crash: no worker holds its lease."""
    return _has_lease(now) & _backs_off()


def _has_lease(now: datetime) -> Q:
    return Q(status=IN_PROGRESS, lease_expires_at__gte=now)


def _backs_off() -> Q:
    """Whether the row waits for a worker from the end of its lease on."""
    return Q(queued_at=F("lease_expires_at"))
