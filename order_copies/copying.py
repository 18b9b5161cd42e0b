"""The story of the product: request copies, then run them batch by batch.

A copy is a row before it is anything else. :func:`run_batch` claims rows under a lease, asks the
shop for their plans, authorizes payments, and writes, places, cancels and ends the copies in one
transaction. Whatever dies on the way, the row is claimed again when its lease runs out, and what
was authorized in vain is given back.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.locks import REQUEST_WAIT, keep_existing, limited_wait
from order_copies.db.retry import steadily
from order_copies.db.rows import insert_rows
from order_copies.engines.wake_ups import wake_for
from order_copies.events.models import Event, changes_of
from order_copies.events.recording import record
from order_copies.events.who import Who
from order_copies.exceptions import NotDeletableError, SourceOrderGoneError
from order_copies.models import OrderFactory, Status
from order_copies.plans import CopyPlan
from order_copies.shops import Shop, get_shop
from order_copies.transitions import event, lock
from order_copies.worker import checked_shop
from order_copies.worker.batches import Batch, batch_ran
from order_copies.worker.claims import claim_expired, claim_pending
from order_copies.worker.leases import renewed
from order_copies.worker.payments import give_back
from order_copies.worker.runner import Runner

logger = logging.getLogger("order_copies.worker")

#: For how long trouble with the database may pass before a claim is given up.
CLAIM_PATIENCE = timedelta(seconds=3)

#: The toggles of a copy, by the names of the contract.
OPTIONS = (
    "place_target_order",
    "reuse_wallet",
    "cancel_source_order",
    "apply_promotions",
    "skip_errors",
    "ignore_invalid_coupon",
)


def request_copies(order_copies: Sequence[OrderFactory], *, who: Who) -> None:
    """Save these new copies as pending, with their ``create`` events, in one transaction.

    The one way into the table: API, admin and commands all come through here. The caller has
    checked that ``who`` may copy their source orders. A worker is woken once they are committed.
    Raises :class:`SourceOrderGoneError` if a source order was deleted in the meantime, and
    :class:`RowsLockedError` if another transaction keeps one locked for two seconds. On PostgreSQL
    only a transaction that deletes an order, or may delete it (``FOR UPDATE``), is in the way.
    """
    with limited_wait(REQUEST_WAIT):
        _check_sources(order_copies)
        _save_requested(order_copies, who)
        transaction.on_commit(partial(wake_for, order_copies))


def _check_sources(order_copies: Sequence[OrderFactory]) -> None:
    keys = {order_copy.source_order_id for order_copy in order_copies}
    orders = get_shop().order_model._base_manager.filter(pk__in=keys)
    if keys and len(keep_existing(orders)) < len(keys):
        raise SourceOrderGoneError


def _save_requested(order_copies: Sequence[OrderFactory], who: Who) -> None:
    now = timezone.now()
    fields = ["type", "status", "source_order_id", *OPTIONS]
    fields += [
        "reference",
        "reference_origin",
        "metadata",
        "errors_log",
        "errors_count",
    ]
    fields += ["plan_digest", "outcomes", "retries", "attempt", "hand_backs", "worker"]
    fields += ["queued_at", "created_at", "updated_at"]
    for order_copy in order_copies:
        order_copy.queued_at = order_copy.created_at = order_copy.updated_at = now
    rows = [[getattr(order_copy, name) for name in fields] for order_copy in order_copies]
    keys = insert_rows(OrderFactory, fields, rows)
    for order_copy, key in zip(order_copies, keys, strict=True):
        order_copy.pk = key
        order_copy._state.adding = False
    changes = {"status": {"from": None, "to": str(Status.PENDING)}}
    record([event(order_copy, "create", changes, who, now) for order_copy in order_copies])


def preview(order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
    """What these (unsaved) copies would do if they ran now. Writes nothing.

    Raises :class:`SourceOrderGoneError` if a source order was deleted in the meantime.
    """
    try:
        return checked_shop.plan(get_shop(), order_copies)
    except Exception as error:
        if _is_source_gone(order_copies):
            raise SourceOrderGoneError from error
        raise


def _is_source_gone(order_copies: Sequence[OrderFactory]) -> bool:
    keys = {order_copy.source_order_id for order_copy in order_copies}
    return get_shop().order_model._base_manager.filter(pk__in=keys).count() < len(keys)


def update_copy(order_copy: OrderFactory, changes: dict[str, Any], *, who: Who) -> None:
    """Set ``reference``, ``reference_origin`` or ``metadata``, and record the change.

    Raises :class:`OrderCopyGoneError` if the copy was deleted in the meantime, and
    :class:`RowsLockedError` if another transaction keeps it locked.
    """
    now = timezone.now()
    with limited_wait(REQUEST_WAIT):
        (current,) = lock([order_copy])
        before = {name: getattr(current, name) for name in changes}
        different = changes_of(before, changes)
        OrderFactory.objects.filter(pk=order_copy.pk).update(**changes, updated_at=now)
        if different:
            record([event(order_copy, "", different, who, now)])
    order_copy.refresh_from_db()


def delete_copy(order_copy: OrderFactory, *, who: Who) -> None:
    """Delete one copy, as :func:`delete_copies` does."""
    delete_copies([order_copy], who=who)


def delete_copies(order_copies: Sequence[OrderFactory], *, who: Who) -> None:
    """Delete copies and record it, all or none; their target orders stay.

    Raises :class:`NotDeletableError` while one of them is in progress,
    :class:`OrderCopyGoneError` if one is gone already, and :class:`RowsLockedError` if another
    transaction keeps one locked.
    """
    with limited_wait(REQUEST_WAIT):
        current = lock(order_copies)
        if any(order_copy.status == Status.IN_PROGRESS for order_copy in current):
            raise NotDeletableError
        OrderFactory.objects.filter(pk__in=[order_copy.pk for order_copy in current]).delete()
        now = timezone.now()
        record([_destroyed(order_copy, who, now) for order_copy in current])


def _destroyed(order_copy: OrderFactory, who: Who, now: datetime) -> Event:
    changes = {"status": {"from": str(order_copy.status), "to": None}}
    return event(order_copy, "destroy", changes, who, now)


def run_batch(worker: str, *, limit: int | None = None) -> Batch:
    """Claim and run a copy that is to be tried again, and up to ``limit`` that nobody has tried.

    The default is the setting ``BATCH_SIZE``. Neither kind keeps the other waiting, and they run
    apart. ``worker`` names the process; no two processes may share a name. A batch that claimed
    nothing found nothing to do. Never raises for what one copy does, only where the database gives
    trouble that does not pass. Outside any transaction.
    """
    batch, shop = Batch(), get_shop()
    runner = Runner(worker, shop, batch)
    try:
        _run(runner, partial(claim_expired, worker))
        _run(runner, partial(claim_pending, worker, limit or settings.BATCH_SIZE))
    finally:
        if batch.claimed:
            _tell(worker, batch)
    _catch_up(shop, runner.authorizations.answers)
    return batch


def _run(runner: Runner, claim: Callable[[], list[OrderFactory]]) -> None:
    if order_copies := steadily(claim, patience=CLAIM_PATIENCE):
        runner.batch.claimed += len(order_copies)
        with renewed(order_copies):
            runner.run(order_copies)


def _tell(worker: str, batch: Batch) -> None:
    batch.seconds = time.perf_counter() - batch.began
    logger.info("%s: %s", worker, batch, extra=batch.fields() | {"worker": worker})
    batch_ran.send_robust(Batch, batch=batch)


def _catch_up(shop: Shop, authorizations: Mapping[str, Any]) -> None:
    """Do what is left to do in the world outside, now or, if that fails, after the next batch."""
    give_back(shop, authorizations)
    try:
        shop.catch_up()
    except Exception:
        logger.exception("%s could not catch up, trying again later", type(shop).__name__)
