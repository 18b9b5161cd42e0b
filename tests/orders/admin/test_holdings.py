"""What placed orders hold is not lost by what staff set or delete in the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import Coupon, Sku, StockItem
from tests.factories import CouponFactory, SkuFactory, placed_order
from tests.forms import form_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sku() -> Sku:
    """Two of its five pieces are held by an order."""
    sku = SkuFactory(stock=5)
    placed_order(lines=[{"sku": sku, "quantity": 2}])
    return sku


@pytest.fixture
def coupon() -> Coupon:
    """Used twice of five times."""
    coupon = CouponFactory(usage_limit=5)
    for _ in range(2):
        placed_order(coupon=coupon)
    return coupon


def test_stock_cannot_be_less_than_what_orders_hold(admin_client: Client, sku: Sku) -> None:
    # given
    url = reverse("admin:orders_sku_change", args=[sku.pk])

    # when
    response = admin_client.post(url, form_of(admin_client, url) | {"stock_item-0-quantity": "1"})

    # then
    assert "Placed orders hold 2 pieces: there cannot be fewer." in response.content.decode()
    assert StockItem.objects.get().quantity == 5


def test_a_limit_cannot_be_lower_than_how_often_orders_used_the_coupon(
    admin_client: Client, coupon: Coupon
) -> None:
    # given
    url = reverse("admin:orders_coupon_change", args=[coupon.pk])

    # when
    response = admin_client.post(url, form_of(admin_client, url) | {"usage_limit": "1"})

    # then
    told = "Placed orders used it 2 times: the limit cannot be lower."
    assert told in response.content.decode()
    assert Coupon.objects.get().usage_limit == 5


def test_limits_that_orders_leave_room_for_can_be_set(
    admin_client: Client, sku: Sku, coupon: Coupon
) -> None:
    # when
    for name, row, changes in (
        ("sku", sku, {"stock_item-0-quantity": "2"}),
        ("coupon", coupon, {"usage_limit": "2"}),
    ):
        url = reverse(f"admin:orders_{name}_change", args=[row.pk])
        assert admin_client.post(url, form_of(admin_client, url) | changes).status_code == 302

    # then
    assert StockItem.objects.get(sku=sku).available == 0
    assert Coupon.objects.get().usage_limit == 2


def test_the_stock_of_a_sku_cannot_be_deleted(admin_client: Client, sku: Sku) -> None:
    # given
    url = reverse("admin:orders_sku_change", args=[sku.pk])

    # when
    form = form_of(admin_client, url) | {"stock_item-0-DELETE": "on"}
    response = admin_client.post(url, form)

    # then
    assert response.status_code == 302
    assert StockItem.objects.get().reserved == 2
