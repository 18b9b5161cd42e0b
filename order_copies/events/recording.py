"""Record events: the one way into the table, and the signal that tells of it."""

from collections.abc import Sequence

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from order_copies.db.rows import insert_rows
from order_copies.events.models import Event
from order_copies.events.who import Who

#: Sent once for all events of one call of :func:`record`, inside its transaction, with
#: ``events``: a list of :class:`Event`.
events_recorded = Signal()

#: Sent when somebody asks for an event to be told once more, with ``event``: the :class:`Event`,
#: inside the transaction that records who did.
event_triggered = Signal()

_fields = ["resource_type", "resource_id", "name", "changes", "who", "created_at"]


def record(events: Sequence[Event]) -> None:
    """Insert ``events`` with one statement and tell the receivers of ``events_recorded``.

    Call it inside the transaction of what the events tell.
    """
    rows = [[getattr(event, field) for field in _fields] for event in events]
    for event, key in zip(events, insert_rows(Event, _fields, rows), strict=True):
        event.pk = key
    if events:
        events_recorded.send(Event, events=list(events))


def trigger(event: Event, *, who: Who) -> None:
    """Tell the receivers of ``event_triggered`` of ``event`` once more, and record who asked."""
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
