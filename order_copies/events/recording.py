"""Record events: the one way into the table, and the signal that tells of it."""

from collections.abc import Sequence

from django.dispatch import Signal

from order_copies.events.models import Event
from order_copies.rows import insert_rows

#: Sent once for all events of one call of :func:`record`, inside its transaction, with
#: ``events``: a list of :class:`Event`.
events_recorded = Signal()

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
