"""The reference shop keeps the contract that it shows to others."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F
from django.http import HttpRequest
from django.test import RequestFactory

from order_copies.shops import Capability
from order_copies.testing import ShopContract
from order_copies.testing.subscriptions import Subscriptions
from orders.models import LineItem, Order, Sku, StockItem
from tests.factories import LineItemFactory, placed_order, settle


class ReferenceShopContract(ShopContract):
    """Orders of the reference shop; see ``test_wrong_shops.py`` for shops that break it."""

    @classmethod
    def abilities(cls) -> frozenset[str]:
        # Renewals leave out options, which the orders of the other tests have.
        return super().abilities() - {Capability.RECURRING}

    def make_order(self) -> Order:
        lines = [{"unit_amount_cents": 1999, "quantity": 2}, {"unit_amount_cents": 355}]
        return placed_order(lines=lines)

    def make_request(self, order: Order) -> HttpRequest:
        request = RequestFactory().get("/")
        user, _ = get_user_model().objects.get_or_create(username="root", is_superuser=True)
        request.user = user
        return request

    def add_line(self, order: Order) -> None:
        LineItemFactory(order=order, unit_amount_cents=777)
        settle(order)

    def make_unavailable(self, order: Order) -> None:
        Sku.objects.filter(line_items=self._lines(order)[0]).update(on_sale=False)

    def leave_last_pieces(self, order: Order) -> None:
        held = StockItem.objects.filter(sku__line_items__in=self._lines(order))
        held.update(quantity=F("reserved"))

    def _lines(self, order: Order) -> Any:
        return list(LineItem.objects.filter(order=order, item_type="skus"))


class TestReferenceShop(ReferenceShopContract):
    pass


class TestSubscriptions(Subscriptions):
    def make_order(self) -> Order:
        lines = [{"unit_amount_cents": 1999, "quantity": 2}, {"unit_amount_cents": 355}]
        return placed_order(lines=lines, options=0)
