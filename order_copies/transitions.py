"""Every status transition of a copy, under one table.

Each transition is one conditional UPDATE, and its event is recorded in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db.models import F
from django.db.models.functions import Coalesce

from order_copies.db.rows import insert_rows, update_rows
from order_copies.events.models import Event
from order_copies.events.recording import Actor, changes_of, record, worker_actor
from order_copies.exceptions import LeaseLostError, OrderCopyGoneError
from order_copies.models import OPTIONS, OrderFactory, OrderFactoryQuerySet, Status
from order_copies.plans import Problem, errors_count, errors_log


class Transition(NamedTuple):
    """The states that an event leads from, and the state that it leads to."""

    event: str
    #: None: there is no copy yet.
    sources: frozenset[Status | None]
    target: Status


#: The transitions by their events (contract 1.7); ``abort`` and ``retry`` are our own.
TRANSITIONS = {
    transition.event: transition
    for transition in (
        Transition("create", frozenset({None}), Status.PENDING),
        Transition("start", frozenset({Status.PENDING}), Status.IN_PROGRESS),
        Transition("complete", frozenset({Status.IN_PROGRESS}), Status.COMPLETED),
        Transition("fail", frozenset({Status.IN_PROGRESS}), Status.FAILED),
        Transition("abort", frozenset({Status.PENDING, Status.IN_PROGRESS}), Status.ABORTED),
        Transition("retry", frozenset({Status.FAILED, Status.ABORTED}), Status.PENDING),
    )
}
ABORTABLE = TRANSITIONS["abort"].sources
RETRYABLE = TRANSITIONS["retry"].sources

#: The event by which a worker ends a copy in each final state.
_ENDS = {TRANSITIONS[event].target: event for event in ("complete", "fail", "abort")}

_CREATED_FIELDS = (
    *("type", "status", "batch_id", "source_order_id", "order_subscription_id", "scheduled_for"),
    *OPTIONS,
    *("reference", "reference_origin", "metadata", "profile", "changes", "plan_digest"),
    *("errors_log", "errors_count"),
    *("outcomes", "retries", "attempt", "hand_backs", "worker"),
    *("queued_at", "created_at", "updated_at"),
)
_ENDED_FIELDS = (
    *("updated_at", "status", "lease_expires_at", "locked_since", "completed_at", "failed_at"),
    *("errors_log", "errors_count", "outcomes", "target_order_id"),
)
#: The columns that a retry resets, and the values of a copy that was never attempted.
_RESET: dict[str, Any] = {
    "status": Status.PENDING,
    "started_at": None,
    "completed_at": None,
    "failed_at": None,
    "errors_log": {},
    "errors_count": 0,
    "outcomes": [],
    "attempt": 0,
    "hand_backs": 0,
    "locked_since": None,
    "lease_expires_at": None,
    "worker": "",
}
#: Those that the event of a retry reports; earlier events keep the rest.
_RESET_REPORTED = ("status", "started_at", "failed_at", "errors_log", "errors_count")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a copy ends: a final state, why, and what it leaves."""

    order_copy: OrderFactory
    status: Status
    problems: Sequence[Problem] = ()
    #: The primary key of the target order, if there is one.
    target_order: Any = None
    #: The attribute ``outcomes`` of the copy: the result for each line.
    outcomes: Sequence[dict[str, Any]] = ()

    def reported(self, now: datetime) -> dict[str, Any]:
        """Return the attributes of the copy that its event reports, when it ends at ``now``."""
        log = errors_log(self.problems)
        return {
            "status": str(self.status),
            "completed_at": now if self.status == Status.COMPLETED else None,
            "failed_at": now if self.status == Status.FAILED else None,
            "errors_log": log,
            "errors_count": errors_count(log),
        }


def lock(order_copies: Sequence[OrderFactory]) -> list[OrderFactory]:
    """Return these copies as the database has them, by key, locked until the transaction ends.

    Raises :class:`OrderCopyGoneError` if one was deleted in the meantime.
    """
    keys = {order_copy.pk for order_copy in order_copies}
    locked = OrderFactory.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    if len(locked) < len(keys):
        raise OrderCopyGoneError
    return list(locked)


def event(
    order_copy: OrderFactory, verb: str, changes: dict[str, Any], who: Actor, now: datetime
) -> Event:
    """Return an event of this copy, not yet recorded. Without a verb it is a plain change."""
    return Event(
        resource_type=order_copy.type,
        resource_id=str(order_copy.pk),
        name=f"{order_copy.type}.{verb}" if verb else "",
        changes=changes,
        who=who,
        created_at=now,
    )


