"""The law of forecasts for automatic subscriptions of the reference shop."""

from typing import Any

import pytest

from order_copies.forecasts import Forecast, Result, forecast
from order_copies.models import Kind, OrderFactory, OrderSubscription, SubscriptionModel
from tests.factories import MarketFactory, PaymentSourceFactory, SkuFactory
from tests.order_copies.test_forecasts import (  # noqa: F401 # Two are fixtures.
    DAY,
    HOUR,
    NOW,
    WatchedShop,
    clock,
    order_of,
    shop,
)
from tests.subscriptions import run_due, subscribed

pytestmark = pytest.mark.django_db

CRONTAB = "0 */6 * * *"


@pytest.fixture
def market() -> Any:
    """A market whose orders have automatic subscriptions."""
    model = SubscriptionModel.objects.create(
        name="Wine club", frequencies=["daily", "weekly", CRONTAB]
    )
    return MarketFactory(subscription_model=model)


def results(found: Forecast, one: OrderSubscription) -> list[tuple[str, list[str]]]:
    """Return result and codes of each renewal of a subscription."""
    return [
        (renewal.result.value, [reason.code for reason in renewal.reasons])
        for renewal in found.renewals
        if renewal.order_subscription == one
    ]


def test_forecast__equals_the_runs_of_automatic_subscriptions(
    clock: Any,  # noqa: F811
    shop: type[WatchedShop],  # noqa: F811
    market: Any,
) -> None:
    # given scarce stock that two subscriptions share, a price that rose, and a card that expires
    wine = SkuFactory(stock=15, price=2000)
    dear = [SkuFactory(stock=1000, price=2500) for _ in range(2)]
    card = PaymentSourceFactory(expires_at=NOW + 4 * DAY)
    start = NOW + 3 * HOUR
    subscribed(order_of(quantity=2, sku=wine, market=market), NOW + HOUR)
    subscribed(order_of(sku=wine, market=market), NOW + 2 * HOUR, frequency=CRONTAB)
    paid = subscribed(order_of(market=market, payment_source=card), start)
    manual = subscribed(order_of(payment_source=card), start)
    tolerant = subscribed(order_of(market=market, sku=dear[0]), start, price_policy="current")
    strict = subscribed(
        order_of(market=market, sku=dear[1]),
        start,
        price_policy="current",
        max_price_increase_percent=1,
    )

    # when
    found = forecast(NOW + 10 * DAY, now=NOW)
    for slot in sorted({renewal.slot for renewal in found.renewals}):
        clock.move_to(slot)
        run_due()

    # then
    assert results(found, paid) == results(found, manual)
    assert results(found, paid) == [("will_complete", [])] * 4 + [("will_fail", ["blank"])] * 6
    assert results(found, tolerant) == [("at_risk", ["current_price"])] * 10
    assert results(found, strict) == [("will_fail", ["price_drift"])] * 10
    runs = OrderFactory.objects.exclude(order_subscription=None)
    completed = {
        (run.order_subscription_id, run.scheduled_for): run.status == "completed" for run in runs
    }
    expected = {(one.order_subscription.pk, one.slot): one for one in found.renewals}
    assert {key: one.plan_digest for key, one in expected.items()} == shop.digests
    assert {key: one.result != Result.WILL_FAIL for key, one in expected.items()} == completed
    assert runs.filter(type=Kind.RECURRING_ORDER_COPIES).count() == 80
