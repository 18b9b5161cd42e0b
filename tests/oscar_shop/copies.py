"""Copies of orders, requested and run as by a worker."""

from typing import Any

from oscar.core.loading import get_model

from order_copies import copying
from order_copies.models import OrderCopy
from order_copies.plans import CopyPlan
from order_copies.worker.run import run_batch

Order = get_model("order", "Order")


def requested(*orders: Any, **toggles: bool) -> list[OrderCopy]:
    """Request a copy of each order."""
    return copying.request(orders, actor="tests", **toggles)


def copies(*orders: Any, **toggles: bool) -> list[OrderCopy]:
    """Request a copy of each order, let a worker run them, and return them as they are then."""
    order_copies = requested(*orders, **toggles)
    run_batch("worker")
    for order_copy in order_copies:
        order_copy.refresh_from_db()
    return order_copies


def copy(order: Any, **toggles: bool) -> OrderCopy:
    """Copy one order."""
    return copies(order, **toggles)[0]


def target(order: Any, **toggles: bool) -> Any:
    """Copy one order without errors and return the new one."""
    order_copy = copy(order, **toggles)
    assert (order_copy.status, order_copy.errors_log) == ("completed", {})
    return Order.objects.get(pk=order_copy.target_order_id)


def planned(order: Any, **toggles: bool) -> CopyPlan:
    """Return the plan of a copy."""
    return copying.preview([order], **toggles)[0]


def values(instance: Any, *others: str) -> dict[str, Any]:
    """Return the columns of a row without its keys and without ``others``."""
    names = [field.attname for field in instance._meta.concrete_fields if not field.primary_key]
    return {name: getattr(instance, name) for name in names if name not in others}
