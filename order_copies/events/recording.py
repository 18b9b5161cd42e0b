"""Record events. Every event is inserted here, and each insert sends a signal."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from order_copies.db.rows import insert_rows
from order_copies.events.actors import Actor
from order_copies.events.models import Event

#: Sent once per call of :func:`record`, inside its transaction. Argument: ``events``, a list of
#: :class:`Event`.
events_recorded = Signal()

#: Sent when a client triggers an event again, inside the transaction that records the client.
#: Argument: ``event``, the :class:`Event`.
event_triggered = Signal()

_fields = ["resource_type", "resource_id", "name", "changes", "who", "created_at"]


def changes_of(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values of ``after`` that differ from ``before``, in the form of ``changes``."""
    return {
        name: {"from": before.get(name), "to": value}
        for name, value in after.items()
        if before.get(name) != value
    }


def record(events: Sequence[Event]) -> None:
    """Insert ``events`` with one statement, set their keys, and send ``events_recorded``.

    Call it inside the transaction that makes the changes. Raises what a receiver raises.
    """
    rows = [[getattr(event, field) for field in _fields] for event in events]
    for event, key in zip(events, insert_rows(Event, _fields, rows), strict=True):
        event.pk = key
    if events:
        events_recorded.send(Event, events=list(events))


def trigger(event: Event, *, who: Actor) -> None:
    """Send ``event_triggered`` for ``event``, and record the trigger with its actor."""
    now = timezone.now()
    changes = {"triggered_at": {"from": None, "to": now}}
    with transaction.atomic():
        record(
            [
                Event(
                    resource_type="events",
                    resource_id=str(event.pk),
                    changes=changes,
                    who=who,
                    created_at=now,
                )
            ]
        )
        event_triggered.send(Event, event=event)
