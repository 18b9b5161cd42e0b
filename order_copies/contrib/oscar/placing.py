"""Place orders as Oscar's checkout does: stock, vouchers, offers, and ``order_placed``."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import prefetch_related_objects
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar.stock import Allocation
from order_copies.contrib.oscar.vouchers import Uses, customer
from order_copies.shops import Placement

Order = get_model("order", "Order")
OrderCreator = get_class("order.utils", "OrderCreator")
order_placed = get_class("order.signals", "order_placed")

logger = logging.getLogger("order_copies.oscar")


def place(placements: Sequence[Placement]) -> list[str]:
    """Place orders whose stock records are locked; return for each why it was refused.

    If one is refused, the caller must roll back and call again without it. The caller writes the
    status and the date.
    """
    orders = [placement.order for placement in placements]
    prefetch_related_objects(orders, "user", "lines")
    allocation = Allocation([line for order in orders for line in order.lines.all()])
    uses = Uses(placements)
    reasons = [
        uses.record(placement)
        or allocation.allocate(customer(placement.order), placement.order.lines.all())
        for placement in placements
    ]
    if not any(reasons):
        allocation.save()
        uses.save()
        keys = [order.pk for order in orders]
        transaction.on_commit(partial(_announce, keys), robust=True)
    return reasons


def _announce(keys: Sequence[Any]) -> None:
    """Send ``order_placed`` for each order. An error of a receiver affects no other receiver."""
    orders = Order._base_manager.filter(pk__in=keys).order_by("pk")
    for order in orders.select_related("user").prefetch_related("lines"):
        answers = order_placed.send_robust(sender=OrderCreator(), order=order, user=customer(order))
        for receiver, answer in answers:
            if isinstance(answer, Exception):
                message = "A receiver of order_placed failed for order %s: %r"
                logger.error(message, order.number, receiver, exc_info=answer)
