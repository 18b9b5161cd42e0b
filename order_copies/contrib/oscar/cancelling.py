"""Cancel orders through Oscar's status pipeline, and give their stock back."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar.forks import is_overridden
from order_copies.contrib.oscar.stock import give_back, is_holding

EventHandler = get_class("order.processing", "EventHandler")
InvalidOrderStatus = get_class("order.exceptions", "InvalidOrderStatus")
Line = get_model("order", "Line")
Order = get_model("order", "Order")
OrderStatusChange = get_model("order", "OrderStatusChange")
StockRecord = get_model("partner", "StockRecord")
order_status_changed = get_class("order.signals", "order_status_changed")

logger = logging.getLogger("order_copies.oscar")


def refuse(order: Any, status: str) -> str:
    """Return why the pipeline does not let an order have this status, in Oscar's words."""
    if status in order.available_statuses():
        return ""
    message = _(
        "'%(new_status)s' is not a valid status for order %(number)s (current status: '%(status)s')"
    )
    return message % {"new_status": status, "number": order.number, "status": order.status}


def cancel(orders: Sequence[Any], status: str) -> list[str]:
    """Cancel orders whose stock records are locked; return for each why it was refused.

    If one is refused, the caller must roll back and call again without it.
    """
    reasons = [refuse(order, status) for order in orders]
    if any(reasons):
        return reasons
    if _has_own_code():
        return [_cancel_by_handler(order, status) for order in orders]
    before = {order.pk: order.status for order in orders}
    _set_status(orders, status)
    give_back(Line._base_manager.filter(order__in=before).order_by("pk"))
    transaction.on_commit(partial(_announce, orders, before), robust=True)
    return reasons


def _has_own_code() -> bool:
    """Return whether a fork changes what happens to one order."""
    return (
        is_overridden(EventHandler, "handle_order_status_change", "cancel_stock_allocations")
        or is_overridden(Order, "set_status", "_create_order_status_change", "save")
        or is_overridden(Line, "cancel_allocation", "save")
    )


def _cancel_by_handler(order: Any, status: str) -> str:
    handler = EventHandler()
    try:
        handler.handle_order_status_change(order, status)
    except InvalidOrderStatus as error:
        return str(error)
    # The handler of a fork may have given it back already.
    lines = [line for line in Line._base_manager.filter(order=order) if is_holding(line)]
    if lines:
        quantities = [line.num_allocated for line in lines]
        handler.cancel_stock_allocations(order, lines, quantities)
    return ""


def _set_status(orders: Sequence[Any], status: str) -> None:
    """Set the status of orders and of their lines, as ``Order.set_status`` does for each."""
    changes = [
        OrderStatusChange(order=order, old_status=order.status, new_status=status)
        for order in orders
    ]
    keys = [order.pk for order in orders]
    line_status = Order.cascade.get(status)
    if line_status is not None:
        earlier = [name for name, later in Line.pipeline.items() if line_status in later]
        lines = Line._base_manager.filter(order__in=keys, status__in=earlier)
        lines.update(status=line_status)
    Order._base_manager.filter(pk__in=keys).update(status=status)
    OrderStatusChange._base_manager.bulk_create(changes)
    for order in orders:
        order.status = status


def _announce(orders: Sequence[Any], before: dict[Any, str]) -> None:
    """Send ``order_status_changed`` for each order. An error of a receiver affects no other."""
    for order in orders:
        answers = order_status_changed.send_robust(
            sender=order, order=order, old_status=before[order.pk], new_status=order.status
        )
        for receiver, answer in answers:
            if isinstance(answer, Exception):
                message = "A receiver of order_status_changed failed for order %s: %r"
                logger.error(message, order.number, receiver, exc_info=answer)
