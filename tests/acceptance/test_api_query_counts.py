"""Story: an include costs one query per relationship, regardless of the number of rows."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import project.urls  # noqa: F401  (registers every resource)
from order_copies import copying
from order_copies.jsonapi.resources import resource_of, resources
from order_copies.models import Kind, OrderCopy, OrderSubscription
from order_copies.worker.run import run_batch
from orders.models import Order
from tests.api import API, PERMISSIONS, include_paths, staff
from tests.factories import (
    CouponFactory,
    MarketFactory,
    OrderCopyFactory,
    OrderSubscriptionItemFactory,
    PromotionFactory,
    SubscriptionModelFactory,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

#: ``event_stores`` have no list: they are read from the resource that was changed.
TYPES = sorted({resource.type for resource in resources().values()} - {"event_stores"})


def create_shop() -> None:
    """Create an order with one row in each relationship, and three with several, all copied."""
    for lines, copies in ((1, 1), *([(3, 3)] * 3)):
        market = MarketFactory(subscription_model=SubscriptionModelFactory())
        order = placed_order(
            lines=lines,
            options=lines,
            market=market,
            coupon=CouponFactory(promotion__market=market),
            promotions=[PromotionFactory(market=market)],
        )
        for _ in range(copies):
            subscription = subscribe(order)
        order_copies = [OrderCopy(source_order=order) for _ in range(copies)]
        copying.request_copies(order_copies, actor={})
    # The first order of the list was made by a subscription too.
    copy_of(subscription, Kind.ORDER_COPIES, Order.objects.earliest("pk"))
    run_batch("a worker")


def subscribe(order: Order) -> OrderSubscription:
    """Create an automatic subscription to an order, with copies that made orders."""
    line = order.line_items.filter(sku__isnull=False).first()
    assert line is not None
    assert order.customer is not None
    item = OrderSubscriptionItemFactory(
        sku=line.sku,
        order_subscription__subscription_model=order.market.subscription_model,
        source_line_item_key=str(line.pk),
        order_subscription__source_order=order,
        order_subscription__customer_payment_source_key=str(
            order.customer.customer_payment_sources.earliest("pk").pk
        ),
    )
    subscription: OrderSubscription = item.order_subscription
    for kind in Kind:
        target = pending_order(market=order.market, customer=order.customer, wallet=False)
        copy_of(subscription, kind, target)
    return subscription


def copy_of(subscription: OrderSubscription, kind: Kind, target: Order) -> None:
    """Create a copy that a subscription requested, and the order that it made."""
    OrderCopyFactory(
        completed=True,
        source_order=subscription.source_order,
        target_order=target,
        type=kind,
        order_subscription=subscription,
        scheduled_for=timezone.now() + timedelta(days=target.pk),
    )


def cost(api: API, path: str) -> list[str]:
    """Return the statements of a request, without their values.

    Permission queries are left out: they run once per client, if at all.
    """
    with CaptureQueriesContext(connection) as queries:
        response = api.get(path)
    assert response.status_code == 200
    statements = [re.sub(r" IN \(.*|[0-9]+", "#", one["sql"]) for one in queries.captured_queries]
    return [statement for statement in statements if "auth_permission" not in statement]


@pytest.mark.parametrize("resource_type", TYPES)
def test_list__query_count_is_one_per_included_relationship(resource_type: str) -> None:
    """SELECT the token with its user; COUNT the rows, SELECT the page; and one SELECT for each
    relationship that an include path follows.
    """
    create_shop()
    api, bare = API(staff(*PERMISSIONS, "view_coupon")), f"/{resource_type}?page[size]="
    cost_of_none = cost(api, f"{bare}25")

    for path in ["", *include_paths(resource_of(resource_type))]:
        cost_of_one = cost(api, f"{bare}1&include={path}")
        cost_of_many = cost(api, f"{bare}25&include={path}")

        followed = set(path.split(".")) - {""}
        assert (path, len(cost_of_many)) == (path, len(cost_of_none) + len(followed))
        assert cost_of_many == cost_of_one
