"""The steps and the events of one copy, in texts for staff."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from order_copies import copying
from order_copies.events.models import Event
from order_copies.events.recording import actor_name
from order_copies.models import OrderFactory, Status
from order_copies.templatetags.order_copies_admin import words

#: The largest number of events that a page lists: the newest.
MAX_EVENTS = 100

event_labels = {
    "create": gettext_lazy("Requested"),
    "start": gettext_lazy("Started"),
    "complete": gettext_lazy("Completed"),
    "fail": gettext_lazy("Failed"),
    "abort": gettext_lazy("Aborted"),
    "retry": gettext_lazy("Retry requested"),
    "undo": gettext_lazy("Undone"),
    "": gettext_lazy("Changed"),
}
#: The attributes that every event of a step changes: its label and its time say them.
_STEPS = frozenset(
    {"status", "started_at", "completed_at", "failed_at", "errors_log", "errors_count"}
)


@dataclass(frozen=True, slots=True)
class LifecycleStep:
    """One step of a copy from pending to its end."""

    label: Any
    #: ``"done"``, ``"current"`` or ``"ahead"``.
    state: str
    #: When the copy reached the step.
    at: datetime | None


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event of a copy in texts for staff."""

    event: Event

    @property
    def verb(self) -> str:
        """The last part of the name; empty for a plain change."""
        return self.event.name.rpartition(".")[2]

    @property
    def label(self) -> str:
        """The translated name of the event."""
        return str(event_labels.get(self.verb, self.verb))

    @property
    def who(self) -> str:
        """The name of the actor."""
        return actor_name(self.event.who)

    @property
    def details(self) -> str:
        """What changed, in words: the number of errors, and attributes with their new values."""
        changes = self.event.changes
        # A retry resets the errors to 0, and an abort by hand counts itself.
        count = 0
        if self.verb in {"fail", "complete"}:
            count = changes.get("errors_count", {}).get("to", 0)
        parts = [ngettext("%d error", "%d errors", count) % count] if count else []
        changed = {name: one for name, one in changes.items() if name not in _STEPS}
        parts += [_change(name, one.get("to")) for name, one in changed.items()]
        return ", ".join(parts)


class Timeline:
    """The steps and events of one copy. One query, when the first of them is read."""

    def __init__(self, order_copy: OrderFactory) -> None:
        self.order_copy = order_copy

    @cached_property
    def _newest(self) -> Sequence[Event]:
        return list(copying.events_of(self.order_copy).order_by("-pk")[: MAX_EVENTS + 1])

    @property
    def entries(self) -> list[EventEntry]:
        """The events of the copy, oldest first, the newest :data:`MAX_EVENTS` of them."""
        return [EventEntry(event) for event in reversed(self._newest[:MAX_EVENTS])]

    @property
    def is_cut(self) -> bool:
        """Whether there are older events."""
        return len(self._newest) > MAX_EVENTS

    @property
    def abort(self) -> EventEntry | None:
        """The last abort; None if there was none, or its event was pruned."""
        entries = map(EventEntry, self._newest)
        return next((entry for entry in entries if entry.verb == "abort"), None)

    @property
    def undo(self) -> EventEntry | None:
        """The event of the undo; None if the copy was not undone."""
        entries = map(EventEntry, self._newest)
        return next((entry for entry in entries if entry.verb == "undo"), None)

    @property
    def steps(self) -> Iterator[LifecycleStep]:
        """The steps pending, in progress (unless it was aborted before), and the end."""
        order_copy = self.order_copy
        yield LifecycleStep(Status.PENDING.label, self._state(0), order_copy.created_at)
        if order_copy.started_at or not order_copy.has_ended:
            yield LifecycleStep(Status.IN_PROGRESS.label, self._state(1), order_copy.started_at)
        end = order_copy.get_status_display() if order_copy.has_ended else _("ended")
        yield LifecycleStep(end, self._state(2), self.ended_at)
        if self.undo:
            yield LifecycleStep(_("undone"), "current", self.undo.event.created_at)

    @property
    def ended_at(self) -> datetime | None:
        """When the copy ended. The time of an abort is stored only in its event."""
        order_copy = self.order_copy
        if order_copy.status == Status.ABORTED:
            return self.abort.event.created_at if self.abort else None
        return order_copy.completed_at or order_copy.failed_at

    def _state(self, step: int) -> str:
        reached = {Status.PENDING: 0, Status.IN_PROGRESS: 1}.get(Status(self.order_copy.status), 2)
        if step == reached and not (step == 2 and self.undo):
            return "current"
        return "done" if step <= reached else "ahead"


def _change(name: str, value: Any) -> str:
    if value is None or value in ("", {}):
        return _("%(name)s removed") % {"name": words(name)}
    if isinstance(value, bool):
        value = _("yes") if value else _("no")
    if isinstance(value, dict | list):
        return words(name)
    return f"{words(name)}: {value}"
