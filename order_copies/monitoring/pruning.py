"""Delete old rows: copies that have ended, events, drafts, and stored responses to requests.

Orders stay. Each step is a short transaction over a limited number of rows, so that it blocks no
worker or request for long, and it may be interrupted at any time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, F, Q, QuerySet

from order_copies.api import idempotency
from order_copies.db.transactions import lock_available
from order_copies.events.models import Event
from order_copies.models import FINAL, BatchDraft, Kind, OrderFactory, SelectedOrder


def prune(before: datetime, *, limit: int, dry_run: bool = False) -> Iterator[Counter[str]]:
    """Delete copies that ended before ``before`` and events from before it, in steps.

    Kept too are events of copies that are kept, and the failed copy of a subscription that is
    retried later. Subscriptions know their slots without their copies and events. Drafts of batches
    from before it are deleted, started or not. Stored responses are deleted when their
    ``Idempotency-Key`` has expired. Each step deletes at most ``limit`` rows and yields the numbers
    of ``copies``, ``events``, ``drafts`` and ``requests`` that it deleted, or would delete.
    """
    yield from _prune_copies(before, limit, dry_run=dry_run)
    yield from _prune_events(before, limit, dry_run=dry_run)
    yield from _prune_drafts(before, limit, dry_run=dry_run)
    yield from _prune_requests(limit, dry_run=dry_run)


def _prune_copies(before: datetime, limit: int, *, dry_run: bool) -> Iterator[Counter[str]]:
    ended = OrderFactory.objects.filter(status__in=FINAL, updated_at__lt=before).order_by("pk")
    retried = Q(
        order_subscription__retry_at__isnull=False,
        scheduled_for=F("order_subscription__last_slot"),
    )
    # Read before: no copy becomes one of these later, and a join would be locked too.
    ended = ended.exclude(pk__in=list(ended.filter(retried).values_list("pk", flat=True)))
    last = 0
    while True:
        with transaction.atomic():
            rows = ended.filter(pk__gt=last).values_list("pk", flat=True)
            keys = list(rows[:limit] if dry_run else lock_available(rows)[:limit])
            if not keys:
                return
            removed = _remove_copies(keys, dry_run=dry_run)
        last = keys[-1]
        yield removed


def _remove_copies(keys: Sequence[int], *, dry_run: bool) -> Counter[str]:
    copies = OrderFactory.objects.filter(pk__in=keys)
    ids = [str(key) for key in keys]
    events = Event.objects.filter(resource_type__in=Kind.values, resource_id__in=ids)
    return Counter(copies=_remove(copies, dry_run=dry_run), events=_remove(events, dry_run=dry_run))


def _prune_events(before: datetime, limit: int, *, dry_run: bool) -> Iterator[Counter[str]]:
    last, end = 0, _end_of_events(before)
    while True:
        old = Event.objects.filter(created_at__lt=before, pk__gt=last, pk__lt=end).order_by("pk")
        rows = list(old.values_list("pk", "resource_type", "resource_id")[:limit])
        if not rows:
            return
        last = rows[-1][0]
        going = Event.objects.filter(pk__in=_without_copies(rows))
        yield Counter(events=_remove(going, dry_run=dry_run))


def _end_of_events(instant: datetime) -> int:
    # The key of the first event that is kept: keys have an index, timestamps have none.
    staying = Event.objects.filter(created_at__gte=instant).order_by("pk")
    return staying.values_list("pk", flat=True).first() or BigIntegerField.MAX_BIGINT


def _without_copies(rows: Iterable[tuple[int, str, str]]) -> list[int]:
    # The keys of the events whose copy does not exist.
    copies = {pk: int(key) for pk, resource_type, key in rows if resource_type in Kind.values}
    there = set(OrderFactory.objects.filter(pk__in=copies.values()).values_list("pk", flat=True))
    return [pk for pk, *_ in rows if copies.get(pk) not in there]


def _prune_drafts(before: datetime, limit: int, *, dry_run: bool) -> Iterator[Counter[str]]:
    old = BatchDraft.objects.filter(created_at__lt=before)
    if dry_run:
        if count := old.count():
            yield Counter(drafts=count)
        return
    rows = SelectedOrder.objects.filter(draft__in=old).order_by("pk").values_list("pk", flat=True)
    while keys := list(rows[:limit]):
        SelectedOrder.objects.filter(pk__in=keys).delete()
        yield Counter()
    while keys := list(old.values_list("pk", flat=True)[:limit]):
        yield Counter(drafts=_remove(BatchDraft.objects.filter(pk__in=keys), dry_run=False))


def _prune_requests(limit: int, *, dry_run: bool) -> Iterator[Counter[str]]:
    if dry_run:
        yield Counter(requests=idempotency.forgotten().count())
        return
    while True:
        with transaction.atomic():
            removed = idempotency.clear(limit)
        if not removed:
            return
        yield Counter(requests=removed)


def _remove(rows: "QuerySet[Any]", *, dry_run: bool) -> int:
    return rows.count() if dry_run else rows.delete()[0]
