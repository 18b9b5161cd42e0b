"""The wine shop keeps the contract, with rows in every table."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory

from order_copies.testing import ShopContract
from tests.wine_shop.conftest import add_line, full_order, total_up
from tests.wine_shop.models import Order, Wine


@pytest.mark.exhaustive
@pytest.mark.usefixtures("cellar")
class TestWineShop(ShopContract):
    # place_order() and cancel_order() run queries for each order and each line.
    test_place__query_count_is_constant = None  # type: ignore[assignment]
    test_cancel__query_count_is_constant = None  # type: ignore[assignment]
    test_swap__query_count_is_constant = None  # type: ignore[assignment]
    test_place__query_count_does_not_depend_on_lines = None  # type: ignore[assignment]
    test_cancel__query_count_does_not_depend_on_lines = None  # type: ignore[assignment]

    def make_order(self) -> Order:
        number = Order.objects.count()
        Wine.objects.get_or_create(code=f"wine {number}", defaults={"pieces": 100})
        order = full_order(f"N{number}")
        add_line(order, f"wine {number}", 2, "19.99")
        total_up(order)
        return order

    def make_request(self, order: Order) -> HttpRequest:
        request = RequestFactory().get("/")
        request.user, _new = User.objects.get_or_create(username="staff", is_superuser=True)
        return request

    def add_line(self, order: Any) -> None:
        add_line(order, "red", 1, "7.77")
        total_up(order)

    def make_unavailable(self, order: Any) -> None:
        wines = Wine.objects.filter(line__order=order).exclude(code="red")
        wines.update(embargo="it is not sold any more")

    def leave_last_pieces(self, order: Any) -> None:
        Wine.objects.filter(line__order=order).exclude(code="red").update(pieces=0)
