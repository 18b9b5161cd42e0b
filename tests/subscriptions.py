"""Steps of tests of subscriptions: a clock, subscriptions, their runs, and what they left."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.models import OrderFactory, OrderSubscription, SubscriptionModel
from order_copies.plans import CopyPlan
from order_copies.shops import get_shop
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import new_copy, schedule_due
from order_copies.worker.run import run_batch
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Market, Order
from tests import stories
from tests.factories import MarketFactory, placed_order

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: The first slot of the subscriptions of tests.
FIRST = datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, duration: timedelta) -> None:
        """Move the clock forward, or back."""
        self.now += duration


def clock_at(now: datetime) -> Iterator[Clock]:
    """Let all code read a clock, until the generator ends."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(now)
        monkeypatch.setattr(timezone, "now", clock)
        yield clock


def subscribed(
    source: Any = None, starts_at: datetime = FIRST, *, active: bool = True, **values: Any
) -> OrderSubscription:
    """Create a manual subscription, daily from ``starts_at`` on, and activate it."""
    source = source or placed_order(lines=1)
    terms = {"frequency": "daily", "starts_at": starts_at, "activate_by_source_order": False}
    one = OrderSubscription(source_order=source, **terms | values)
    changes.create(one, actor=stories.WHO)
    if active:
        assert changes.activate([one], actor=stories.WHO) == [[]]
    return fresh(one)


def many(count: int, source: Any = None, **values: Any) -> list[OrderSubscription]:
    """Create active manual subscriptions that are due at :data:`FIRST`, without events."""
    source = source or placed_order(lines=1)
    instants = dict.fromkeys(("starts_at", "anchor_at", "next_run_at", "due_at"), FIRST)
    fields: dict[str, Any] = {"frequency": "daily", "status": "active"} | instants | values
    return OrderSubscription.objects.bulk_create(
        OrderSubscription(source_order=source, **fields) for _ in range(count)
    )


def scheduled(one: OrderSubscription) -> OrderFactory:
    """Request the due copy of a subscription; return it as it is in the database."""
    assert schedule_due("w1") == 1
    return last_copy(one)


def renewed(one: OrderSubscription) -> OrderFactory:
    """Run what is due and waits; return the last copy of a subscription."""
    run_batch("w1")
    return last_copy(one)


def run_due() -> int:
    """Schedule what is due and run all copies; return the number of copies that ended."""
    ended = 0
    while (batch := run_batch("w1")).claimed or batch.scheduled:
        ended += batch.ended
    return ended


def last_copy(one: OrderSubscription) -> OrderFactory:
    """Return the copy of the latest slot."""
    return copies_of(one)[-1]


def copies_of(one: OrderSubscription) -> list[OrderFactory]:
    """Return the copies of a subscription by their slots."""
    copies = OrderFactory.objects.filter(order_subscription=one)
    return list(copies.select_related("target_order").order_by("scheduled_for"))


def fresh(one: OrderSubscription) -> OrderSubscription:
    """Return the subscription as it is in the database."""
    return OrderSubscription.objects.get(pk=one.pk)


def counters(one: OrderSubscription) -> tuple[str, int, int, bool | None]:
    """Return status, occurrencies, errors count, and whether the last run succeeded."""
    one = fresh(one)
    return (one.status, one.occurrencies, one.errors_count, one.succeeded_on_last_run)


def events_of(one: OrderSubscription) -> list[Event]:
    """Return the events of a subscription, in order."""
    found = Event.objects.filter(resource_type="order_subscriptions", resource_id=str(one.pk))
    return list(found.order_by("pk"))


def names_of(one: OrderSubscription) -> list[str]:
    """Return the verbs of the named events of a subscription, in order."""
    return [event.name.partition(".")[2] for event in events_of(one) if event.name]


def missed_by(one: OrderSubscription) -> list[int]:
    """Return the numbers of missed slots that the events report, in order."""
    return [event.changes["missed"]["to"] for event in events_of(one) if "missed" in event.changes]


def use(settings: LazySettings, **values: Any) -> None:
    """Set settings of the app."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | values


# By the models of markets


def subscription_model(**values: Any) -> SubscriptionModel:
    """Create a subscription model that allows weekly and monthly subscriptions."""
    defaults = {"name": "Coffee club", "frequencies": ["weekly", "monthly"]}
    return SubscriptionModel.objects.create(**defaults | values)


def subscription_market(model: SubscriptionModel | None = None, **values: Any) -> Market:
    """Create a market whose orders have automatic subscriptions."""
    market: Market = MarketFactory(subscription_model=model or subscription_model(), **values)
    return market


def activated(source: Order, **terms: Any) -> OrderSubscription:
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


def renewed_now(*order_subscriptions: OrderSubscription) -> list[OrderFactory]:
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
