"""Write the moves of copies: each one conditional UPDATE, its event in the same transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Coalesce

from order_copies.db.locks import locked
from order_copies.db.rows import update_rows
from order_copies.events.models import Event, changes_of
from order_copies.events.recording import record
from order_copies.events.who import Who
from order_copies.exceptions import LeaseLostError, OrderCopyGoneError
from order_copies.models import (
    OrderFactory,
    OrderFactoryQuerySet,
    Status,
    blank_record,
)
from order_copies.plans import Problem

#: The event of each final state (contract 1.7); ``abort`` is our own.
verbs = {Status.COMPLETED: "complete", Status.FAILED: "fail", Status.ABORTED: "abort"}

_end_fields = [
    "status",
    "lease_expires_at",
    "locked_since",
    "completed_at",
    "failed_at",
    "errors_log",
    "errors_count",
    "outcomes",
    "target_order_id",
]


#: What the event of a retry tells; the events before it keep the rest.
_retry_fields = {"status", "started_at", "failed_at", "errors_log", "errors_count"}

_abort_fields = ("status", "errors_log", "errors_count")


def lock(order_copies: Sequence[OrderFactory]) -> list[OrderFactory]:
    """These copies as the database has them, in order of their keys, until the transaction ends.

    Raises :class:`OrderCopyGoneError` if one was deleted in the meantime.
    """
    keys = {order_copy.pk for order_copy in order_copies}
    locked = OrderFactory.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    if len(locked) < len(keys):
        raise OrderCopyGoneError
    return list(locked)


def event(
    order_copy: OrderFactory,
    verb: str,
    changes: dict[str, Any],
    who: Who,
    now: datetime,
) -> Event:
    """An event of this copy, not yet recorded. Without a verb: a plain change."""
    return Event(
        resource_type=order_copy.type,
        resource_id=str(order_copy.pk),
        name=f"{order_copy.type}.{verb}" if verb else "",
        changes=changes,
        who=who,
        created_at=now,
    )


def record_started(order_copies: Sequence[OrderFactory], who: Who, now: datetime) -> None:
    """Record that a worker started these copies; a second attempt is the same start."""
    changes = {"status": {"from": str(Status.PENDING), "to": str(Status.IN_PROGRESS)}}
    record(
        [
            event(
                order_copy,
                "start",
                changes | {"started_at": {"from": None, "to": now}},
                who,
                now,
            )
            for order_copy in order_copies
            if order_copy.attempt == 1
        ]
    )


def save_ended(order_copies: Sequence[OrderFactory], who: Who, now: datetime) -> None:
    """Write the end of copies that this worker holds, with its event.

    Raises :class:`LeaseLostError` if one of them is no longer in progress under this attempt.
    """
    rows = [
        (
            order_copy.pk,
            order_copy.attempt,
            order_copy.retries,
            now,
            *(getattr(order_copy, field) for field in _end_fields),
        )
        for order_copy in order_copies
    ]
    # The fence: a copy that another attempt took over, that has ended, or that starts afresh after
    # its end, matches nothing.
    written = update_rows(
        OrderFactory,
        ["updated_at", *_end_fields],
        rows,
        match=("id", "attempt", "retries"),
        where={"status": Status.IN_PROGRESS},
    )
    if written != len(rows):
        raise LeaseLostError
    before = {"status": str(Status.IN_PROGRESS), "errors_log": {}, "errors_count": 0}
    record(
        [
            event(
                order_copy,
                verbs[Status(order_copy.status)],
                changes_of(before, order_copy.ending()),
                who,
                now,
            )
            for order_copy in order_copies
        ]
    )


def save_aborted(
    order_copies: Sequence[OrderFactory], problem: Problem, who: Who, now: datetime
) -> None:
    """Write that somebody aborts these copies, locked and not ended yet, with its event."""
    OrderFactory.objects.filter(pk__in=[one.pk for one in order_copies]).abort(now, problem)
    events = []
    for order_copy in order_copies:
        before = _told(order_copy, _abort_fields)
        order_copy.abort([problem])
        events.append(event(order_copy, "abort", changes_of(before, order_copy.ending()), who, now))
    record(events)


def save_retried(order_copies: Sequence[OrderFactory], who: Who, now: datetime) -> None:
    """Write that these copies, locked and ended without a target, start afresh, with its event."""
    OrderFactory.objects.filter(pk__in=[order_copy.pk for order_copy in order_copies]).retry(now)
    afresh = {name: value for name, value in blank_record().items() if name in _retry_fields}
    record(
        [
            event(order_copy, "retry", changes_of(_told(order_copy, afresh), afresh), who, now)
            for order_copy in order_copies
        ]
    )


def _told(order_copy: OrderFactory, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(order_copy, name) for name in names}


def save_pause(order_copy: OrderFactory) -> int:
    """Hand a copy back: it waits for a worker, whoever that is, from the end of its new lease on.

    Returns 1 if the copy was still this attempt's to hand back, else 0.
    """
    held = _held([order_copy]).filter(attempt=order_copy.attempt, retries=order_copy.retries)
    due_at = order_copy.lease_expires_at
    return held.update(lease_expires_at=due_at, queued_at=due_at, locked_since=None)


def save_locked(order_copies: Sequence[OrderFactory], now: datetime, pause: timedelta) -> int:
    """Schedule copies that need locked rows for another attempt after ``pause``.

    The attempt does not count. Returns how many of the copies this worker still held.
    """
    held = _held(order_copies).filter(worker=order_copies[0].worker)
    due_at = now + pause
    return held.update(
        lease_expires_at=due_at,
        queued_at=due_at,
        locked_since=Coalesce("locked_since", now),
        hand_backs=F("hand_backs") + 1,
    )


def still_held(order_copies: Sequence[OrderFactory]) -> set[int]:
    """The keys of those copies that are still in progress under their attempt."""
    return _matching(order_copies, _held(order_copies))


def lock_held(order_copies: Sequence[OrderFactory]) -> set[int]:
    """As :func:`still_held`, and they stay so until the transaction ends."""
    return _matching(order_copies, locked(_held(order_copies).order_by("pk")))


def _matching(order_copies: Sequence[OrderFactory], rows: OrderFactoryQuerySet) -> set[int]:
    found = set(rows.values_list("pk", "attempt", "retries"))
    held = ((order_copy.pk, order_copy.attempt, order_copy.retries) for order_copy in order_copies)
    return {run[0] for run in held if run in found}


def _held(order_copies: Sequence[OrderFactory]) -> OrderFactoryQuerySet:
    keys = [order_copy.pk for order_copy in order_copies]
    return OrderFactory.objects.filter(pk__in=keys, status=Status.IN_PROGRESS)
