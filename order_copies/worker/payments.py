"""Remember payments before a gateway is called, until they are used or voided.

One mechanism serves copies (:func:`open_payments`, :func:`use_payments`) and orders that people
place (:func:`remember`, :func:`still_open`, :func:`forget`, :func:`void_later`). A worker voids
what neither of them uses (:func:`void_unused`).
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.rows import insert_rows
from order_copies.db.transactions import limited_wait, lock_available, locked
from order_copies.exceptions import LeaseLostError
from order_copies.models import OpenPayment
from order_copies.shops import CopyRun, Payment, Shop
from order_copies.worker import leases

logger = logging.getLogger("order_copies.worker")

#: How many payments are voided together.
LIMIT = 100
#: By how much the clocks of a shop's machines may differ.
CLOCK_SKEW = timedelta(minutes=1)


def open_payments(runs: Sequence[CopyRun]) -> None:
    """Remember the payments of these runs before the gateway is called.

    Raises :class:`LeaseLostError` if this worker no longer holds one of the copies: an ended copy
    opens no payment. Raises :class:`RowsLockedError` if another transaction has locked one.
    """
    with limited_wait(settings.LOCK_TIMEOUT):
        held = leases.held([run.order_copy for run in runs], until_commit=True)
        if len(held) < len(runs):
            raise LeaseLostError
        known = OpenPayment.objects.filter(order_factory__in=held).values_list("key", flat=True)
        known_keys = set(known)
        now = timezone.now()
        _insert(
            _Opened(run.payment, now, run.order_copy.pk, run.order_copy.retries)
            for run in runs
            if run.payment and run.payment.key not in known_keys
        )


def use_payments(runs: Sequence[CopyRun]) -> None:
    """Forget the payments of placed targets, in the transaction that places them."""
    forget([run.payment.key for run in runs if run.payment and not run.problems])


def remember(details: Mapping[str, Mapping[str, Any]], *, until: datetime) -> dict[str, Payment]:
    """Remember payments that no copy is for, by subject, and return them by subject.

    A subject is the type and public id of a resource (``orders/…``), which the caller has locked;
    ``details`` are JSON. An earlier attempt with the same details whose outcome is unknown is
    continued: its payment keeps its key. A payment that is not forgotten ``until`` then is voided.

    The caller commits before it calls the gateway.
    """
    now = timezone.now()
    # A worker whose clock is ahead may void a payment that is almost due.
    margin = min(CLOCK_SKEW, (until - now) / 4)
    opened = OpenPayment.objects.filter(
        order_factory=None, subject__in=details, failures=0, due_at__gt=now + margin
    )
    payments = {
        one.subject: Payment(one.key, one.details)
        for one in opened
        if one.details == details[one.subject]
    }
    OpenPayment.objects.filter(key__in=[one.key for one in payments.values()]).update(due_at=until)
    new = {
        subject: Payment(f"{subject}/{uuid4().hex}", details[subject])
        for subject in details
        if subject not in payments
    }
    _insert(_Opened(payment, until, subject=subject) for subject, payment in new.items())
    return payments | new


def still_open(keys: Collection[str]) -> set[str]:
    """Return those of the keys whose payments no worker has begun to void.

    They stay so until the transaction ends.
    """
    rows = locked(OpenPayment.objects.filter(key__in=keys, failures=0).order_by("pk"))
    return set(rows.values_list("key", flat=True))


def forget(keys: Collection[str]) -> None:
    """Forget payments that were used, declined, or are voided by other means."""
    if keys:
        OpenPayment.objects.filter(key__in=keys).delete()


def void_later(keys: Collection[str]) -> None:
    """Let a worker void payments of :func:`remember` after its next batch."""
    OpenPayment.objects.filter(key__in=keys, failures=0).update(due_at=timezone.now())


def void_unused(shop: Shop, authorizations: Mapping[str, Any]) -> None:
    """Void payments that no order will be placed with, and forget them.

    ``authorizations`` are those that this process knows, by key. A payment whose voiding failed is
    retried alone, after growing backoffs: it may be what keeps the others from being voided. So is
    one whose worker was killed while it voided it.
    """
    now = timezone.now()
    due = OpenPayment.objects.orphaned(now).filter(due_at__lte=now)
    # Mostly there is none, and a transaction is not needed to see that.
    if not due.exists():
        return
    # Both before the first call, whose failures would be claimed again.
    failed = _claim(due.filter(failures__gt=0).order_by("failures", "due_at", "pk")[:1])
    fresh = _claim(due.filter(failures=0).order_by("due_at", "pk")[:LIMIT])
    for claimed in (fresh, failed):
        if claimed:
            _void(shop, claimed, authorizations)


def _claim(due: "QuerySet[OpenPayment]") -> list[OpenPayment]:
    """Mark payments before the gateway is called: no order can be placed with them any more."""
    with transaction.atomic():
        # Locked and read again: an order may have been placed with one of them in the meantime.
        claimed = list(lock_available(due))
        if claimed:
            due_at = timezone.now() + settings.backoff_after(claimed[0].failures + 1)
            rows = OpenPayment.objects.filter(pk__in=[payment.pk for payment in claimed])
            rows.update(failures=F("failures") + 1, due_at=due_at)
    return claimed


def _void(shop: Shop, claimed: Sequence[OpenPayment], authorizations: Mapping[str, Any]) -> None:
    keys = [payment.key for payment in claimed]
    try:
        shop.void([Payment(it.key, it.details, authorizations.get(it.key)) for it in claimed])
    except Exception:
        logger.exception("Could not void payments, retrying later: %s", ", ".join(keys))
    else:
        forget(keys)
        logger.info("Voided payments that no order was placed with: %s", ", ".join(keys))


class _Opened(NamedTuple):
    payment: Payment
    due_at: datetime
    order_copy: int | None = None
    retries: int = 0
    subject: str = ""


def _insert(opened: Iterable[_Opened]) -> None:
    now = timezone.now()
    fields = ["key", "details", "due_at", "order_factory_id", "retries", "subject"]
    rows = [[payment.key, payment.details, *rest, now, 0] for payment, *rest in opened]
    insert_rows(OpenPayment, [*fields, "created_at", "failures"], rows)
