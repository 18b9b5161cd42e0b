"""Subscriptions in the admin of a declared shop: subscribe to an order, and run it."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from order_copies.admin.comparison import compare
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.worker.run import run_batch
from tests.wine_shop.conftest import copy_of, make_order, run

TERMS = {"frequency_name": "monthly", "start": "date", "starts_at": "2031-01-31T09:00"}


@pytest.mark.django_db
def test_subscribe__to_an_order_and_run_it_now(cellar: None) -> None:
    # given
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("staff", password="x"))
    order = make_order("W1", ("white", 2, "2"))
    page = f"/admin/wine_shop/order/subscribe/?ids={order.pk}"
    url = client.get(page).headers["Location"]

    # when
    preview = client.post(url, TERMS)
    shown = {"shown_terms": preview.context["terms"], "_subscribe": "1"}
    response = client.post(url, TERMS | shown)
    one = OrderSubscription.objects.get()
    run_page = f"/admin/order_copies/ordersubscription/{one.pk}/run/"
    [(_one, _outcome, slot, _status)] = client.get(run_page).context["rows"]
    client.post(run_page, {"shown": slot})
    run_batch(worker="w1", limit=1)

    # then
    assert response.headers["Location"] == run_page.replace("/run/", "/change/")
    order_copy = OrderFactory.objects.get()
    assert (order_copy.order_subscription, order_copy.status) == (one, "completed")
    assert str(order) in client.get(response.headers["Location"]).content.decode()


@pytest.mark.django_db
def test_comparison__of_declared_orders_has_lines_totals_and_status(cellar: None) -> None:
    # given
    order_copy = copy_of(make_order("W1", ("red", 2, "2.50"), ("white", 5, "3")), skip_errors=True)
    run(order_copy)

    # when
    comparison = compare(order_copy)

    # then
    lines = [(one.name, one.label, one.message, one.amount) for one in comparison.lines]
    assert lines == [
        ("red", "same", "", 0),
        ("white", "2 fewer", "only 3 of 5 white left", -600),
    ]
    assert [(one.label, one.before, one.after) for one in comparison.totals] == [
        ("Subtotal", 2000, 1400),
        ("Total", 2000, 1400),
    ]
    assert [(one.label, one.before, one.after) for one in comparison.facts] == [
        ("Status", "not placed", "not placed")
    ]
