"""Audit subscriptions: their columns, copies and events must agree.

A slot cannot run twice: a constraint forbids it. That none was passed over is read from the events,
of which each continues where the last one ended.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from order_copies.conf import LONGEST_PAUSE
from order_copies.events.models import Event
from order_copies.models import FINAL, ONGOING, OrderFactory, OrderSubscription
from order_copies.shops import Finding
from order_copies.subscriptions.transitions import Status, due_at

#: The columns whose changes are followed from event to event.
_FOLLOWED = frozenset({"status", "next_run_at"})


def look_at(
    order_subscriptions: Sequence[OrderSubscription], before: datetime
) -> Iterator[Finding]:
    """Yield the inconsistencies of these subscriptions. Two queries.

    One that has been due since before ``before`` is overdue.
    """
    keys = [one.pk for one in order_subscriptions]
    runs, histories = _runs(keys), _histories(keys)
    for one in order_subscriptions:
        yield from _dates(one, before)
        history = histories[one.pk]
        yield from _copies(one, runs.get(one.pk, {}), is_counted=history.is_whole)
        yield from history.look_at(one)


def _finding(one: OrderSubscription, code: str, message: str) -> Finding:
    return Finding(code, one.resource_type, one.public_id, message)


def _dates(one: OrderSubscription, before: datetime) -> Iterator[Finding]:
    if one.due_at != due_at(one) and not _is_set_aside(one):
        message = _("is due at %(due_at)s, not at %(right)s: pause it, and activate it again")
        words = {"due_at": _shown(one.due_at), "right": _shown(due_at(one))}
        yield _finding(one, "due_disagrees", message % words)
    elif one.due_at and one.due_at < before:
        message = _("has been due since %(instant)s: start a worker")
        yield _finding(one, "overdue", message % {"instant": _shown(one.due_at)})
    ends = one.next_run_at or one.expires_at or one.retry_at
    if one.status == Status.ACTIVE and not ends:
        message = _("is active, but has no next run: cancel it, or set its next run")
        yield _finding(one, "next_run_missing", message)


def _is_set_aside(one: OrderSubscription) -> bool:
    """Return whether the scheduler, which failed, looks again soon."""
    right, soon = due_at(one), timezone.now() + LONGEST_PAUSE
    return bool(right and one.due_at and right < one.due_at <= soon)


def _runs(keys: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what the copies of subscriptions say, by key of the subscription."""
    copies = OrderFactory.objects.filter(order_subscription__in=keys).order_by()
    found = copies.values("order_subscription").annotate(
        ongoing=Count("pk", filter=Q(status__in=ONGOING)),
        # A retry is the same run.
        ended=Count("pk", filter=Q(status__in=FINAL, retries=0)),
        last=Max("scheduled_for"),
    )
    return {row.pop("order_subscription"): row for row in found}


def _copies(one: OrderSubscription, runs: dict[str, Any], *, is_counted: bool) -> Iterator[Finding]:
    """Compare a subscription with its copies. ``is_counted``: its events count the runs."""
    if one.status == Status.RUNNING and not runs.get("ongoing"):
        message = _("is running, but its copy has ended or is gone: deactivate it, and activate it")
        yield _finding(one, "copy_missing", message)
    ended, last = runs.get("ended", 0), runs.get("last")
    if ended > one.occurrencies and not is_counted:
        message = _("counts %(counted)s runs, but has %(ended)s copies: correct occurrencies")
        words = {"counted": one.occurrencies, "ended": ended}
        yield _finding(one, "runs_miscounted", message % words)
    if last and (one.last_slot is None or last > one.last_slot):
        message = _("has a copy for %(last)s, after its last slot: the row was changed by hand")
        yield _finding(one, "slots_disagree", message % {"last": _shown(last)})


class _History:
    """What the events of one subscription lead to, followed one by one."""

    def __init__(self) -> None:
        #: Whether the first event is there: old ones may have been pruned.
        self.is_whole = False
        #: The last value of each followed column that an event names.
        self.values: dict[str, Any] = {}
        #: The columns that an event changed from another value than the event before it left.
        self.broken: list[str] = []
        self.failed = self.ended = 0

    def follow(self, name: str, changes: dict[str, Any]) -> None:
        """Follow the next event."""
        verb = name.rpartition(".")[2]
        self.is_whole |= verb == "create"
        self.failed += verb == "last_run_failed"
        if counted := changes.get("occurrencies"):
            self.ended += (counted["to"] or 0) - (counted["from"] or 0)
        if "missed" in changes:
            return  # It explains the change after it.
        for column in _FOLLOWED & changes.keys():
            before, after = (_value(changes[column][side]) for side in ("from", "to"))
            if column in self.values and self.values[column] != before:
                self.broken.append(column)
            self.values[column] = after

    def look_at(self, one: OrderSubscription) -> Iterator[Finding]:
        """Yield what is inconsistent between the events and the columns."""
        differing = [
            column for column, value in self.values.items() if _value(getattr(one, column)) != value
        ]
        if found := sorted({*self.broken, *differing}):
            message = _("changed without an event (%(columns)s): see which slots have no copy")
            yield _finding(one, "events_disagree", message % {"columns": ", ".join(found)})
        if self.is_whole and self.failed != one.errors_count:
            message = _("counts %(counted)s errors, and its events %(failed)s: correct the count")
            words = {"counted": one.errors_count, "failed": self.failed}
            yield _finding(one, "errors_miscounted", message % words)
        if self.is_whole and self.ended != one.occurrencies:
            message = _("counts %(counted)s runs, and its events %(ended)s: correct occurrencies")
            words = {"counted": one.occurrencies, "ended": self.ended}
            yield _finding(one, "runs_miscounted", message % words)


def _histories(keys: Sequence[int]) -> dict[int, _History]:
    """Return the histories of subscriptions by key, reading one event at a time."""
    histories = {key: _History() for key in keys}
    events = Event.objects.filter(
        resource_type=OrderSubscription.resource_type, resource_id__in=map(str, keys)
    )
    rows = events.order_by("pk").values_list("resource_id", "name", "changes")
    for key, name, changes in rows.iterator(chunk_size=2000):
        histories[int(key)].follow(name, changes)
    return histories


def _value(value: Any) -> Any:
    """Return a value of an event or a column in a comparable form; events have milliseconds."""
    if isinstance(value, str):
        value = parse_datetime(value) or value
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


def _shown(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else _("no time")
