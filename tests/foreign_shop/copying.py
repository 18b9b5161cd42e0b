"""The adapter of the shop: only what its API needs."""

from collections.abc import Sequence
from typing import Any

from order_copies.shops import Shop
from tests.foreign_shop.models import PurchaseOrder


class ForeignShop(Shop):
    def orders_for(self, request: Any) -> Any:
        orders = PurchaseOrder.objects.all()
        return orders if request.user.is_staff else orders.filter(buyer__user=request.user)

    def plan(self, order_copies: Sequence[Any]) -> Any:
        raise NotImplementedError

    def write(self, runs: Sequence[Any]) -> None:
        raise NotImplementedError
