"""Schedule due subscriptions: request the copies of their slots, in one short transaction.

There is no lease: a scheduler that is killed leaves nothing behind, any number of them share the
work, and the unique constraint on a copy's subscription and slot makes a second renewal impossible.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from order_copies import transitions as copy_transitions
from order_copies.conf import settings
from order_copies.db.transactions import lock_available, locked
from order_copies.events.recording import Actor, worker_actor
from order_copies.models import Kind, OrderFactory, OrderSubscription
from order_copies.shops import Capability, Shop, get_shop
from order_copies.subscriptions.slots import latest_slot
from order_copies.subscriptions.transitions import Journal, Status, alert_at, slot_after
from order_copies.transitions import RETRYABLE

#: The largest number of subscriptions that one transaction locks.
LIMIT = 1000


def schedule_due(worker: str, *, limit: int = LIMIT) -> int:
    """Request the copies that are due, and do what else subscriptions need now.

    Announces renewals, ends pauses, cancels what has expired and retries failed renewals. Handles
    up to ``limit`` subscriptions that no other scheduler has locked, in a constant number of
    statements; one query if nothing is due. Returns the number of requested and retried copies.
    """
    now = timezone.now()
    if not OrderSubscription.objects.due(now).exists():
        return 0
    with transaction.atomic():
        due = OrderSubscription.objects.due(now).order_by("due_at", "pk")[:limit]
        found = list(lock_available(due, for_deletion=False))
        return Scheduler(worker_actor(worker), now).run(found)


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
            resume(one, self.journal)
        elif one.expires_at and one.expires_at <= now:
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
        assert one.next_run_at is not None
        last, missed, is_run = slot_to_run(one, one.next_run_at, self.now)
        if missed:
            # No slot is passed over without a record.
            changes = {"missed": {"from": None, "to": missed}}
            slot = last if is_run else None
            self.journal.note(one, "", changes | {"next_run_at": _span(one.next_run_at, slot)})
        if is_run:
            self.request(one, last)
        else:
            self.journal.change(one, last_slot=last, next_run_at=slot_after(one, last))

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


def resume(order_subscription: OrderSubscription, journal: Journal) -> None:
    """Activate a locked subscription; its next slot is the first one that is not past.

    Without a slot left it has expired, and is cancelled.
    """
    one = order_subscription
    slot = first_slot(one, journal.now)
    if slot is None:
        journal.move(one, "cancel", anchor_at=one.anchor_at, resumes_at=None)
        return
    values: dict[str, Any] = {"next_run_at": slot, "skipped_from": None, "attention": ""}
    journal.move(one, "activate", anchor_at=one.anchor_at, resumes_at=None, retry_at=None, **values)


def first_slot(one: OrderSubscription, now: datetime) -> datetime | None:
    """Return the next slot of a subscription that is activated at ``now``; None: none is left.

    Sets ``anchor_at`` of one that was never active.
    """
    one.anchor_at = anchor = one.anchor_at or one.starts_at or now
    after = max(filter(None, [now, one.last_slot]))
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


def _span(before: datetime | None, after: datetime | None) -> dict[str, Any]:
    return {"from": before, "to": after}
