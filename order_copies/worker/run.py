"""Run one batch: claim copies, run them, report, and do what is left to do outside.

A copy is a row before it is anything else. The worker claims rows under a lease, calls the shop
for their plans, authorizes payments, and writes, places, cancels and ends the copies in one
transaction. When a process dies on the way, the row is claimed again once its lease has expired,
and a payment that no order was placed with is voided.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from order_copies.conf import settings
from order_copies.db.retry import with_retries
from order_copies.models import OrderFactory
from order_copies.shops import Shop, get_shop
from order_copies.transitions import start
from order_copies.worker.batches import Batch, batch_ran
from order_copies.worker.leases import claim_expired, claim_pending, renewed
from order_copies.worker.payments import void_unused
from order_copies.worker.runner import Runner

logger = logging.getLogger("order_copies.worker")

#: How long a claim is retried after transient errors of the database.
CLAIM_PATIENCE = timedelta(seconds=3)


def run_batch(worker: str, *, limit: int | None = None) -> Batch:
    """Claim and run a copy that must be retried, and up to ``limit`` new ones, separately.

    ``limit`` defaults to the setting ``BATCH_SIZE``. ``worker`` names the process; no two processes
    may share a name. A batch that claimed nothing found nothing to do. Errors of a copy are not
    raised, only those of a database that is down or read-only. Call it outside any transaction.
    """
    batch, shop, queue = Batch(), get_shop(), OrderFactory.objects.all()
    runner = Runner(worker, shop, batch)
    try:
        _run(runner, partial(claim_expired, queue, start, worker))
        _run(runner, partial(claim_pending, queue, start, worker, limit or settings.BATCH_SIZE))
    finally:
        if batch.claimed:
            _report(worker, batch)
    _catch_up(shop, runner.authorizations.answers)
    return batch


def _run(runner: Runner, claim: Callable[[], list[OrderFactory]]) -> None:
    if order_copies := with_retries(claim, patience=CLAIM_PATIENCE):
        runner.batch.claimed += len(order_copies)
        with renewed(order_copies):
            runner.run(order_copies)


def _report(worker: str, batch: Batch) -> None:
    batch.seconds = time.perf_counter() - batch.began
    logger.info("%s: %s", worker, batch, extra=batch.fields() | {"worker": worker})
    batch_ran.send_robust(Batch, batch=batch)


def _catch_up(shop: Shop, authorizations: Mapping[str, Any]) -> None:
    """Void unused payments and let the shop do its outside work; failures are retried later."""
    void_unused(shop, authorizations)
    try:
        shop.catch_up()
    except Exception:
        logger.exception("%s could not catch up, trying again later", type(shop).__name__)
