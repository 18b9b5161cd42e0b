"""Row locks, always taken in one order: orders, stock items, coupons, each by key."""

from collections.abc import Iterable
from typing import TypeVar

from django.db import connections, models

AnyModel = TypeVar("AnyModel", bound=models.Model)


def locked(queryset: "models.QuerySet[AnyModel]", keys: Iterable[int]) -> dict[int, AnyModel]:
    """The rows with these keys, locked until the transaction ends, by key.

    The lock lets others refer to the rows meanwhile, where the database can tell the difference.
    """
    no_key = connections[queryset.db].features.has_select_for_no_key_update
    rows = queryset.select_for_update(no_key=no_key).filter(pk__in=set(keys)).order_by("pk")
    return {row.pk: row for row in rows}
