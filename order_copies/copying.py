"""Request, preview, follow, change, delete, abort, retry and undo copies: the Python API.

API, admin, commands and a shop's own code enter here; :mod:`order_copies.worker.run` runs what is
requested. Repeating an abort or a retry has no effect; every other forbidden transition is
answered with the reason.

``actor`` is who acts: a user, the name of code that acts for no user, or an :data:`Actor`. It is
recorded in the events of the copies. No function checks permissions.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies import transitions
from order_copies.changes import CHANGES, cleaned
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait, lock_existing
from order_copies.engines.wake_ups import wake, wake_for
from order_copies.events.models import Event
from order_copies.events.recording import Caller, actor_of, changes_of, record, with_copy
from order_copies.exceptions import (
    ChangesRefusedError,
    NotDeletableError,
    SourceOrderGoneError,
    SubscriptionRefusedError,
    UnsupportedToggleError,
)
from order_copies.jsonapi.fields import ObjectField
from order_copies.jsonapi.storable import InvalidValueError, check_storable
from order_copies.languages import in_english
from order_copies.models import (
    OPTIONS,
    CopyBatch,
    CopyProfile,
    OrderCopy,
    OrderFactory,
    OrderSubscription,
    RecurringOrderCopy,
    Status,
)
from order_copies.plans import CopyPlan, Problem, Step, cannot_transition, unsupported
from order_copies.shops import Capability, Shop, get_shop
from order_copies.subscriptions import rules, settlement
from order_copies.subscriptions import transitions as subscriptions
from order_copies.subscriptions.schedule import Scheduler
from order_copies.transitions import ABORTABLE, RETRYABLE, Ending, event, lock
from order_copies.worker import checked_shop

#: Seconds between the first two queries for the end of copies; each pause is 1.5 times longer.
FIRST_PAUSE = 0.02
#: The longest pause between two queries, in seconds.
LONGEST_PAUSE = 0.5


class Annotations(TypedDict, total=False):
    """What may be set on a copy at any time; the app stores it and does not use it."""

    reference: str | None
    reference_origin: str | None
    metadata: dict[str, Any]


class Toggles(TypedDict, total=False):
    """What a copy does, by the names of the API."""

    place_target_order: bool
    reuse_wallet: bool
    cancel_source_order: bool
    apply_promotions: bool
    skip_errors: bool
    ignore_invalid_coupon: bool


class Changes(TypedDict, total=False):
    """What the copy of one order takes otherwise than its source (:mod:`order_copies.changes`)."""

    line_items: list[dict[str, Any]] | None
    customer_email: str | None
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None


class CopyOptions(Annotations, Toggles, Changes, total=False):
    """What may be set on a copy when it is requested, by the names of the API."""

    #: The ``digest`` of a previewed plan: the copy does that, or nothing.
    plan_digest: str
    #: The name of a :class:`~order_copies.models.CopyProfile`: its toggles, unless they are given.
    profile: str | None


def request(
    orders: Iterable[Any], *, actor: Caller, **options: Unpack[CopyOptions]
) -> list[OrderCopy]:
    """Request a copy of each order, and return the copies, which are pending.

    Orders are instances or primary keys. The copies are saved in one transaction, or as part of the
    caller's; a worker is woken after the commit. Raises what :func:`unsaved` and
    :func:`request_copies` raise, and then requests nothing.
    """
    order_copies = unsaved(orders, **options)
    request_copies(order_copies, actor=actor)
    return order_copies


def preview(orders: Iterable[Any], **options: Unpack[CopyOptions]) -> list[CopyPlan]:
    """Return the plan of each copy that :func:`request` would request. Writes nothing.

    Raises what :func:`unsaved` and :func:`preview_copies` raise.
    """
    return preview_copies(unsaved(orders, **options))


def unsaved(orders: Iterable[Any], **options: Unpack[CopyOptions]) -> list[OrderCopy]:
    """Return an unsaved copy of each order, for :func:`request_copies` and :func:`preview_copies`.

    Raises TypeError for unknown options, instances of other models and a string in place of a list,
    ValidationError for values that cannot be stored, unknown profiles and malformed primary keys,
    and :class:`ChangesRefusedError` for changes that no order can be copied with. Raises ValueError
    for changes of several orders: each has lines of its own. Does not look whether the orders
    exist.
    """
    others = {name: value for name, value in options.items() if name not in CHANGES}
    values = _cleaned(others, CopyOptions.__optional_keys__)
    if values.get("profile") is not None:
        values = _profile(values["profile"]).toggles | values
    values["changes"] = cleaned({name: options.get(name) for name in CHANGES})
    if isinstance(orders, str | bytes):
        message = "orders must be a list: each letter would be a primary key."
        raise TypeError(message)
    order_copies = [_of(order, values) for order in orders]
    if values["changes"] and len(order_copies) > 1:
        message = "Changes are for the copy of one order: request each order by itself."
        raise ValueError(message)
    return order_copies


def _profile(name: str) -> CopyProfile:
    profile = CopyProfile.objects.filter(name=name).first()
    if profile is None:
        raise ValidationError(_("There is no copy profile %(name)s."), params={"name": name})
    return profile


def _of(order: Any, values: Mapping[str, Any]) -> OrderCopy:
    model: Any = get_shop().order_model
    if isinstance(order, model):
        return OrderCopy(source_order=order, **values)
    if isinstance(order, Model):
        message = f"{order._meta.label} is not the order model {model._meta.label}."
        raise TypeError(message)
    key = model._meta.pk.to_python(order)
    try:
        check_storable({"key": key})
    except InvalidValueError as error:
        raise ValidationError(error.message) from error
    return OrderCopy(source_order_id=key, **values)


def request_copies(
    order_copies: Sequence[OrderFactory], *, actor: Caller, batch: CopyBatch | None = None
) -> None:
    """Save new copies as pending, with their ``create`` events, in one transaction.

    They are added to ``batch``, which is saved if it is unsaved.

    API, admin and commands all request copies here. The caller has checked that the actor may copy
    the source orders. A worker is woken after the commit. Raises :class:`SourceOrderGoneError` if a
    source order does not exist, and :class:`RowsLockedError` if another transaction keeps one
    locked for ``LOCK_TIMEOUT`` seconds; on PostgreSQL only a transaction that deletes the order, or
    may delete it (``FOR UPDATE``), blocks the request.

    Raises :class:`UnsupportedToggleError` for a toggle that the shop cannot do. Such a toggle that
    that is on by default, as ``reuse_wallet`` is, is turned off instead. Raises
    :class:`ChangesRefusedError` for changes that the source order cannot be copied with, and
    ValueError for copies that are saved, or twice in the list.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        _request(order_copies, actor, batch)
        transaction.on_commit(partial(wake_for, order_copies))