def create(order_copies: Sequence[OrderFactory], *, who: Actor, now: datetime) -> None:
    """Insert new copies as pending, and set their primary keys."""
    for order_copy in order_copies:
        order_copy.queued_at = order_copy.created_at = order_copy.updated_at = now
    rows = [[getattr(order_copy, name) for name in _CREATED_FIELDS] for order_copy in order_copies]
    keys = insert_rows(OrderFactory, _CREATED_FIELDS, rows)
    for order_copy, key in zip(order_copies, keys, strict=True):
        order_copy.pk = key
        order_copy._state.adding = False
    changes = {"status": {"from": None, "to": str(Status.PENDING)}}
    record([event(order_copy, "create", changes, who, now) for order_copy in order_copies])


def start(
    candidates: OrderFactoryQuerySet, *, worker: str, now: datetime, lease_expires_at: datetime
) -> list[OrderFactory]:
    """Give a worker those of the candidates that it may claim: one more attempt, under a lease.

    Only a first attempt is a transition with an event; a later one is the same start.
    """
    claimed = candidates.claimable(now).update(
        status=Status.IN_PROGRESS,
        started_at=Coalesce("started_at", now),
        attempt=F("attempt") + 1,
        worker=worker,
        lease_expires_at=lease_expires_at,
        updated_at=now,
    )
    if not claimed:
        return []
    # Where rows cannot be locked another worker may have claimed some: keep only our own.
    mine = candidates.filter(worker=worker, lease_expires_at=lease_expires_at)
    order_copies = list(mine.order_by("pk"))
    changes = {
        "status": {"from": str(Status.PENDING), "to": str(Status.IN_PROGRESS)},
        "started_at": {"from": None, "to": now},
    }
    who = worker_actor(worker)
    first = [order_copy for order_copy in order_copies if order_copy.attempt == 1]
    record([event(order_copy, "start", changes, who, now) for order_copy in first])
    return order_copies


def end(endings: Sequence[Ending], *, who: Actor, now: datetime) -> None:
    """Complete, fail or abort copies that a worker holds.

    Raises :class:`LeaseLostError` if one of them is no longer in progress under its attempt.
    """
    before = {"status": str(Status.IN_PROGRESS), "errors_log": {}, "errors_count": 0}
    rows, events = [], []
    for ending in endings:
        order_copy, report = ending.order_copy, ending.reported(now)
        values = report | {
            "updated_at": now,
            "lease_expires_at": None,
            "locked_since": None,
            "outcomes": ending.outcomes,
            "target_order_id": ending.target_order,
        }
        fence = [order_copy.pk, order_copy.attempt, order_copy.retries]
        rows.append([*fence, *(values[name] for name in _ENDED_FIELDS)])
        changes = changes_of(before, report)
        events.append(event(order_copy, _ENDS[ending.status], changes, who, now))
    # The fence: a copy that another attempt claimed, that has ended or was retried after its end,
    # matches no row.
    written = update_rows(
        OrderFactory,
        _ENDED_FIELDS,
        rows,
        match=("id", "attempt", "retries"),
        where={"status": Status.IN_PROGRESS},
    )
    if written != len(rows):
        raise LeaseLostError
    record(events)


def abort(
    order_copies: Sequence[OrderFactory], problem: Problem, *, who: Actor, now: datetime
) -> None:
    """Abort copies that the caller has locked and that have not ended."""
    log = errors_log([problem])
    _from("abort", order_copies).update(
        status=Status.ABORTED,
        lease_expires_at=None,
        locked_since=None,
        errors_log=log,
        errors_count=errors_count(log),
        updated_at=now,
    )
    events = []
    for order_copy in order_copies:
        before = _values(order_copy, ("status", "errors_log", "errors_count"))
        report = Ending(order_copy, Status.ABORTED, [problem]).reported(now)
        events.append(event(order_copy, "abort", changes_of(before, report), who, now))
    record(events)


def retry(
    order_copies: Sequence[OrderFactory],
    *,
    who: Actor,
    now: datetime,
    toggles: Mapping[str, bool] = MappingProxyType({}),
) -> None:
    """Make copies pending again that the caller has locked and that ended without a target.

    Their payments get new idempotency keys. With other ``toggles`` they do no longer what was
    previewed, so that their ``plan_digest`` is forgotten.
    """
    changed = {**toggles, "plan_digest": ""} if toggles else {}
    _from("retry", order_copies).filter(target_order=None, source_order__isnull=False).update(
        **_RESET, **changed, retries=F("retries") + 1, queued_at=now, updated_at=now
    )
    after = {name: _RESET[name] for name in _RESET_REPORTED} | dict(toggles)
    events = []
    for order_copy in order_copies:
        changes = changes_of(_values(order_copy, after), after)
        events.append(event(order_copy, "retry", changes, who, now))
    record(events)


def _from(event_name: str, order_copies: Sequence[OrderFactory]) -> OrderFactoryQuerySet:
    """Return the rows of these copies that are in a state from which the event leads on."""
    keys = [order_copy.pk for order_copy in order_copies]
    return OrderFactory.objects.filter(pk__in=keys, status__in=TRANSITIONS[event_name].sources)


def _values(order_copy: OrderFactory, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(order_copy, name) for name in names}
