"""What was made of an order before: a copy too many is money too much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max

from order_copies.models import RETRYABLE, Kind, OrderFactory


@dataclass(frozen=True, slots=True)
class Earlier:
    """How many copies there are of an order already, and the latest of them."""

    count: int
    latest: OrderFactory

    @property
    def has_page(self) -> bool:
        """Whether the latest is of the kind that the admin shows."""
        return self.latest.type == Kind.ORDER_COPIES


def earlier_copies(orders: Sequence[Any]) -> dict[Any, Earlier]:
    """The copies that there are of these orders, by the keys of the orders: two queries.

    One that failed or was aborted counts if it left an order.
    """
    keys = [order.pk for order in orders]
    copies = OrderFactory.objects.filter(source_order__in=keys)
    standing = copies.exclude(status__in=RETRYABLE, target_order=None)
    found = standing.order_by().values_list("source_order").annotate(Count("pk"), Max("pk"))
    rows = list(found)
    latest = OrderFactory.objects.in_bulk([newest for _order, _count, newest in rows])
    return {
        order: Earlier(count, latest[newest]) for order, count, newest in rows if newest in latest
    }
