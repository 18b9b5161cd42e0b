"""Schedule due subscriptions: request the copies of their slots, in one short transaction.

There is no lease: a scheduler that is killed leaves nothing behind, any number of them share the
work, and the unique constraint on a copy's subscription and slot makes a second renewal impossible.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from order_copies import transitions as copy_transitions
from order_copies.conf import LONGEST_LOCK_PAUSE, LONGEST_PAUSE, settings
from order_copies.db.retry import is_transient
from order_copies.db.transactions import limited_wait, lock_available, locked
from order_copies.events.recording import Actor, changes_of, record, worker_actor
from order_copies.exceptions import RowsLockedError
from order_copies.models import Kind, OrderFactory, OrderSubscription
from order_copies.shops import Capability, Shop, get_shop
from order_copies.subscriptions.slots import latest_slot
from order_copies.subscriptions.transitions import (
    Journal,
    Status,
    alert_at,
    event,
    slot_after,
)
from order_copies.transitions import RETRYABLE

logger = logging.getLogger("order_copies.worker")

#: The largest number of subscriptions that one transaction locks.
LIMIT = 1000
#: Seconds to wait for row locks once one was not released in time.
SHORT_LOCK_WAIT = 0.1
#: The value of ``attention`` for a subscription whose scheduling raised an error: see the log.
NOT_SCHEDULED = "not_scheduled"


def schedule_due(worker: str, *, limit: int = LIMIT) -> int:
    """Request the copies that are due, and do what else subscriptions need now.

    Announces renewals, ends pauses, cancels what has expired and retries failed renewals. Handles
    up to ``limit`` subscriptions that no other scheduler has locked, in a constant number of
    statements; one query if nothing is due. Returns the number of requested and retried copies.

    A subscription that raises an error keeps no other one from its run: it needs attention, and is
    retried after an hour, or after some seconds if rows were locked. Raises transient errors of the
    database, and those of wrong settings.
    """
    now = timezone.now()
    due = OrderSubscription.objects.due(now).order_by("due_at", "pk")
    if not due.exists():
        return 0
    who = worker_actor(worker)
    _check_settings()
    try:
        return _schedule(due[:limit], who, now, settings.LOCK_TIMEOUT)
    except Exception as error:
        if is_transient(error):
            raise
        logger.info("%s schedules fewer subscriptions at once: %r", worker, error)
    return _schedule_apart(list(due.values_list("pk", flat=True)[:limit]), who, now)


def _check_settings() -> None:
    """Raise the error of a wrong setting, which no subscription is to blame for."""
    _ = settings.SUBSCRIPTION_TIME_ZONE, settings.CATCH_UP, settings.STUCK_AFTER


def _schedule(due: Any, who: Actor, now: datetime, lock_wait: float) -> int:
    with limited_wait(lock_wait):
        found = list(lock_available(due, for_deletion=False))
        return Scheduler(who, now).run(found)


def _schedule_apart(keys: Sequence[int], who: Actor, now: datetime) -> int:
    """Schedule subscriptions in ever smaller parts, until those that raise errors are alone."""
    count, parts = 0, [keys]
    while parts:
        part = parts.pop()
        try:
            due = OrderSubscription.objects.due(now).filter(pk__in=part).order_by("pk")
            count += _schedule(due, who, now, SHORT_LOCK_WAIT)
        except Exception as error:
            if is_transient(error):
                raise
            middle = len(part) // 2
            if middle:
                parts += [part[middle:], part[:middle]]
            else:
                _set_aside(part[0], error, who, now)
    return count


def _set_aside(key: int, error: Exception, who: Actor, now: datetime) -> None:
    """Retry a subscription later, so that it is not in the way at each look."""
    rows = OrderSubscription.objects.filter(pk=key)
    with transaction.atomic():
        # Nothing is written if another transaction has locked it in the meantime.
        for one in lock_available(rows.due(now), for_deletion=False):
            if isinstance(error, RowsLockedError):
                logger.warning("Subscription %s needs locked rows: it is scheduled later", one)
                rows.update(due_at=now + LONGEST_LOCK_PAUSE)
                continue
            logger.error("Subscription %s could not be scheduled", one, exc_info=error)
            changes = changes_of({"attention": one.attention}, {"attention": NOT_SCHEDULED})
            rows.update(attention=NOT_SCHEDULED, due_at=now + LONGEST_PAUSE, updated_at=now)
            record([event(one, "", changes, who, now)] if changes else [])


class Scheduler:
    """Requests copies for subscriptions that the caller has locked."""

    def __init__(self, who: Actor, now: datetime) -> None:
        self.who, self.now = who, now
        self.journal = Journal(who, now)
        self.shop = get_shop()
        self._new: list[OrderFactory] = []
        self._retried: list[OrderSubscription] = []

    def run(self, due: Sequence[OrderSubscription]) -> int:
        """Do what each subscription needs; return the number of requested and retried copies."""
        for order_subscription in due:
            self._schedule(order_subscription)
        retried = self._retry()
        self.write()
        return len(self._new) + retried

    def request(
        self,
        order_subscription: OrderSubscription,
        slot: datetime,
        order_copy: OrderFactory | None = None,
    ) -> OrderFactory:
        """Request the copy of a slot, an unsaved one if it is given; :meth:`write` saves it."""
        one = order_subscription
        order_copy = order_copy or new_copy(one, self.shop)
        order_copy.order_subscription, order_copy.scheduled_for = one, slot
        self._new.append(order_copy)
        self.journal.move(
            one,
            "run",
            running_for=slot,
            last_slot=slot,
            next_run_at=slot_after(one, slot),
            skipped_from=None,
            retry_at=None,
            run_retries=0,
        )
        return order_copy

    def write(self) -> None:
        """Write the requested copies, the subscriptions and all events."""
        if self._new:
            copy_transitions.create(self._new, who=self.who, now=self.now)
        self.journal.write()

    def _schedule(self, one: OrderSubscription) -> None:
        now = self.now
        if one.status == Status.INACTIVE:
            assert one.resumes_at is not None, "it is due"
            # A slot that was due since then is late, and not paused.
            resume(one, self.journal, since=one.resumes_at)
        if one.status != Status.ACTIVE:
            return
        if one.expires_at and one.expires_at <= now:
            self.journal.move(one, "cancel")
        elif one.next_run_at and one.next_run_at <= now:
            self._run(one)
        elif one.retry_at and one.retry_at <= now:
            self._retried.append(one)
        elif (alert := alert_at(one)) and alert <= now:
            announced = {"next_run_at": {"from": one.next_run_at, "to": one.next_run_at}}
            self.journal.change(one, alerted_for=one.next_run_at)
            self.journal.note(one, "renewal", announced)

    def _run(self, one: OrderSubscription) -> None:
        if one.source_order_id is None:
            # Its header and addresses are gone: a person must decide.
            self.journal.move(one, "deactivate", attention="source_gone", resumes_at=None)
            return
        first = one.next_run_at
        assert first is not None
        slot, missed, is_run = slot_to_run(one, first, self.now)
        if missed:
            # No slot is passed over without a record.
            spans = {"missed": (None, missed), "next_run_at": (first, slot)}
            changes = {name: {"from": before, "to": to} for name, (before, to) in spans.items()}
            self.journal.note(one, "", changes)
        if is_run:
            self.request(one, slot)
        else:
            later = slot_after(one, slot)
            self.journal.change(one, last_slot=slot, next_run_at=later, skipped_from=None)

    def _retry(self) -> int:
        """Retry the failed copies of the last slots of these subscriptions."""
        if not self._retried:
            return 0
        by_key = {one.pk: one for one in self._retried}
        found = OrderFactory.objects.filter(
            order_subscription__in=by_key,
            scheduled_for__in={one.last_slot for one in self._retried},
        )
        failed = {}
        for order_copy in locked(found.order_by("pk")):
            one = by_key[order_copy.order_subscription_id or 0]
            if order_copy.scheduled_for == one.last_slot and _can_be_retried(order_copy):
                failed[one.pk] = order_copy
        for one in self._retried:
            if one.pk in failed:
                self.journal.move(one, "run", running_for=one.last_slot, retry_at=None)
            else:
                self.journal.change(one, retry_at=None)
        copy_transitions.retry(list(failed.values()), who=self.who, now=self.now)
        return len(failed)


def slot_to_run(
    one: OrderSubscription, first: datetime, now: datetime
) -> tuple[datetime, int, bool]:
    """Return what ``CATCH_UP`` decides if the next slot of a subscription, ``first``, is due.

    The last slot that is dealt with, how many slots are missed, and whether the copy of the last
    one is requested; otherwise it is missed too.
    """
    assert one.anchor_at is not None, "it was activated"
    if settings.CATCH_UP == "all":
        return first, 0, True
    zone = settings.SUBSCRIPTION_TIME_ZONE
    latest, count = latest_slot(one.frequency, one.anchor_at, first, now, zone)
    slot = latest or first
    is_run = settings.CATCH_UP == "latest" or slot > now - settings.STUCK_AFTER
    return slot, count if is_run else count + 1, is_run


def resume(
    order_subscription: OrderSubscription, journal: Journal, *, since: datetime | None = None
) -> None:
    """Activate a locked subscription; its next slot is the first one that is not past.

    If it is active ``since`` then, a slot at that time or later counts. Without a slot left it has
    expired, and is cancelled.
    """
    one = order_subscription
    slot = first_slot(one, journal.now, since)
    if slot is None:
        journal.move(one, "cancel", anchor_at=one.anchor_at, resumes_at=None)
        return
    values: dict[str, Any] = {"next_run_at": slot, "skipped_from": None, "attention": ""}
    journal.move(one, "activate", anchor_at=one.anchor_at, resumes_at=None, retry_at=None, **values)


def first_slot(
    one: OrderSubscription, now: datetime, since: datetime | None = None
) -> datetime | None:
    """Return the next slot of a subscription that is activated at ``now``; None: none is left.

    If it is active ``since`` then, a slot at that time or later counts. Sets ``anchor_at`` of one
    that was never active.
    """
    one.anchor_at = anchor = one.anchor_at or one.starts_at or now
    begins = since - datetime.resolution if since else now
    after = max(filter(None, [begins, one.last_slot]))
    starts_later = one.last_slot is None and one.starts_at and one.starts_at > now
    if starts_later:
        # The start is the first slot itself; a crontab expression has its first time after it.
        after = anchor - datetime.resolution
    return slot_after(one, after)


def new_copy(one: OrderSubscription, shop: Shop) -> OrderFactory:
    """Return a copy that a subscription requests, unsaved and without its slot."""
    kind = Kind.RECURRING_ORDER_COPIES if one.is_automatic else Kind.ORDER_COPIES
    return OrderFactory(
        type=kind,
        source_order_id=one.source_order_id,
        order_subscription=one,
        place_target_order=one.place_target_order and Capability.PLACE in shop.capabilities,
        reuse_wallet=Capability.WALLET in shop.capabilities,
    )


def _can_be_retried(order_copy: OrderFactory) -> bool:
    # A target that the last attempt left is repaired by a person.
    is_complete = order_copy.source_order_id is not None and order_copy.target_order_id is None
    return is_complete and order_copy.status in RETRYABLE
