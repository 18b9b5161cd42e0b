"""The delete pages of the shop's admin, and their query counts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.admin.deletion import MAX_DELETED, MAX_NAMED
from orders.models import CouponUse, Customer, Market, PaymentSource, Promotion, Sku
from tests.api import staff
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    CustomerPaymentSourceFactory,
    MarketFactory,
    PaymentSourceFactory,
    PriceFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
)
from tests.factories import OrderFactory as BareOrderFactory

pytestmark = pytest.mark.django_db


def a_customer(count: int) -> Customer:
    customer: Customer = CustomerFactory()
    CustomerPaymentSourceFactory.create_batch(count, customer=customer)
    return customer


def a_promotion(count: int) -> Promotion:
    promotion: Promotion = PromotionFactory(coupon_only=True)
    for coupon in CouponFactory.create_batch(count, promotion=promotion):
        CouponUse.objects.create(coupon=coupon, order=BareOrderFactory(), customer_email="a@b.c")
    return promotion


def a_sku(count: int) -> Sku:
    sku: Sku = SkuFactory(stock=1000)
    for number in range(count):
        PriceFactory(sku=sku, currency_code=f"X{chr(65 + number // 26)}{chr(65 + number % 26)}")
    pending_order(lines=[{"sku": sku}] * count)
    return sku


def a_market(count: int) -> Market:
    market: Market = MarketFactory()
    BareOrderFactory.create_batch(count, market=market)
    return market


def a_payment_source(count: int) -> PaymentSource:
    source: PaymentSource = PaymentSourceFactory()
    for _ in range(count):
        CustomerPaymentSourceFactory(payment_source=source)
        BareOrderFactory(payment_source=source)
    return source


SHOPS = [a_customer, a_promotion, a_sku, a_market, a_payment_source]


def url_of(row: Any, page: str, *arguments: Any) -> str:
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=arguments)


def queries(client: Client, method: str, *request: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = getattr(client, method)(*request)
    assert response.status_code == 200
    return [query["sql"] for query in captured]


def is_unbounded(sql: str) -> bool:
    """Return whether the number of rows that the query returns is unlimited."""
    # The number of prices of a SKU is limited by the number of currencies.
    of_rows = "orders_" in sql and "orders_price" not in sql
    return of_rows and "LIMIT" not in sql and "COUNT(*)" not in sql


@pytest.mark.parametrize("shop", SHOPS)
def test_delete_page__query_count_is_equal_for_few_and_many_related_rows(
    admin_client: Client, shop: Callable[[int], Any]
) -> None:
    """Session, user; the row; for each relation a count and the first names."""
    # given
    one, many = shop(1), shop(30)
    admin_client.get(url_of(one, "delete", one.pk))

    # when
    for_one = queries(admin_client, "get", url_of(one, "delete", one.pk))
    for_many = queries(admin_client, "get", url_of(many, "delete", many.pk))

    # then
    assert len(for_one) == len(for_many)
    assert [sql for sql in for_many if is_unbounded(sql)] == []


@pytest.mark.parametrize("shop", SHOPS)
def test_delete_selected__query_count_is_equal_for_one_and_many_rows(
    admin_client: Client, shop: Callable[[int], Any]
) -> None:
    """Session, user; the list; the selected rows; for each relation a count and the first names."""
    # given
    one, many = [shop(1)], [shop(2) for _ in range(8)]
    forms = [
        {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}
        for rows in (one, many)
    ]
    url = url_of(one[0], "changelist")
    admin_client.post(url, forms[0])

    # when
    for_one, for_many = (queries(admin_client, "post", url, form) for form in forms)

    # then
    assert len(for_one) == len(for_many)


def test_delete_page__names_the_first_rows_and_counts_all(admin_client: Client) -> None:
    # given
    promotion = a_promotion(30)

    # when
    response = admin_client.get(url_of(promotion, "delete", promotion.pk))

    # then
    name, (*coupons, coupon_uses) = response.context["deleted_objects"]
    assert name.startswith("Promotion: ")
    assert [len(coupons), len(coupon_uses)] == [MAX_NAMED + 1, MAX_NAMED + 1]
    assert (coupons[-1], coupon_uses[-1]) == ("… and 20 more", "… and 20 more")
    first = promotion.coupons.order_by("pk")[0]
    assert coupons[0] == f'Coupon: <a href="{url_of(first, "change", first.pk)}">{first}</a>'
    assert dict(response.context["model_count"]) == {
        "promotions": 1,
        "coupons": 30,
        "coupon uses": 30,
    }


def test_delete_page__referenced_row_is_protected(admin_client: Client) -> None:
    # given
    market = a_market(30)

    # when
    page = admin_client.get(url_of(market, "delete", market.pk))
    refused = admin_client.post(url_of(market, "delete", market.pk), {"post": "yes"})

    # then
    assert len(page.context["protected"]) == MAX_NAMED + 1
    assert refused.status_code == 200
    assert Market.objects.filter(pk=market.pk).exists()


def test_delete_page__deletes_referring_rows_too(admin_client: Client) -> None:
    # given
    promotion = a_promotion(3)

    # when
    admin_client.post(url_of(promotion, "delete", promotion.pk), {"post": "yes"})

    # then
    assert (Promotion.objects.count(), CouponUse.objects.count()) == (0, 0)


def test_delete_page__needs_permission_to_delete_referring_rows(client: Client) -> None:
    # given
    promotion = a_promotion(1)
    client.force_login(staff("view_promotion", "delete_promotion"))

    # when
    page = client.get(url_of(promotion, "delete", promotion.pk))
    refused = client.post(url_of(promotion, "delete", promotion.pk), {"post": "yes"})

    # then
    assert page.context["perms_lacking"] == {"coupon"}
    assert refused.status_code == 403


def test_delete_selected__too_many_rows_are_refused(admin_client: Client) -> None:
    # given
    Sku.objects.bulk_create(SkuFactory.build_batch(MAX_DELETED + 1))
    first = Sku.objects.values_list("pk", flat=True)[0]

    # when
    form = {"action": "delete_selected", "_selected_action": first, "select_across": "1"}
    response = admin_client.post(reverse("admin:orders_sku_changelist"), form, follow=True)

    # then
    messages = [str(message) for message in response.context["messages"]]
    assert messages == ["Only 500 can be deleted at once: please select fewer."]
    assert Sku.objects.count() == MAX_DELETED + 1
