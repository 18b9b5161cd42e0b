"""Send wake-ups to workers when copies are committed or due."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from order_copies.conf import settings
from order_copies.engines.base import get_engine
from order_copies.models import OrderFactory
from order_copies.subscriptions.changes import due_changed

logger = logging.getLogger("order_copies.engines")

#: A wake-up that was sent less than this ago may still be on its way to a worker.
DEBOUNCE = timedelta(seconds=1)
#: The largest number of wake-ups for one request.
MAX_WAKE_UPS = 10
#: The latest next look for due subscriptions: brokers do not keep messages with a later time well.
LOOK_AHEAD = timedelta(hours=1)

#: When the next look for due subscriptions is that this process has scheduled.
_next_look: datetime | None = None


def wake(at: datetime | None = None) -> None:
    """Wake a worker now, or at ``at``.

    An exception of the engine is logged and suppressed: the copies wait for the next wake-up.
    """
    with _errors_logged():
        get_engine().wake(at)


def wake_for(order_copies: Sequence[OrderFactory]) -> None:
    """Wake one worker per batch of these copies, which have just been committed.

    Wake-ups are debounced: one less is sent while older copies, created less than a second ago, are
    pending, because the worker that was woken for those claims these too. If copies stay pending
    for longer, more workers are woken. An exception of the engine is logged and suppressed.
    """
    if settings.ENGINE == "polling" or not order_copies:
        return
    with _errors_logged():
        wake_ups = min(math.ceil(len(order_copies) / settings.BATCH_SIZE), MAX_WAKE_UPS)
        if _is_wake_up_underway(order_copies):
            wake_ups -= 1
        for _ in range(wake_ups):
            get_engine().wake()


def _is_wake_up_underway(order_copies: Sequence[OrderFactory]) -> bool:
    older = OrderFactory.objects.pending().filter(pk__lt=order_copies[0].pk).order_by("pk")
    oldest = older.values_list("created_at", flat=True).first()
    return oldest is not None and timezone.now() - oldest < DEBOUNCE


@receiver(due_changed)
def wake_when_due(due_at: datetime, **_kwargs: Any) -> None:
    """Schedule a look for due subscriptions after the commit of a change. Receiver of a signal."""
    if settings.ENGINE != "polling":
        transaction.on_commit(partial(_look, due_at))


def _look(due_at: datetime) -> None:
    if at := next_look(due_at):
        wake(at)


def next_look(due_at: datetime) -> datetime | None:
    """Return when a worker must look for subscriptions of which the first is due at ``due_at``.

    None if this process has scheduled a look that is not later. The caller sends the wake-up. It is
    within an hour, and the look then schedules the next one.
    """
    global _next_look  # noqa: PLW0603
    now = timezone.now()
    at = min(max(due_at, now), now + LOOK_AHEAD) + timedelta(seconds=settings.POLL_INTERVAL)
    if _next_look is not None and now < _next_look <= at:
        return None
    _next_look = at
    return at


@contextmanager
def _errors_logged() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        logger.error("No worker was woken, copies wait for the next wake-up: %r", error)