def request_batch(
    parts: Iterable[Sequence[OrderFactory]], *, actor: Caller, batch: CopyBatch
) -> None:
    """Save any number of new copies as one batch, in one transaction but a part at a time.

    As :func:`request_copies`, with the memory of one part: let ``parts`` be an iterator.
    """
    first: list[OrderFactory] = []
    with limited_wait(settings.LOCK_TIMEOUT):
        for part in parts:
            _request(part, actor, batch)
            first = first or list(part)
        transaction.on_commit(partial(wake_for, first))


def _request(order_copies: Sequence[OrderFactory], actor: Caller, batch: CopyBatch | None) -> None:
    new = {id(order_copy) for order_copy in order_copies if order_copy._state.adding}
    if len(new) < len(order_copies):
        message = "A copy is saved already, or twice in the list: request each once."
        raise ValueError(message)
    shop = get_shop()
    _settle_toggles(shop, order_copies)
    keys = {order_copy.source_order_id for order_copy in order_copies}
    if None in keys:
        raise SourceOrderGoneError
    sources = shop.order_model._base_manager.filter(pk__in=keys)
    if keys and len(lock_existing(sources)) < len(keys):
        raise SourceOrderGoneError
    _check_changes(shop, order_copies)
    if batch is not None:
        _add_to_batch(batch, order_copies, actor)
    transitions.create(order_copies, who=actor_of(actor), now=timezone.now())


