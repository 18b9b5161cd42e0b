"""Story: an order is placed, its lines are subscribed to, and a year of renewals follows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from order_copies.events.models import Event
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Authorization, Order, PaymentSource, Price
from tests import stories
from tests.audits import audited
from tests.factories import SkuFactory, placed_order
from tests.subscriptions import create_subscriptions, subscription_market

pytestmark = pytest.mark.django_db(transaction=True)


def day(month: int, of_month: int, hour: int = 10, year: int = 2027) -> datetime:
    return datetime(year, month, of_month, hour, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(day(1, 31), tick=False) as coordinates:
        yield coordinates


def run_at(clock: Any, instant: datetime) -> None:
    """Let a worker run what is due at this instant."""
    clock.move_to(instant)
    stories.run_all()


def renewals(one: OrderSubscription) -> list[OrderFactory]:
    return list(one.order_factories.order_by("scheduled_for"))


def named_events(one: OrderSubscription) -> list[str]:
    events = Event.objects.filter(resource_type="order_subscriptions", resource_id=str(one.pk))
    names = events.exclude(name="").order_by("pk").values_list("name", flat=True)
    return [name.rpartition(".")[2] for name in names]


def live_authorizations(order: Order) -> list[int]:
    live = Authorization.objects.filter(order=order, status=Authorization.Status.AUTHORIZED)
    return list(live.values_list("amount_cents", flat=True))


def test_subscription__renews_fails_recovers_pauses_and_ends(  # noqa: PLR0915
    clock: Any, settings: LazySettings
) -> None:
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RENEWAL_RETRIES": [86400]}

    # An order of two bags of coffee, monthly, is placed on the last day of January.
    coffee = SkuFactory(price=2000, stock=100)
    line = {"sku": coffee, "quantity": 2, "options": 0, "frequency": "monthly"}
    source = placed_order(market=subscription_market(), lines=[line])
    assert create_subscriptions(source) == [[]]
    one = OrderSubscription.objects.get()
    assert (one.status, one.next_run_at) == ("active", day(2, 28))

    # It renews three times, at the end of each month, and each order is paid from the wallet.
    for instant in (day(2, 28), day(3, 31), day(4, 30)):
        run_at(clock, instant)
    one.refresh_from_db()
    assert [copy.scheduled_for for copy in renewals(one)] == [day(2, 28), day(3, 31), day(4, 30)]
    for copy in renewals(one):
        assert (copy.type, copy.status) == ("recurring_order_copies", "completed")
        assert copy.target_order.status == Order.Status.PLACED
        assert live_authorizations(copy.target_order) == [
            copy.target_order.total_amount_with_taxes_cents
        ]
        assert copy.target_order.subtotal_amount_cents == 4000
    assert (one.occurrencies, one.errors_count, one.succeeded_on_last_run) == (3, 0, True)

    # In May the card is declined: there is no order, and the renewal is retried a day later.
    PaymentSource.objects.update(token="declined_for_now")
    run_at(clock, day(5, 31))
    one.refresh_from_db()
    declined = renewals(one)[-1]
    assert (declined.status, declined.target_order) == ("failed", None)
    assert (one.attention, one.retry_at) == ("payment_not_authorized", day(6, 1))
    assert one.status == "active"

    # The bank accepts it again: the same renewal succeeds, with one order.
    PaymentSource.objects.update(token="tok_visa")
    run_at(clock, day(6, 1))
    one.refresh_from_db()
    assert renewals(one)[-1].pk == declined.pk
    assert renewals(one)[-1].status == "completed"
    assert (one.occurrencies, one.errors_count, one.attention) == (4, 1, "")

    # The customer agreed to current prices, but not to more than a tenth above the agreed ones.
    terms = {"price_policy": "current", "max_price_increase_percent": 10}
    changes.update(one, terms, actor=stories.WHO)
    Price.objects.filter(sku=coffee).update(amount_cents=2500)
    run_at(clock, day(6, 30))
    one.refresh_from_db()
    drifted = renewals(one)[-1]
    assert (drifted.status, one.attention) == ("failed", "price_drift")
    assert drifted.target_order.status == Order.Status.PENDING
    assert live_authorizations(drifted.target_order) == []
    assert one.retry_at is None

    # July is skipped, August renews at the agreed prices.
    changes.update(one, {"price_policy": "frozen"}, actor=stories.WHO)
    assert changes.skip([one], actor=stories.WHO) == [[]]
    run_at(clock, day(7, 31))
    one.refresh_from_db()
    assert renewals(one)[-1].pk == drifted.pk
    assert one.next_run_at == day(8, 31)
    run_at(clock, day(8, 31))
    assert renewals(one)[-1].target_order.subtotal_amount_cents == 4000

    # A pause until the middle of October leaves out September.
    changes.update(one, {"resumes_at": day(10, 15)}, actor=stories.WHO)
    run_at(clock, day(9, 30))
    assert (one.status, len(renewals(one))) == ("inactive", 6)
    run_at(clock, day(10, 15))
    one.refresh_from_db()
    assert (one.status, one.next_run_at) == ("active", day(10, 31))
    run_at(clock, day(10, 31))
    assert renewals(one)[-1].status == "completed"

    # It is cancelled, and nothing follows.
    assert changes.cancel([one], actor=stories.WHO) == [[]]
    run_at(clock, day(12, 31))
    one.refresh_from_db()
    assert (one.status, one.next_run_at, len(renewals(one))) == ("cancelled", None, 7)
    assert named_events(one) == [
        "create",
        "activate",
        *["last_run_succeeded"] * 3,
        "last_run_failed",
        "last_run_succeeded",
        "last_run_failed",
        "last_run_succeeded",
        "deactivate",
        "activate",
        "last_run_succeeded",
        "cancel",
    ]
    assert audited() == []


def test_subscription__is_cancelled_with_its_source_order(clock: Any) -> None:
    # given
    model_market = subscription_market()
    model_market.subscription_model.auto_cancel = True
    model_market.subscription_model.save()
    line = {"sku": SkuFactory(price=2000, stock=10), "options": 0, "frequency": "weekly"}
    source = placed_order(market=model_market, lines=[line])
    create_subscriptions(source)

    # when
    assert run_action(ORDER_ACTIONS["_cancel"], [source.pk], who=stories.WHO) == [[]]
    run_at(clock, day(2, 7))

    # then
    one = OrderSubscription.objects.get()
    assert (one.status, renewals(one)) == ("cancelled", [])
