"""A shop in which the first attempt of some copies crashes or hangs."""

import time
from collections.abc import Sequence

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan
from orders.copying.shop import ReferenceShop


class FlakyShop(ReferenceShop):
    """The reference shop. The first attempt of copies with these references fails."""

    #: The reference of copies whose first attempt raises an exception.
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
