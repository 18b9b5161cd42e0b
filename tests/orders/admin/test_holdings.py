"""Staff cannot set or delete stock and coupons below what placed orders hold."""

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import Coupon, Sku, StockItem
from tests.factories import CouponFactory, SkuFactory, placed_order
from tests.forms import form_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sku() -> Sku:
    """A SKU with five pieces in stock, of which an order holds two."""
    sku = SkuFactory(stock=5)
    placed_order(lines=[{"sku": sku, "quantity": 2}])
    return sku


@pytest.fixture
def coupon() -> Coupon:
    """A coupon that was used two times of five."""
    coupon = CouponFactory(usage_limit=5)
    for _ in range(2):
        placed_order(coupon=coupon)
    return coupon


def test_stock__cannot_be_set_below_the_reserved_quantity(admin_client: Client, sku: Sku) -> None:
    # given
    url = reverse("admin:orders_sku_change", args=[sku.pk])

    # when
    response = admin_client.post(url, form_of(admin_client, url) | {"stock_item-0-quantity": "1"})

    # then
    assert "Placed orders hold 2 pieces: enter at least that many." in response.content.decode()
    assert StockItem.objects.get().quantity == 5


def test_usage_limit__cannot_be_set_below_the_usage_count(
    admin_client: Client, coupon: Coupon
) -> None:
    # given
    url = reverse("admin:orders_coupon_change", args=[coupon.pk])

    # when
    response = admin_client.post(url, form_of(admin_client, url) | {"usage_limit": "1"})

    # then
    message = "Placed orders used it 2 times: enter at least that limit."
    assert message in response.content.decode()
    assert Coupon.objects.get().usage_limit == 5


def test_limits__can_be_set_to_what_orders_hold(
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


def test_stock__cannot_be_deleted(admin_client: Client, sku: Sku) -> None:
    # given
    url = reverse("admin:orders_sku_change", args=[sku.pk])

    # when
    form = form_of(admin_client, url) | {"stock_item-0-DELETE": "on"}
    response = admin_client.post(url, form)

    # then
    assert response.status_code == 302
    assert StockItem.objects.get().reserved == 2
