"""Row locks, always taken in one order: orders, stock items, coupons, each by key."""

from collections.abc import Iterable
from typing import TypeVar

from django.db import models

from order_copies.db import locks
from orders.exceptions import OrderGoneError
from orders.models import Order

AnyModel = TypeVar("AnyModel", bound=models.Model)


def locked(queryset: "models.QuerySet[AnyModel]", keys: Iterable[int]) -> dict[int, AnyModel]:
    """The rows with these keys, locked until the transaction ends, by key.

    The lock lets others refer to the rows meanwhile, where the database can tell the difference.
    """
    rows = locks.locked(queryset.filter(pk__in=set(keys)).order_by("pk"))
    return {row.pk: row for row in rows}


def locked_orders(keys: Iterable[int]) -> dict[int, Order]:
    """All orders with these keys, locked. Raises :class:`OrderGoneError` if one is gone."""
    wanted = set(keys)
    orders = locked(Order.objects.all(), wanted)
    if len(orders) < len(wanted):
        raise OrderGoneError
    return orders
