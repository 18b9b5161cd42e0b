from decimal import Decimal

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory
from tea.batches import BatchShop

from order_copies.testing import ShopContract
from tea.models import Order, OrderLine, Tea


class TestShopWithStock(ShopContract):
    # place_order() and cancel_order() run queries for each line: simple, and enough for tea.
    test_place__query_count_is_constant = None  # type: ignore[assignment]
    test_cancel__query_count_is_constant = None  # type: ignore[assignment]
    test_swap__query_count_is_constant = None  # type: ignore[assignment]

    def make_order(self) -> Order:
        """Create an order of two teas of its own, whose pieces are taken from the stock."""
        number = Order.objects.count()
        order = Order.objects.create(
            number=f"T-{number}",
            customer=User.objects.create_user(f"customer {number}"),
            email=f"customer{number}@example.com",
            total=Decimal("24.97"),
            placed=True,
        )
        for name, quantity, price in (("Assam", 2, "9.99"), ("Sencha", 1, "4.99")):
            tea = Tea.objects.create(name=f"{name} {number}", stock=100)
            OrderLine.objects.create(
                order=order, product=tea.name, quantity=quantity, price=Decimal(price)
            )
        return order

    def make_request(self, order: Order) -> HttpRequest:
        request = RequestFactory().get("/")
        request.user = order.customer
        return request

    def make_unavailable(self, order: Order) -> None:
        Tea.objects.get(name=order.lines.order_by("pk")[0].product).delete()

    def leave_last_pieces(self, order: Order) -> None:
        names = order.lines.values_list("product", flat=True)
        Tea.objects.filter(name__in=list(names)).update(stock=0)


class TestBatchShop(TestShopWithStock):
    shop_class = BatchShop
    test_place__query_count_is_constant = ShopContract.test_place__query_count_is_constant
    test_cancel__query_count_is_constant = ShopContract.test_cancel__query_count_is_constant
    test_swap__query_count_is_constant = ShopContract.test_swap__query_count_is_constant
