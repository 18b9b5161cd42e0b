"""Keep what a worker claimed its own for as long as it works on it."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.locks import limited_wait, locked_unless_taken
from order_copies.exceptions import RowsLockedError
from order_copies.models import OrderFactory, OrderFactoryQuerySet, Status

logger = logging.getLogger("order_copies.worker")

#: How many times a lease is renewed before it would run out.
RENEWALS = 3


@contextmanager
def renewed(order_copies: Sequence[OrderFactory]) -> Iterator[None]:
    """Renew the leases of these copies, all claimed at once, until the context is left.

    Not for ever: a worker that hangs for longer than the setting ``BATCH_TIME_LIMIT`` loses them.
    A copy that was handed back or taken over meanwhile is left alone.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(order_copies, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(order_copies: Sequence[OrderFactory], ended: threading.Event) -> None:
    pause = settings.LEASE / RENEWALS
    deadline = time.monotonic() + settings.BATCH_TIME_LIMIT.total_seconds()
    # A worker that releases a copy, or takes it over, gives its lease another end.
    ours = {order_copies[0].lease_expires_at}
    keys = [order_copy.pk for order_copy in order_copies]
    while not ended.wait(pause.total_seconds()) and time.monotonic() < deadline:
        held = OrderFactory.objects.filter(
            pk__in=keys, status=Status.IN_PROGRESS, lease_expires_at__in=ours
        )
        later = timezone.now() + settings.LEASE
        try:
            _extend(held, later)
        except (Error, RowsLockedError):
            message = "The leases of %s copies could not be renewed"
            logger.warning(message, len(keys), exc_info=True, extra=_about(order_copies))
        else:
            ours.add(later)
        finally:
            connection.close()


def _extend(held: OrderFactoryQuerySet, later: datetime) -> None:
    """Extend leases; those of copies that another transaction has locked have the next time."""
    with limited_wait(settings.LOCK_TIMEOUT):
        free = locked_unless_taken(held, for_deletion=False).values_list("pk", flat=True)
        OrderFactory.objects.filter(pk__in=list(free)).update(lease_expires_at=later)


def _about(order_copies: Sequence[OrderFactory]) -> dict[str, Any]:
    ids = [order_copy.public_id for order_copy in order_copies]
    return {"worker": order_copies[0].worker, "order_copy_ids": ids}
