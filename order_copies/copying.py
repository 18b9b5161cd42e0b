"""Request, preview, change, delete, abort and retry copies: the Python API of the app.

API, admin, commands and a shop's own code enter here; :mod:`order_copies.worker.run` runs what is
requested. Repeating an abort or a retry has no effect; every other forbidden transition is
answered with the reason.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies import transitions
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait, lock_existing
from order_copies.engines.wake_ups import wake, wake_for
from order_copies.events.recording import Actor, changes_of, record
from order_copies.exceptions import (
    NotDeletableError,
    SourceOrderGoneError,
    UnsupportedToggleError,
)
from order_copies.models import OrderFactory, Status
from order_copies.plans import CopyPlan, Problem, Step, cannot_transition, unsupported
from order_copies.shops import Shop, get_shop
from order_copies.transitions import ABORTABLE, RETRYABLE, event, lock
from order_copies.worker import checked_shop


def request_copies(order_copies: Sequence[OrderFactory], *, who: Actor) -> None:
    """Save new copies as pending, with their ``create`` events, in one transaction.

    API, admin and commands all request copies here. The caller has checked that ``who`` may copy
    the source orders. A worker is woken after the commit. Raises :class:`SourceOrderGoneError` if a
    source order was deleted in the meantime, and :class:`RowsLockedError` if another transaction
    keeps one locked for ``LOCK_TIMEOUT`` seconds; on PostgreSQL only a transaction that deletes the
    order, or may delete it (``FOR UPDATE``), blocks the request.

    Raises :class:`UnsupportedToggleError` for a toggle that the shop cannot do. Such a toggle that
    is on by default, as ``reuse_wallet`` is, is turned off instead.
    """
    shop = get_shop()
    _settle_toggles(shop, order_copies)
    keys = {order_copy.source_order_id for order_copy in order_copies}
    sources = shop.order_model._base_manager.filter(pk__in=keys)
    with limited_wait(settings.LOCK_TIMEOUT):
        if keys and len(lock_existing(sources)) < len(keys):
            raise SourceOrderGoneError
        transitions.create(order_copies, who=who, now=timezone.now())
        transaction.on_commit(partial(wake_for, order_copies))


def preview(order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
    """Return the plans of unsaved copies, as if they ran together now. Writes nothing.

    Raises :class:`SourceOrderGoneError` if a source order was deleted in the meantime, and
    :class:`UnsupportedToggleError` as :func:`request_copies` does.
    """
    shop = get_shop()
    _settle_toggles(shop, order_copies)
    try:
        return checked_shop.plan(shop, order_copies)
    except Exception as error:
        keys = {order_copy.source_order_id for order_copy in order_copies}
        if shop.order_model._base_manager.filter(pk__in=keys).count() < len(keys):
            raise SourceOrderGoneError from error
        raise


def update_copy(order_copy: OrderFactory, changes: dict[str, Any], *, who: Actor) -> None:
    """Set ``reference``, ``reference_origin`` or ``metadata``, and record the change.

    Raises :class:`OrderCopyGoneError` if the copy was deleted in the meantime, and
    :class:`RowsLockedError` if another transaction keeps it locked.
    """
    now = timezone.now()
    with limited_wait(settings.LOCK_TIMEOUT):
        (current,) = lock([order_copy])
        before = {name: getattr(current, name) for name in changes}
        different = changes_of(before, changes)
        OrderFactory.objects.filter(pk=order_copy.pk).update(**changes, updated_at=now)
        if different:
            record([event(order_copy, "", different, who, now)])
    order_copy.refresh_from_db()


def delete_copy(order_copy: OrderFactory, *, who: Actor) -> None:
    """Delete one copy, as :func:`delete_copies` does."""
    delete_copies([order_copy], who=who)


def delete_copies(order_copies: Sequence[OrderFactory], *, who: Actor) -> None:
    """Delete copies and record it, all or none; their target orders stay.

    Raises :class:`NotDeletableError` while one of them is in progress,
    :class:`OrderCopyGoneError` if one is gone already, and :class:`RowsLockedError` if another
    transaction keeps one locked.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        current = lock(order_copies)
        if any(order_copy.status == Status.IN_PROGRESS for order_copy in current):
            raise NotDeletableError
        OrderFactory.objects.filter(pk__in=[order_copy.pk for order_copy in current]).delete()
        now = timezone.now()
        events = []
        for order_copy in current:
            changes = {"status": {"from": str(order_copy.status), "to": None}}
            events.append(event(order_copy, "destroy", changes, who, now))
        record(events)


def abort_copies(order_copies: Sequence[OrderFactory], *, who: Actor) -> list[list[Problem]]:
    """Abort copies that have not ended. A worker that runs one loses its lease and rolls back.

    A worker is woken to void the payments of those that ran. Returns, for each copy, the reasons
    why it was not aborted. Raises :class:`OrderCopyGoneError` if one was deleted in the meantime,
    and :class:`RowsLockedError` if another transaction keeps one locked.
    """
    # The event names the actor, the error does not: customers read the errors of their copies.
    aborted = Problem(Step.WRITE, "base", "aborted", _("aborted by hand"), skippable=False)
    with limited_wait(settings.LOCK_TIMEOUT):
        current = lock(order_copies)
        answers = {order_copy.pk: _why_not_aborted(order_copy) for order_copy in current}
        running = [order_copy for order_copy in current if order_copy.status in ABORTABLE]
        has_begun = any(order_copy.status == Status.IN_PROGRESS for order_copy in running)
        transitions.abort(running, aborted, who=who, now=timezone.now())
        if has_begun:
            transaction.on_commit(wake)
    return [answers[order_copy.pk] for order_copy in order_copies]


def retry_copies(order_copies: Sequence[OrderFactory], *, who: Actor) -> list[list[Problem]]:
    """Retry copies that failed or were aborted; their events keep the earlier result.

    Returns, for each copy, the reasons why it cannot be retried. Raises as :func:`abort_copies`.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        current = lock(order_copies)
        answers = {order_copy.pk: why_not_retried(order_copy) for order_copy in current}
        ended = [order_copy for order_copy in current if order_copy.status in RETRYABLE]
        ready = [order_copy for order_copy in ended if not answers[order_copy.pk]]
        transitions.retry(ready, who=who, now=timezone.now())
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
    return [unsupported(*one) for one in get_shop().refused(order_copy).items()]


def _settle_toggles(shop: Shop, order_copies: Sequence[OrderFactory]) -> None:
    for order_copy in order_copies:
        if reasons := shop.refused(order_copy):
            raise UnsupportedToggleError(reasons)
        for toggle in shop.unsupported:
            setattr(order_copy, toggle, False)


def _why_not_aborted(order_copy: OrderFactory) -> list[Problem]:
    if order_copy.status not in ABORTABLE | {Status.ABORTED}:
        return [cannot_transition(Step.WRITE, order_copy.status, Status.ABORTED)]
    return []
