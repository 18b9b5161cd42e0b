"""What people do to copies that are on their way, or that did not arrive: abort them, retry them.

A move that was made already is made again without effect; every other forbidden one is answered
with the reason.
"""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.locks import REQUEST_WAIT, limited_wait
from order_copies.engines.wake_ups import wake
from order_copies.events.who import Who
from order_copies.models import ABORTABLE, RETRYABLE, OrderFactory, Status
from order_copies.plans import Problem, Step, cannot_transition
from order_copies.shops import get_shop
from order_copies.transitions import lock, save_aborted, save_retried


def abort_copies(order_copies: Sequence[OrderFactory], *, who: Who) -> list[list[Problem]]:
    """Abort copies that have not ended. A worker that runs one loses it, and rolls back.

    One is woken to give back what was paid for those that ran.
    The answers, in the order of ``order_copies``, say why one was not aborted. Raises
    :class:`OrderCopyGoneError` if one was deleted in the meantime, and :class:`RowsLockedError` if
    another transaction keeps one locked.
    """
    # By whom, the event tells: customers read the errors of their copies, and not who works here.
    aborted = Problem(Step.WRITE, "base", "aborted", _("aborted by hand"), skippable=False)
    with limited_wait(REQUEST_WAIT):
        current = lock(order_copies)
        answers = {order_copy.pk: _why_not_aborted(order_copy) for order_copy in current}
        running = [order_copy for order_copy in current if order_copy.status in ABORTABLE]
        has_begun = any(order_copy.status == Status.IN_PROGRESS for order_copy in running)
        save_aborted(running, aborted, who, timezone.now())
        if has_begun:
            transaction.on_commit(wake)
    return [answers[order_copy.pk] for order_copy in order_copies]


def retry_copies(order_copies: Sequence[OrderFactory], *, who: Who) -> list[list[Problem]]:
    """Let copies that failed or were aborted start afresh; their events keep what was.

    The answers, in the order of ``order_copies``, say why one cannot be retried. Raises
    :class:`OrderCopyGoneError` if one was deleted in the meantime, and :class:`RowsLockedError` if
    another transaction keeps one locked.
    """
    with limited_wait(REQUEST_WAIT):
        current = lock(order_copies)
        answers = {order_copy.pk: why_not_retried(order_copy) for order_copy in current}
        ended = [order_copy for order_copy in current if order_copy.status in RETRYABLE]
        ready = [order_copy for order_copy in ended if not answers[order_copy.pk]]
        save_retried(ready, who, timezone.now())
        if ready:
            transaction.on_commit(wake)
    return [answers[order_copy.pk] for order_copy in order_copies]


def why_not_retried(order_copy: OrderFactory) -> list[Problem]:
    """Why the copy cannot be tried again, if it cannot. Writes nothing."""
    if order_copy.status not in RETRYABLE | {Status.PENDING}:
        return [cannot_transition(Step.WRITE, order_copy.status, Status.PENDING)]
    if order_copy.target_order_id is not None:
        # A second target would double the order.
        message = _(
            "left order %(order)s for repair: place it, or cancel it and ask for a new copy"
        )
        named = message % {"order": get_shop().order_id(order_copy.target_order_id)}
        return [Problem(Step.WRITE, "target_order", "target_exists", named)]
    if order_copy.source_order_id is None:
        message = _("has no source order any more: ask for a copy of another order")
        return [Problem(Step.WRITE, "source_order", "source_gone", message)]
    return []


def _why_not_aborted(order_copy: OrderFactory) -> list[Problem]:
    if order_copy.status not in ABORTABLE | {Status.ABORTED}:
        return [cannot_transition(Step.WRITE, order_copy.status, Status.ABORTED)]
    return []
