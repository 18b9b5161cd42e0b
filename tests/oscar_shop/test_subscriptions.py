"""Subscriptions to Oscar's orders: manual ones, whose copies are frozen copies of the source."""

import pytest
from oscar.core.loading import get_model

from order_copies.copying import renew
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.models import OrderFactory, OrderSubscription, SubscriptionModel
from order_copies.shops import Subscriber, get_shop
from order_copies.subscriptions import changes
from tests.oscar_shop.copies import copy, run_batch, target
from tests.oscar_shop.shopping import Item, place_order, stock_of

Order = get_model("order", "Order")


def test_subscribers__are_customers_with_placed_orders(
    ann, teapot, django_assert_num_queries
) -> None:
    # given
    placed = place_order(ann, Item(teapot))
    moved_on = place_order(ann, Item(teapot))
    moved_on.set_status("Complete")
    cancelled = place_order(ann, Item(teapot))
    copy(cancelled, cancel_source_order=True)
    cancelled.refresh_from_db()
    guest = place_order(None, Item(teapot), guest_email="guest@shop.example")
    orders = [placed, moved_on, target(placed), cancelled, guest]

    # when
    with django_assert_num_queries(1):
        found = get_shop().subscribers(orders)

    # then
    assert found == [
        Subscriber("ann@shop.example", is_placed=True),
        Subscriber("ann@shop.example", is_placed=True),
        Subscriber("ann@shop.example"),
        Subscriber("ann@shop.example"),
        Subscriber("", is_registered=False, is_placed=True),
    ]


def test_subscription__renewal_is_a_placed_copy(ann, teapot) -> None:
    # given
    order = place_order(ann, Item(teapot, 2))
    before = stock_of(teapot)
    order_subscription = OrderSubscription(source_order=order, frequency="monthly")
    changes.create(order_subscription, actor="tests")

    # when
    renew([order_subscription], actor="tests")
    run_batch("worker")

    # then
    order_copy = OrderFactory.objects.get(order_subscription=order_subscription)
    assert (order_copy.status, order_copy.errors_log) == ("completed", {})
    renewed = Order.objects.get(pk=order_copy.target_order_id)
    assert (renewed.status, renewed.total_incl_tax) == (order.status, order.total_incl_tax)
    assert renewed.number != order.number
    assert stock_of(teapot) != before


def test_subscription__automatic_one_is_refused(ann, teapot) -> None:
    # given
    model = SubscriptionModel.objects.create(name="pots", frequencies=["monthly"])
    order_subscription = OrderSubscription(
        source_order=place_order(ann, Item(teapot)), subscription_model=model, frequency="monthly"
    )

    # when, then
    with pytest.raises(SubscriptionRefusedError, match="cannot build orders from the items"):
        changes.create(order_subscription, actor="tests")
