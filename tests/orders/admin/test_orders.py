"""The admin of the reference shop."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.models import Customer, Order, Sku
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    PaymentMethodFactory,
    PriceFactory,
    SkuFactory,
    draft_order,
    pending_order,
    placed_order,
)
from tests.stories import copied, target_of

pytestmark = pytest.mark.django_db

ORDERS = reverse("admin:orders_order_changelist")


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def test_order_list__links_sources_and_copies(admin_client: Client) -> None:
    # given
    source = placed_order(number="1001")
    target = target_of(copied(source))

    # when
    page = admin_client.get(ORDERS).content.decode()

    # then
    assert f'copy of <a href="{page_of(source)}">#1001</a>' in page
    assert "1 copy</a>" in page
    assert f"?source_order__id__exact={source.pk}" in page
    assert str(target.number) in page


def test_order_list__query_count_is_equal_for_one_and_many_orders(admin_client: Client) -> None:
    """Session, user; counts and dates of the orders; markets; the orders with their copies."""
    # given
    placed_order()
    admin_client.get(ORDERS)

    # when
    with CaptureQueriesContext(connection) as for_one:
        admin_client.get(ORDERS)
    for _ in range(3):
        copied(placed_order())
    with CaptureQueriesContext(connection) as for_many:
        admin_client.get(ORDERS)

    # then
    assert len(for_one) == len(for_many)


def test_order_page__links_source_and_target_of_a_copy(admin_client: Client) -> None:
    # given
    source = placed_order()
    order_copy = copied(source)
    target = target_of(order_copy)
    failed = copied(source, place_target_order=True, reuse_wallet=False)

    # when
    of_source = admin_client.get(page_of(source)).content.decode()
    of_target = admin_client.get(page_of(target)).content.decode()

    # then
    copy_page = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])
    assert page_of(target) in of_source
    assert failed.public_id in of_source
    assert page_of(source) in of_target
    assert copy_page in of_source
    assert copy_page in of_target


def test_order_page__lists_copies_without_a_target(admin_client: Client) -> None:
    # given
    source = placed_order(coupon=CouponFactory(expired=True))
    order_copy = copied(source)

    # when
    page = admin_client.get(page_of(source)).content.decode()

    # then
    assert order_copy.target_order is None
    assert order_copy.public_id in page


def test_order_page__guest_order_has_no_customer_link(admin_client: Client) -> None:
    # given
    guest = draft_order()

    # when
    response = admin_client.get(page_of(guest))

    # then
    assert response.status_code == 200
    assert "/admin/orders/customer/" not in response.content.decode().split("content-main")[1]


def test_order_page__statuses_and_amounts_are_read_only(admin_client: Client) -> None:
    # given
    order = pending_order()
    data = {
        "status": "placed",
        "total_amount_cents": "1",
        "customer_email": "new@example.com",
        "metadata": "{}",
        "line_items-TOTAL_FORMS": "0",
        "line_items-INITIAL_FORMS": "0",
        "addresses-TOTAL_FORMS": "0",
        "addresses-INITIAL_FORMS": "0",
    }

    # when
    admin_client.post(page_of(order), data)

    # then
    changed = Order.objects.get(pk=order.pk)
    assert changed.customer_email == "new@example.com"
    assert (changed.status, changed.total_amount_cents) == (order.status, order.total_amount_cents)


def test_order_page__addresses_are_editable_only_while_the_order_is(admin_client: Client) -> None:
    # when
    editable = admin_client.get(page_of(pending_order())).content.decode()
    placed = admin_client.get(page_of(placed_order())).content.decode()

    # then
    assert 'name="addresses-0-city"' in editable
    assert 'name="addresses-0-city"' not in placed


def test_orders__cannot_be_added_or_deleted(admin_client: Client) -> None:
    # given
    order = placed_order()

    # when
    add = admin_client.get(reverse("admin:orders_order_add"))
    delete = admin_client.get(reverse("admin:orders_order_delete", args=[order.pk]))

    # then
    assert (add.status_code, delete.status_code) == (403, 403)


def test_metadata__invalid_object_is_refused(admin_client: Client) -> None:
    # given
    method = PaymentMethodFactory()
    url = reverse("admin:orders_paymentmethod_change", args=[method.pk])
    data = {"name": "Card", "payment_source_type": "card", "price_amount_cents": "0"}

    # when
    refused = admin_client.post(url, data | {"metadata": '{"a": "\\u0000"}'})
    saved = admin_client.post(url, data | {"metadata": '{"a": 1}'})

    # then
    assert refused.status_code == 200
    assert saved.status_code == 302
    method.refresh_from_db()
    assert method.metadata == {"a": 1}


def test_pages__all_lists_and_change_pages_open(admin_client: Client) -> None:
    # given
    placed_order(coupon=CouponFactory())
    registered = [model for model in admin.site._registry if model._meta.app_label == "orders"]

    # when, then
    for model in registered:
        name = f"admin:orders_{model._meta.model_name}"
        changelist = admin_client.get(reverse(f"{name}_changelist"))
        pk = model._default_manager.values_list("pk", flat=True)[0]
        page = admin_client.get(reverse(f"{name}_change", args=[pk]))
        searched = admin_client.get(reverse(f"{name}_changelist"), {"q": "x"})
        codes = (changelist.status_code, page.status_code, searched.status_code)
        assert codes == (200, 200, 200), model
    assert len(registered) == 8


def test_add_pages__create_customers_and_skus(admin_client: Client) -> None:
    # given
    wallet = {
        "customer_payment_sources-TOTAL_FORMS": "0",
        "customer_payment_sources-INITIAL_FORMS": "0",
    }
    stock = {
        "prices-TOTAL_FORMS": "1",
        "prices-INITIAL_FORMS": "0",
        "prices-0-currency_code": "EUR",
        "prices-0-amount_cents": "1250",
        "stock_item-TOTAL_FORMS": "1",
        "stock_item-INITIAL_FORMS": "0",
        "stock_item-0-quantity": "7",
    }

    # when
    form = admin_client.get(reverse("admin:orders_customer_add"))
    admin_client.post(
        reverse("admin:orders_customer_add"), {"email": "a@b.org", "metadata": "{}"} | wallet
    )
    admin_client.post(
        reverse("admin:orders_sku_add"), {"code": "S1", "name": "Mug", "metadata": "{}"} | stock
    )

    # then
    assert form.status_code == 200
    assert Customer.objects.filter(email="a@b.org").exists()
    sku = Sku.objects.get()
    assert (sku.prices.get().amount_cents, sku.stock_item.available) == (1250, 7)


def test_payment_sources__cannot_be_added(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:orders_paymentsource_add"))

    assert response.status_code == 403


def test_sku_list__shows_stock_and_prices(admin_client: Client) -> None:
    # given
    PriceFactory(sku=SkuFactory(stock=7, price=1250), currency_code="USD", amount_cents=1400)
    SkuFactory(do_not_track=True)
    SkuFactory(stock=False)

    # when
    page = admin_client.get(reverse("admin:orders_sku_changelist")).content.decode()

    # then
    assert '<td class="field-available">7</td>' in page
    assert page.count('<td class="field-available">–</td>') == 2
    assert "12.50\u00a0EUR, 14.00\u00a0USD" in page


def test_customer_list__is_searched_by_email(admin_client: Client) -> None:
    # given
    ida = CustomerFactory(email="ida@example.com")
    CustomerFactory()

    # when
    response = admin_client.get(reverse("admin:orders_customer_changelist"), {"q": "ida"})

    # then
    assert list(response.context["cl"].result_list) == [ida]
