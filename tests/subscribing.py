"""Steps of tests about subscriptions to orders of the reference shop."""

from collections.abc import Sequence
from typing import Any

from order_copies import copying
from order_copies.models import OrderFactory, OrderSubscription, SubscriptionModel
from order_copies.plans import CopyPlan
from order_copies.shops import get_shop
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import new_copy
from order_copies.worker.run import run_batch
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Market, Order
from tests import stories
from tests.factories import MarketFactory


def subscription_model(**values: Any) -> SubscriptionModel:
    """Create a subscription model that allows weekly and monthly subscriptions."""
    defaults = {"name": "Coffee club", "frequencies": ["weekly", "monthly"]}
    return SubscriptionModel.objects.create(**defaults | values)


def subscription_market(model: SubscriptionModel | None = None, **values: Any) -> Market:
    """Create a market whose orders have automatic subscriptions."""
    market: Market = MarketFactory(subscription_model=model or subscription_model(), **values)
    return market


def subscribed(source: Order, **terms: Any) -> OrderSubscription:
    """Create a subscription to a placed order; it is active."""
    one = OrderSubscription(source_order=source, **{"frequency": "monthly"} | terms)
    return changes.create(one, actor=stories.WHO)


def planned(*order_subscriptions: OrderSubscription, **values: Any) -> list[CopyPlan]:
    """Return the plans of the next copies of subscriptions, planned as one batch."""
    order_copies = [new_copy(one, get_shop()) for one in order_subscriptions]
    for order_copy in order_copies:
        for name, value in values.items():
            setattr(order_copy, name, value)
    return copying.preview_copies(order_copies)


def renewed(*order_subscriptions: OrderSubscription) -> list[OrderFactory]:
    """Request and run the next copies of subscriptions in one batch, and return them."""
    assert not any(copying.renew(order_subscriptions, actor=stories.WHO))
    run_batch(worker="w1", limit=len(order_subscriptions) or 1)
    return [
        stories.fresh(one.order_factories.latest("scheduled_for")) for one in order_subscriptions
    ]


def create_subscriptions(*orders: Order) -> list[list[Any]]:
    """Run the trigger ``_create_subscriptions``; return the refusals."""
    keys = [order.pk for order in orders]
    return run_action(ORDER_ACTIONS["_create_subscriptions"], keys, who=stories.WHO)


def subscriptions_of(order: Order) -> Sequence[OrderSubscription]:
    """Return the subscriptions to an order."""
    return list(OrderSubscription.objects.filter(source_order=order).order_by("pk"))
