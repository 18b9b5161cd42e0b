"""Remember payments from before they are asked for until it is known what became of them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.locks import limited_wait
from order_copies.db.rows import insert_rows
from order_copies.exceptions import LeaseLostError
from order_copies.models import OpenPayment
from order_copies.shops import CopyRun, Payment, Shop
from order_copies.worker import leases

logger = logging.getLogger("order_copies.worker")

#: How many payments are given back at a time.
LIMIT = 100


def open_payments(runs: Sequence[CopyRun]) -> None:
    """Remember the payments of these runs, which are about to be asked for.

    Raises :class:`LeaseLostError` if one of the copies is no longer this worker's: what has ended
    opens no payment any more. Raises :class:`RowsLockedError` if another transaction keeps one of
    the copies locked.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        _open_payments(runs)


def _open_payments(runs: Sequence[CopyRun]) -> None:
    held = leases.held([run.order_copy for run in runs], until_commit=True)
    if len(held) < len(runs):
        raise LeaseLostError
    known = set(OpenPayment.objects.filter(order_factory__in=held).values_list("key", flat=True))
    now = timezone.now()
    fields = ["key", "order_factory_id", "retries", "details", "created_at", "failures", "due_at"]
    rows = [
        (
            run.payment.key,
            run.order_copy.pk,
            run.order_copy.retries,
            run.payment.details,
            now,
            0,
            now,
        )
        for run in runs
        if run.payment and run.payment.key not in known
    ]
    insert_rows(OpenPayment, fields, rows)


def use_payments(runs: Sequence[CopyRun]) -> None:
    """Forget the payments that targets are placed with, in the transaction that places them."""
    keys = [run.payment.key for run in runs if run.payment and not run.problems]
    if keys:
        OpenPayment.objects.filter(key__in=keys).delete()


def give_back(shop: Shop, authorizations: Mapping[str, Any]) -> None:
    """Give back payments whose copies have ended without using them, and forget them.

    ``authorizations`` are those that this process knows, by key. What could not be given back is
    tried again alone, after growing pauses: it may be what stood in the way of the others.
    """
    now = timezone.now()
    orphaned = OpenPayment.objects.orphaned().filter(due_at__lte=now)
    due = orphaned.order_by("failures", "due_at", "pk")
    if not (first := list(due[:LIMIT])):
        return
    fresh = [payment for payment in first if not payment.failures]
    # Asked for by itself: as many fresh ones as there can be would hide it.
    failed = list(due.filter(failures__gt=0)[:1])
    for together in (fresh, failed):
        if together:
            _give_back(shop, together, authorizations, now)


def _give_back(
    shop: Shop,
    together: Sequence[OpenPayment],
    authorizations: Mapping[str, Any],
    now: datetime,
) -> None:
    keys = [payment.key for payment in together]
    try:
        shop.void([Payment(it.key, it.details, authorizations.get(it.key)) for it in together])
    except Exception:
        logger.exception("Could not void payments, trying again later: %s", ", ".join(keys))
        pause = settings.pause_after(together[0].failures + 1)
        failed = OpenPayment.objects.filter(key__in=keys)
        failed.update(failures=F("failures") + 1, due_at=now + pause)
    else:
        OpenPayment.objects.filter(key__in=keys).delete()
        logger.info("Voided payments that no order was placed with: %s", ", ".join(keys))