def renew(
    order_subscriptions: Sequence[OrderSubscription], *, actor: Caller
) -> list[list[Problem]]:
    """Request the copy of the next slot of each subscription now; the slot after it stays.

    A worker is woken after the commit. Returns, for each subscription, the reasons why no copy was
    requested. Raises :class:`SubscriptionGoneError` and :class:`RowsLockedError`.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        now = timezone.now()
        scheduler = Scheduler(actor_of(actor), now)
        refusals = []
        requested = []
        for one in subscriptions.lock(order_subscriptions):
            problems = rules.of_run(one, now)
            refusals.append(problems)
            if not problems and one.next_run_at:
                requested.append(scheduler.request(one, one.next_run_at))
        scheduler.write()
        transaction.on_commit(partial(wake_for, requested))
    return refusals


def request_recurring(order_copy: OrderFactory, *, actor: Caller) -> None:
    """Save a recurring copy for the next slot of its subscription, as :func:`renew` does.

    ``source_order`` must be that of the subscription. Raises :class:`SubscriptionRefusedError`,
    :class:`SubscriptionGoneError`, :class:`UnsupportedToggleError` as :func:`request_copies` does,
    and :class:`RowsLockedError`.
    """
    _settle_toggles(get_shop(), [order_copy])
    with limited_wait(settings.LOCK_TIMEOUT):
        now = timezone.now()
        [one] = subscriptions.lock([order_copy.order_subscription])  # type: ignore[list-item]
        if problems := rules.of_recurring(one, order_copy, now):
            raise SubscriptionRefusedError(problems)
        assert one.next_run_at is not None
        scheduler = Scheduler(actor_of(actor), now)
        scheduler.request(one, one.next_run_at, order_copy)
        scheduler.write()
        transaction.on_commit(partial(wake_for, [order_copy]))


def preview_copies(order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
    """Return the plans of unsaved copies, as if they ran together now. Writes nothing.

    Raises :class:`SourceOrderGoneError` if a source order does not exist, and
    :class:`UnsupportedToggleError` and :class:`ChangesRefusedError` as :func:`request_copies` does.
    """
    shop = get_shop()
    _settle_toggles(shop, order_copies)
    _check_changes(shop, order_copies)
    try:
        return checked_shop.plan(shop, order_copies)
    except Exception as error:
        keys = {order_copy.source_order_id for order_copy in order_copies}
        if shop.order_model._base_manager.filter(pk__in=keys).count() < len(keys):
            raise SourceOrderGoneError from error
        raise


def follow(order_copies: Sequence[OrderFactory], timeout: float) -> Iterator[OrderCopy]:
    """Yield each copy as the database has it once it has ended; leave out deleted copies.

    Raises TimeoutError if copies have not ended after ``timeout`` seconds. Follow copies after the
    transaction that requested them: a worker cannot see them earlier.
    """
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    waiting = [order_copy.pk for order_copy in order_copies]
    while waiting:
        ongoing = set(_ongoing(waiting))
        ended = _saved([key for key in waiting if key not in ongoing])
        yield from (ended[key] for key in waiting if key in ended)
        waiting = [key for key in waiting if key in ongoing]
        left = deadline - time.monotonic()
        if waiting and left <= 0:
            message = (
                f"{len(waiting)} of {len(order_copies)} copies have not ended: "
                "check that a worker is running."
            )
            raise TimeoutError(message)
        if waiting:
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)


def _ongoing(keys: Sequence[Any]) -> "QuerySet[OrderFactory, Any]":
    return OrderFactory.objects.ongoing().filter(pk__in=keys).values_list("pk", flat=True)


def _saved(keys: Sequence[Any]) -> dict[Any, Any]:
    found = OrderCopy.objects.in_bulk(keys)
    others = [key for key in keys if key not in found]
    return found | (RecurringOrderCopy.objects.in_bulk(others) if others else {})


def wait(order_copies: Sequence[OrderFactory], timeout: float) -> list[OrderCopy]:
    """Return the copies as the database has them, once all have ended or after ``timeout`` seconds.

    ``has_ended`` says which have. Deleted copies are left out. Wait after the transaction that
    requested the copies, as for :func:`follow`.
    """
    with suppress(TimeoutError):
        deque(follow(order_copies, timeout), maxlen=0)
    keys = [order_copy.pk for order_copy in order_copies]
    found = _saved(keys)
    return [found[key] for key in keys if key in found]


def events_of(order_copy: OrderFactory) -> "QuerySet[Event]":
    """Return the events of a copy, oldest first: those with a name, and plain changes."""
    return Event.objects.filter(resource_type=order_copy.type, resource_id=str(order_copy.pk))


def update(order_copy: OrderFactory, *, actor: Caller, **changes: Unpack[Annotations]) -> None:
    """Set ``reference``, ``reference_origin`` or ``metadata``, and record the change.

    Raises TypeError and ValidationError as :func:`unsaved`, :class:`OrderCopyGoneError` if the copy
    was deleted in the meantime, and :class:`RowsLockedError` if another transaction keeps it
    locked.
    """
    values = _cleaned(changes, Annotations.__optional_keys__)
    now = timezone.now()
    with limited_wait(settings.LOCK_TIMEOUT):
        (current,) = lock([order_copy])
        before = {name: getattr(current, name) for name in values}
        different = changes_of(before, values)
        OrderFactory.objects.filter(pk=order_copy.pk).update(**values, updated_at=now)
        if different:
            record([event(order_copy, "", different, actor_of(actor), now)])
    order_copy.refresh_from_db()


def delete(order_copies: Sequence[OrderFactory], *, actor: Caller) -> None:
    """Delete copies and record it, all or none; their target orders stay.

    Raises :class:`NotDeletableError` while one of them is in progress,
    :class:`OrderCopyGoneError` if one is gone already, and :class:`RowsLockedError` if another
    transaction keeps one locked.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        settlement.lock(order_copies)
        current = lock(order_copies)
        if any(order_copy.status == Status.IN_PROGRESS for order_copy in current):
            raise NotDeletableError
        OrderFactory.objects.filter(pk__in=[order_copy.pk for order_copy in current]).delete()
        who, now = actor_of(actor), timezone.now()
        settlement.settle(_as_aborted(current), who=who, now=now)
        events = []
        for order_copy in current:
            changes = {"status": {"from": str(order_copy.status), "to": None}}
            events.append(event(order_copy, "destroy", changes, who, now))
        record(events)


