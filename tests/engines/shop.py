"""A shop in which some copies crash at first."""

from collections.abc import Sequence

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan
from orders.shop import ReferenceShop


class StumblingShop(ReferenceShop):
    """The reference shop, but that the first attempt of a copy with this reference crashes."""

    CRASHES = "crashes"

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        if any(one.reference == self.CRASHES and one.attempt == 1 for one in order_copies):
            message = "the first attempt crashes"
            raise RuntimeError(message)
        return super().plan(order_copies)
