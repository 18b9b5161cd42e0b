"""One copy as its page shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.presenting import Lines, readable, words
from order_copies.copying import OPTIONS
from order_copies.events.models import Event
from order_copies.events.who import who_in_words
from order_copies.intervening import why_not_retried
from order_copies.models import RETRYABLE, OrderCopy, Status

#: How many events a page lists.
MAX_EVENTS = 100

event_labels = {
    "create": gettext_lazy("Requested"),
    "start": gettext_lazy("Started"),
    "complete": gettext_lazy("Completed"),
    "fail": gettext_lazy("Failed"),
    "abort": gettext_lazy("Aborted"),
    "retry": gettext_lazy("To be tried again"),
    "": gettext_lazy("Changed"),
}


@dataclass(frozen=True, slots=True)
class StepOfLife:
    """One of the steps from pending to the end. ``state``: done, current or ahead."""

    label: Any
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a copy, told to people."""

    event: Event

    @property
    def label(self) -> str:
        """What happened, in a word."""
        verb = self.event.name.rpartition(".")[2]
        return str(event_labels.get(verb, verb))

    @property
    def who(self) -> str:
        """Who did it: a person by name, a worker by its own."""
        return who_in_words(self.event.who)

    @property
    def changed(self) -> str:
        """For a plain change: what was changed."""
        return "" if self.event.name else ", ".join(words(name) for name in self.event.changes)


class Detail:
    """One copy with its events. ``source`` and ``target`` name (and link) its orders."""

    def __init__(self, order_copy: OrderCopy, *, source: str | None, target: str | None) -> None:
        self.order_copy = order_copy
        self.source = source or _("a deleted order")
        self.target = target
        self.duration = duration_of(order_copy)
        self.errors = readable(order_copy.errors_log or {})
        self.kind = "warning" if order_copy.status == Status.COMPLETED else "failed"

    @property
    def lines(self) -> Lines:
        """The outcomes, side by side."""
        return Lines(self.order_copy.outcomes or [], self.currency_code)

    @property
    def currency_code(self) -> str:
        """The currency of the orders, where the shop's orders name one."""
        orders = (self.order_copy.source_order, self.order_copy.target_order)
        return next((code for code in map(_currency_code, orders) if code), "")

    @property
    def toggles(self) -> list[tuple[Any, Any, bool]]:
        """Every toggle: its name, what it does, whether it was on."""
        fields = ((name, OrderCopy._meta.get_field(name)) for name in OPTIONS)
        return [
            (field.verbose_name, field.help_text, getattr(self.order_copy, name))  # type: ignore[union-attr]
            for name, field in fields
        ]

    @property
    def steps(self) -> Iterator[StepOfLife]:
        """Pending, in progress unless it never was, and the end."""
        order_copy = self.order_copy
        yield StepOfLife(Status.PENDING.label, self._state(0), order_copy.created_at)
        if order_copy.started_at or not order_copy.has_ended:
            yield StepOfLife(Status.IN_PROGRESS.label, self._state(1), order_copy.started_at)
        end = order_copy.get_status_display() if order_copy.has_ended else _("ended")
        yield StepOfLife(end, self._state(2), self.ended_at)

    @property
    def ended_at(self) -> datetime | None:
        """When the copy ended. Of an abort only its event knows."""
        order_copy = self.order_copy
        if order_copy.status == Status.ABORTED:
            aborts = self._events().filter(name=f"{order_copy.type}.abort").order_by("-pk")
            return aborts.values_list("created_at", flat=True).first()
        return order_copy.completed_at or order_copy.failed_at

    @cached_property
    def why_not_retried(self) -> str:
        """Why a copy that did not arrive cannot be tried again, if it cannot."""
        if self.order_copy.status not in RETRYABLE:
            return ""
        return "; ".join(problem.message for problem in why_not_retried(self.order_copy))

    @property
    def events(self) -> list[Happening]:
        """What happened to the copy, oldest first."""
        return [Happening(event) for event in self._events().order_by("pk")[:MAX_EVENTS]]

    def _events(self) -> "QuerySet[Event]":
        return Event.objects.filter(
            resource_type=self.order_copy.type, resource_id=str(self.order_copy.pk)
        )

    def _state(self, step: int) -> str:
        reached = {Status.PENDING: 0, Status.IN_PROGRESS: 1}.get(Status(self.order_copy.status), 2)
        if step == reached:
            return "current"
        return "done" if step < reached else "ahead"


def duration_of(order_copy: OrderCopy) -> str | None:
    """From start to end, in the unit that fits; None before the end."""
    ended_at = order_copy.completed_at or order_copy.failed_at
    if ended_at is None or order_copy.started_at is None:
        return None
    seconds = (ended_at - order_copy.started_at).total_seconds()
    if seconds < 1:
        return _("%(milliseconds)d ms") % {"milliseconds": round(seconds * 1000)}
    if seconds < 120:
        return _("%(seconds).1f s") % {"seconds": seconds}
    return _("%(minutes)d min") % {"minutes": round(seconds / 60)}


def _currency_code(order: Any) -> str:
    return str(getattr(order, "currency_code", "") or "")
