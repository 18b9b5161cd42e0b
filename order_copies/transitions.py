"""Write the moves of copies: each one conditional UPDATE, its event in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from order_copies.events.models import Event, changes_of
from order_copies.events.recording import record
from order_copies.events.who import Who
from order_copies.exceptions import LeaseLostError
from order_copies.models import OrderFactory, Status
from order_copies.rows import update_rows

#: The event of each final state (contract 1.7); ``abort`` is our own.
verbs = {Status.COMPLETED: "complete", Status.FAILED: "fail", Status.ABORTED: "abort"}

_end_fields = [
    "status",
    "lease_expires_at",
    "completed_at",
    "failed_at",
    "errors_log",
    "errors_count",
    "outcomes",
    "target_order_id",
]


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
            now,
            *(getattr(order_copy, field) for field in _end_fields),
        )
        for order_copy in order_copies
    ]
    # The fence: a copy that another attempt took over, or that has ended, matches nothing.
    written = update_rows(
        OrderFactory,
        ["updated_at", *_end_fields],
        rows,
        match=("id", "attempt"),
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


def save_pause(order_copy: OrderFactory) -> bool:
    """Hand a copy back: it can be claimed again when its shortened lease runs out.

    Returns whether the copy was still this attempt's to hand back.
    """
    held = OrderFactory.objects.filter(
        pk=order_copy.pk, attempt=order_copy.attempt, status=Status.IN_PROGRESS
    )
    return bool(held.update(lease_expires_at=order_copy.lease_expires_at))