def abort(order_copies: Sequence[OrderFactory], *, actor: Caller) -> list[list[Problem]]:
    """Abort copies that have not ended. A worker that runs one loses its lease and rolls back.

    A worker is woken to void the payments of those that ran. Returns, for each copy, the reasons
    why it was not aborted. Raises :class:`OrderCopyGoneError` if one was deleted in the meantime,
    and :class:`RowsLockedError` if another transaction keeps one locked.
    """
    # The event names the actor, the error does not: customers read the errors of their copies.
    with in_english():
        message = _("aborted by hand")
    aborted = Problem(Step.WRITE, "base", "aborted", message, skippable=False)
    with limited_wait(settings.LOCK_TIMEOUT):
        settlement.lock(order_copies)
        current = lock(order_copies)
        answers = {order_copy.pk: _why_not_aborted(order_copy) for order_copy in current}
        running = [order_copy for order_copy in current if order_copy.status in ABORTABLE]
        has_begun = any(order_copy.status == Status.IN_PROGRESS for order_copy in running)
        who, now = actor_of(actor), timezone.now()
        transitions.abort(running, aborted, who=who, now=now)
        endings = [Ending(order_copy, Status.ABORTED, [aborted]) for order_copy in running]
        settlement.settle(endings, who=who, now=now)
        if has_begun:
            transaction.on_commit(wake)
    return [answers[order_copy.pk] for order_copy in order_copies]


def retry(
    order_copies: Sequence[OrderFactory], *, actor: Caller, **toggles: Unpack[Toggles]
) -> list[list[Problem]]:
    """Retry copies that failed or were aborted; their events keep the earlier result.

    ``toggles`` change the options of the copies; the others stay. Returns, for each copy, the
    reasons why it cannot be retried. Raises as :func:`abort`, and TypeError for unknown toggles.
    """
    values = _cleaned(toggles, Toggles.__optional_keys__)
    with limited_wait(settings.LOCK_TIMEOUT):
        current = lock(order_copies)
        answers = {one.pk: _why_not_retried_with(one, values) for one in current}
        ended = [order_copy for order_copy in current if order_copy.status in RETRYABLE]
        ready = [order_copy for order_copy in ended if not answers[order_copy.pk]]
        transitions.retry(ready, who=actor_of(actor), now=timezone.now(), toggles=values)
        if ready:
            transaction.on_commit(wake)
    return [answers[order_copy.pk] for order_copy in order_copies]


def why_not_retried(order_copy: OrderFactory) -> list[Problem]:
    """Return the reasons why the copy cannot be retried. Writes nothing."""
    if order_copy.status not in RETRYABLE | {Status.PENDING}:
        return [cannot_transition(Step.WRITE, order_copy.status, Status.PENDING)]
    if order_copy.target_order_id is not None:
        # A second target would double the order.
        message = _(
            "left order %(order)s for repair: place it, or cancel it and request a new copy"
        )
        named = message % {"order": get_shop().order_id(order_copy.target_order_id)}
        return [Problem(Step.WRITE, "target_order", "target_exists", named)]
    if order_copy.source_order_id is None:
        message = _("has no source order: it was deleted. Request a copy of another order")
        return [Problem(Step.WRITE, "source_order", "source_gone", message)]
    return [unsupported(*one) for one in get_shop().unsupported_in(order_copy).items()]


