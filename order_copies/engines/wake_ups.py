"""When workers are woken: as soon as there are copies for them."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.utils import timezone

from order_copies.conf import settings
from order_copies.engines.base import get_engine
from order_copies.models import OrderFactory

logger = logging.getLogger("order_copies.engines")

#: How long a wake-up may take; where nobody comes, the next request sends another one.
SOON = timedelta(seconds=1)
#: How many workers are woken for one request at most.
MOST = 10


def wake(at: datetime | None = None) -> None:
    """Have a worker look for copies, soon or at ``at``.

    Never raises: the copies are there, and wait for the next wake-up or for a worker that polls.
    """
    with _harmlessly():
        get_engine().wake(at)


def wake_for(order_copies: Sequence[OrderFactory]) -> None:
    """Have workers look for these copies, which have just been committed: one for each batch.

    Copies that queue up behind others, asked for less than a second ago, take one less: whoever
    was woken for those looks again afterwards. So a storm of requests is no storm of wake-ups, and
    where workers do not keep up, more of them are woken. Never raises either.
    """
    if settings.ENGINE == "polling" or not order_copies:
        return
    with _harmlessly():
        batches = -(-len(order_copies) // settings.BATCH_SIZE)
        for _ in range(min(batches, MOST) - _queue_up(order_copies)):
            get_engine().wake()


def _queue_up(order_copies: Sequence[OrderFactory]) -> bool:
    pending = OrderFactory.objects.pending().filter(pk__lt=order_copies[0].pk).order_by("pk")
    first = pending.values_list("created_at", flat=True).first()
    return first is not None and timezone.now() - first < SOON


@contextmanager
def _harmlessly() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        logger.error("No worker was woken, copies wait for the next one that looks: %r", error)
