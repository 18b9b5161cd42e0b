"""Claim copies: take them under a lease, for as long as which they are nobody else's."""

from django.db.models import QuerySet
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.commits import committed
from order_copies.db.locks import locked_unless_taken
from order_copies.events.who import worker_as_who
from order_copies.models import OrderFactory
from order_copies.transitions import record_started


def claim_expired(worker: str) -> list[OrderFactory]:
    """A copy whose lease ran out, those that were tried least first.

    It may have taken its worker down with it, so whatever is tried again is tried alone: its
    neighbours of the first time end before it can do so again.
    """
    expired = OrderFactory.objects.expired(timezone.now()).order_by("attempt", "pk")[:1]
    # There is none, mostly, and then no transaction is needed to see that.
    return _claim(expired, worker) if expired.exists() else []


def claim_pending(worker: str, limit: int) -> list[OrderFactory]:
    """Up to ``limit`` copies that nobody has tried, those that wait longest first."""
    return _claim(OrderFactory.objects.pending().order_by("pk")[:limit], worker)


def _claim(rows: QuerySet[OrderFactory], worker: str) -> list[OrderFactory]:
    order_copies: list[OrderFactory] = []
    with committed(order_copies, worker=worker):
        candidates = OrderFactory.objects.filter(pk__in=_lock(rows))
        # Later than the copies were asked for, however long we waited for them.
        now = timezone.now()
        lease_expires_at = now + settings.LEASE
        if candidates.start(now, worker=worker, lease_expires_at=lease_expires_at):
            # Where rows cannot be locked another worker may have been faster: keep what is ours.
            mine = candidates.filter(worker=worker, lease_expires_at=lease_expires_at)
            order_copies += mine.order_by("pk")
            record_started(order_copies, worker_as_who(worker), now)
    return order_copies


def _lock(rows: QuerySet[OrderFactory]) -> list[int]:
    return list(locked_unless_taken(rows).values_list("pk", flat=True))
