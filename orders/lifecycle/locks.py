"""Row locks. Every transaction takes them in one order: orders, stock items, coupons, by key."""

from collections.abc import Iterable
from typing import TypeVar

from django.db import models

from order_copies.db import transactions
from orders.exceptions import OrderGoneError
from orders.models import Order

AnyModel = TypeVar("AnyModel", bound=models.Model)


def locked(queryset: "models.QuerySet[AnyModel]", keys: Iterable[int]) -> dict[int, AnyModel]:
    """Lock the rows with these keys until the transaction ends, and return them by key.

    Keys without a row are left out. Other transactions may still insert rows that refer to the
    locked ones, on databases that have such a lock.
    """
    rows = transactions.locked(queryset.filter(pk__in=set(keys)).order_by("pk"))
    return {row.pk: row for row in rows}


def locked_orders(keys: Iterable[int]) -> dict[int, Order]:
    """Lock orders and return them by key. Raises :class:`OrderGoneError` if one is missing."""
    wanted = set(keys)
    orders = locked(Order.objects.all(), wanted)
    if len(orders) < len(wanted):
        raise OrderGoneError
    return orders
