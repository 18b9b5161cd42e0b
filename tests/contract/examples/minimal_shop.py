from decimal import Decimal

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory

from order_copies.testing import ShopContract
from tea.models import Order, OrderLine


class TestTeaShop(ShopContract):
    def make_order(self) -> Order:
        email = f"customer{Order.objects.count()}@example.com"
        order = Order.objects.create(email=email, total=Decimal("24.97"), placed=True)
        OrderLine.objects.create(order=order, product="Assam", quantity=2, price=Decimal("9.99"))
        OrderLine.objects.create(order=order, product=email, price=Decimal("4.99"))
        return order

    def make_request(self, order: Order) -> HttpRequest:
        request = RequestFactory().get("/")
        request.user = User.objects.create_superuser("staff")
        return request

    def add_line(self, order: Order) -> None:
        OrderLine.objects.create(order=order, product="Darjeeling", price=Decimal("1.99"))
        Order.objects.filter(pk=order.pk).update(total=Decimal("26.96"))
