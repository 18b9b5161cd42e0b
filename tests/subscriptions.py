"""Subscriptions of tests: made by the public API, and run by one worker under a frozen clock."""

from datetime import datetime
from typing import Any

from order_copies.models import OrderSubscription
from order_copies.subscriptions import changes
from order_copies.worker.run import run_batch
from orders.models import Order
from tests.stories import WHO


def subscribed(source_order: Order, starts_at: datetime, **attributes: Any) -> OrderSubscription:
    """Create an active manual subscription whose first slot is ``starts_at``, in the future."""
    one = OrderSubscription(
        source_order=source_order,
        activate_by_source_order=False,
        starts_at=starts_at,
        **{"frequency": "daily"} | attributes,
    )
    changes.create(one, actor=WHO)
    assert changes.activate([one], actor=WHO) == [[]]
    one.refresh_from_db()
    return one


def run_due() -> int:
    """Schedule what is due and run all copies; return the number of copies that ended."""
    ended = 0
    while (batch := run_batch("w1")).claimed or batch.scheduled:
        ended += batch.ended
    return ended
