"""A shop in which some copies crash at first."""

import time
from collections.abc import Sequence

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan
from orders.copying.shop import ReferenceShop


class StumblingShop(ReferenceShop):
    """The reference shop; the first attempt of copies with these references crashes or hangs."""

    CRASHES = "crashes"
    #: The reference of copies whose first attempt hangs until its worker is killed.
    HANGS = "kills its worker"

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        if any(one.reference == self.CRASHES and one.attempt == 1 for one in order_copies):
            message = "the first attempt crashes"
            raise RuntimeError(message)
        if any(one.reference == self.HANGS and one.attempt == 1 for one in order_copies):
            time.sleep(60)
        return super().plan(order_copies)