def undo(order_copy: OrderFactory, *, actor: Caller) -> list[Problem]:
    """Undo a completed copy: cancel its target, and reinstate the source if the copy cancelled it.

    The copy stays completed, and gets the event ``undo``. Repeating it has no effect. Returns the
    reasons why nothing was changed. Raises as :func:`abort`.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        [current] = lock([order_copy])
        if _undone(current).exists():
            return []
        who, now = actor_of(actor), timezone.now()
        problems = _why_not_undone_here(current) or get_shop().undo(
            current, who=with_copy(who, current.public_id)
        )
        if not problems:
            record([event(current, "undo", {}, who, now)])
    return problems


def why_not_undone(order_copy: OrderFactory) -> list[Problem]:
    """Return the reasons why :func:`undo` would change nothing now. Writes nothing."""
    if _undone(order_copy).exists():
        message = _("it was undone already")
        return [Problem(Step.CANCEL, "base", "undone", message, skippable=False)]
    return _why_not_undone_here(order_copy) or get_shop().why_not_undone(order_copy)


def _undone(order_copy: OrderFactory) -> "QuerySet[Event]":
    return events_of(order_copy).filter(name=f"{order_copy.type}.undo")


def _why_not_undone_here(order_copy: OrderFactory) -> list[Problem]:
    """Return the reasons that do not depend on the state of the orders."""
    if reason := _not_undoable(order_copy):
        return [Problem(Step.CANCEL, "base", "not_undoable", reason, skippable=False)]
    if Capability.UNDO not in get_shop().capabilities:
        return [unsupported("base", Capability.UNDO.absence)]
    return []


def _not_undoable(order_copy: OrderFactory) -> str:
    if order_copy.status != Status.COMPLETED or order_copy.completed_at is None:
        return _("it has not completed: only a completed copy can be undone")
    if order_copy.scheduled_for is not None:
        return _("it is a run of a subscription: cancel its order, and change the subscription")
    if order_copy.target_order_id is None:
        return _("its order was deleted")
    if order_copy.cancel_source_order and order_copy.source_order_id is None:
        return _("the original was deleted: it cannot be reinstated")
    if timezone.now() > order_copy.completed_at + settings.UNDO_WINDOW:
        return _("it completed too long ago: cancel or change the orders by hand")
    return ""


def _add_to_batch(batch: CopyBatch, order_copies: Sequence[OrderFactory], actor: Caller) -> None:
    batch.size += len(order_copies)
    if batch._state.adding:
        on = [name for name in OPTIONS if any(getattr(one, name) for one in order_copies)]
        batch.who, batch.options = actor_of(actor), on
        batch.save(force_insert=True)
    else:
        batch.save(update_fields=["size"])
    for order_copy in order_copies:
        order_copy.batch = batch


def _why_not_retried_with(order_copy: OrderFactory, toggles: Mapping[str, bool]) -> list[Problem]:
    wanted = copy(order_copy)
    for name, value in toggles.items():
        setattr(wanted, name, value)
    return why_not_retried(wanted)


def _as_aborted(order_copies: Sequence[OrderFactory]) -> list[Ending]:
    """Return the ends of pending copies that are deleted: their slots were not run."""
    with in_english():
        message = _("deleted before it ran")
    problem = Problem(Step.WRITE, "base", "deleted", message, skippable=False)
    pending = [order_copy for order_copy in order_copies if order_copy.status == Status.PENDING]
    return [Ending(order_copy, Status.ABORTED, [problem]) for order_copy in pending]


def _settle_toggles(shop: Shop, order_copies: Sequence[OrderFactory]) -> None:
    for order_copy in order_copies:
        if reasons := shop.unsupported_in(order_copy):
            raise UnsupportedToggleError(reasons)
        for toggle in shop.unsupported:
            setattr(order_copy, toggle, False)


def _check_changes(shop: Shop, order_copies: Sequence[OrderFactory]) -> None:
    if changed := [order_copy for order_copy in order_copies if order_copy.changes]:
        refusals = shop.refuse_changes(changed)
        if any(refusals):
            raise ChangesRefusedError([one for found in refusals for one in found])


def _why_not_aborted(order_copy: OrderFactory) -> list[Problem]:
    if order_copy.status not in ABORTABLE | {Status.ABORTED}:
        return [cannot_transition(Step.WRITE, order_copy.status, Status.ABORTED)]
    return []


def _cleaned(values: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    # The values as the fields of a copy store them.
    if unknown := values.keys() - known:
        message = f"Unknown: {', '.join(sorted(unknown))}. Known are {', '.join(sorted(known))}."
        raise TypeError(message)
    order_copy = OrderCopy(**values)
    others = {field.name for field in OrderCopy._meta.fields} - values.keys()
    order_copy.clean_fields(exclude=others)
    cleaned = {name: getattr(order_copy, name) for name in values}
    try:
        check_storable({name: cleaned[name] for name in values if name != "metadata"})
        if "metadata" in cleaned:
            ObjectField().to_internal_value(cleaned["metadata"])
    except InvalidValueError as error:
        raise ValidationError(error.message) from error
    return cleaned
