"""Wait for a copy to end, where a client prefers that to asking again (RFC 7240)."""

import re
import time
from contextlib import suppress

from django.db import connection
from rest_framework.request import Request

from order_copies.models import ABORTABLE, OrderCopy, OrderFactory

#: How many seconds a client can have its answer wait: less than its own patience.
MAX_WAIT = 10
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5

_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]+)"?\s*(?=$|[,;])', re.IGNORECASE)


def preferred_wait(request: Request) -> int:
    """For how many seconds the answer is to wait, by the header ``Prefer: wait=N``.

    At most :data:`MAX_WAIT`. What is no number is ignored, as RFC 7240 says, and so is the whole
    inside of a transaction, which would never see the end.
    """
    found = _WAIT.search(request.headers.get("Prefer", ""))
    if found is None or connection.in_atomic_block:
        return 0
    digits = found[1].lstrip("0")
    return MAX_WAIT if len(digits) > 2 else min(int(digits or 0), MAX_WAIT)


def wait_for_end(order_copy: OrderCopy, seconds: float) -> None:
    """Return when the copy has ended, is gone, or time is up, with the object up to date."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    ongoing = OrderFactory.objects.filter(pk=order_copy.pk, status__in=ABORTABLE)
    while ongoing.exists() and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    with suppress(OrderCopy.DoesNotExist):
        order_copy.refresh_from_db()
