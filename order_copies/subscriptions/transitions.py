"""Every status transition of a subscription, under one table, and the writing of changes.

Changes are made to rows that the caller has locked. A :class:`Journal` collects them and writes all
with their events in two statements, regardless of their number.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from order_copies.conf import settings
from order_copies.db.rows import update_rows
from order_copies.db.transactions import locked
from order_copies.events.models import Event
from order_copies.events.recording import Actor, changes_of, record
from order_copies.exceptions import SubscriptionGoneError
from order_copies.models import OrderSubscription, SubscriptionStatus
from order_copies.subscriptions.slots import NoSlotError, latest_slot, next_slot

Status = SubscriptionStatus


class Transition(NamedTuple):
    """The states that a change leads from, and the state that it leads to."""

    #: The event of the contract (2.3), or empty for a change without one.
    event: str
    #: None: there is no subscription yet.
    sources: frozenset[Status | None]
    target: Status


#: The transitions by their names.
TRANSITIONS = {
    "create": Transition("create", frozenset({None}), Status.DRAFT),
    # A person, the client, the source order, or the end of a pause.
    "activate": Transition("activate", frozenset({Status.DRAFT, Status.INACTIVE}), Status.ACTIVE),
    # A copy that is requested already is aborted before it writes or charges anything.
    "deactivate": Transition(
        "deactivate", frozenset({Status.ACTIVE, Status.RUNNING}), Status.INACTIVE
    ),
    # Also by the cancellation of the source order, and when its time is over.
    "cancel": Transition("cancel", frozenset(Status) - {Status.CANCELLED}, Status.CANCELLED),
    # The copy of a slot is requested.
    "run": Transition("", frozenset({Status.ACTIVE}), Status.RUNNING),
    # The copy has ended.
    "settle": Transition("", frozenset({Status.RUNNING}), Status.ACTIVE),
}

#: The states in which the copies of a subscription may run.
RENEWING = frozenset({Status.ACTIVE, Status.RUNNING})

#: The columns that no event reports: they only remember what is left to do.
_INTERNAL = frozenset({"due_at", "updated_at", "alerted_for", "running_for", "last_slot"})


class Journal:
    """Collects changes of locked subscriptions, and writes them with their events."""

    def __init__(self, who: Actor, now: datetime) -> None:
        self.who = who
        self.now = now
        self._changed: dict[int, OrderSubscription] = {}
        self._names = {"due_at", "updated_at"}
        self._events: list[Event] = []

    def change(self, order_subscription: OrderSubscription, event: str = "", **values: Any) -> None:
        """Set attributes in memory, and note an event. Nothing happens if none is different.

        A change with a named event is noted in any case. ``event`` is the verb of its topic.
        """
        before = {name: getattr(order_subscription, name) for name in values}
        if not event and before == values:
            return
        for name, value in values.items():
            setattr(order_subscription, name, value)
        self._changed[order_subscription.pk] = order_subscription
        self._names |= values.keys()
        changes = changes_of(before, values)
        reported = {name: change for name, change in changes.items() if name not in _INTERNAL}
        if event or reported:
            self.note(order_subscription, event, reported)

    def move(
        self, order_subscription: OrderSubscription, name: str, event: str = "", **values: Any
    ) -> None:
        """Make the transition ``name`` of the table, and set further attributes.

        The caller has checked that the table allows it. ``event`` is the verb of a transition that
        has no event of its own.
        """
        transition = TRANSITIONS[name]
        assert order_subscription.status in transition.sources, "the caller checks the status"
        if transition.target != Status.RUNNING:
            values["running_for"] = None
        if transition.target not in RENEWING:
            values |= {"next_run_at": None, "retry_at": None, "skipped_from": None}
            values["last_slot"] = last_skipped(order_subscription) or order_subscription.last_slot
        verb = transition.event or event
        self.change(order_subscription, verb, status=transition.target, **values)

    def note(self, order_subscription: OrderSubscription, verb: str, changes: Any) -> None:
        """Note an event; without a verb it is a plain change."""
        self._events.append(event(order_subscription, verb, changes, self.who, self.now))

    def write(self) -> datetime | None:
        """Write all changes and events. Call it in the transaction that locked the rows.

        Returns when the first of the changed subscriptions is due; None if none will be.
        """
        for order_subscription in self._changed.values():
            order_subscription.due_at = due_at(order_subscription)
            order_subscription.updated_at = self.now
        names = sorted(self._names)
        rows = [[one.pk, *(getattr(one, name) for name in names)] for one in self._changed.values()]
        update_rows(OrderSubscription, names, rows)
        record(self._events)
        instants = [one.due_at for one in self._changed.values() if one.due_at]
        self._changed, self._events = {}, []
        return min(instants, default=None)


def event(
    order_subscription: OrderSubscription, verb: str, changes: Any, who: Actor, now: datetime
) -> Event:
    """Return an event of the subscription, not yet recorded. Without a verb it is a change."""
    return Event(
        resource_type=order_subscription.resource_type,
        resource_id=str(order_subscription.pk),
        name=f"{order_subscription.resource_type}.{verb}" if verb else "",
        changes=changes,
        who=who,
        created_at=now,
    )


def lock(order_subscriptions: Sequence[OrderSubscription]) -> list[OrderSubscription]:
    """Return these subscriptions as the database has them, locked until the transaction ends.

    In the order of the argument. Raises :class:`SubscriptionGoneError` if one was deleted.
    """
    keys = {one.pk for one in order_subscriptions}
    found = {one.pk: one for one in locked_by_key(keys)}
    if len(found) < len(keys):
        raise SubscriptionGoneError
    return [found[one.pk] for one in order_subscriptions]


def locked_by_key(keys: set[int]) -> list[OrderSubscription]:
    """Return the subscriptions with these keys that exist, locked in the order of their keys."""
    return list(locked(OrderSubscription.objects.filter(pk__in=keys).order_by("pk")))


def due_at(order_subscription: OrderSubscription) -> datetime | None:
    """Return the earliest instant at which there is something to do; None: there is nothing."""
    one = order_subscription
    if one.status == Status.INACTIVE:
        return one.resumes_at
    if one.status != Status.ACTIVE:
        return None
    instants = [one.next_run_at, one.retry_at, one.expires_at, alert_at(one)]
    return min((instant for instant in instants if instant), default=None)


def alert_at(order_subscription: OrderSubscription) -> datetime | None:
    """Return when the next renewal must be announced; None: it was, or there is none."""
    slot = order_subscription.next_run_at
    if slot is None or slot == order_subscription.alerted_for:
        return None
    return slot - timedelta(hours=order_subscription.renewal_alert_period)


def last_skipped(order_subscription: OrderSubscription) -> datetime | None:
    """Return the last slot that is skipped; None: there is none."""
    one = order_subscription
    if not (one.skipped_from and one.next_run_at and one.anchor_at):
        return None
    zone, tick = settings.SUBSCRIPTION_TIME_ZONE, datetime.resolution
    first, until = one.skipped_from - tick, one.next_run_at - tick
    return latest_slot(one.frequency, one.anchor_at, first, until, zone)[0]


def slot_after(order_subscription: OrderSubscription, instant: datetime) -> datetime | None:
    """Return the first slot later than ``instant``; None if there is none before it expires."""
    one = order_subscription
    assert one.anchor_at is not None, "it was activated"
    try:
        slot = next_slot(one.frequency, one.anchor_at, instant, settings.SUBSCRIPTION_TIME_ZONE)
    except NoSlotError:
        return None
    return None if one.expires_at and slot >= one.expires_at else slot
