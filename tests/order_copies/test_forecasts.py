"""Forecasts: which renewals will complete, are at risk, or will fail, and why."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import forecasts
from order_copies.forecasts import Forecast, Reason, Result, amounts_of, counts_of, forecast
from order_copies.models import OrderFactory, OrderSubscription, SubscriptionStatus
from order_copies.plans import CopyPlan
from order_copies.subscriptions import changes
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests.factories import SkuFactory, pending_order, placed_order
from tests.stories import WHO, target_of, whole_database
from tests.subscriptions import run_due, subscribed

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[Any]:
    """A clock that stands still at :data:`NOW`, and that tests may move."""
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


class WatchedShop(ReferenceShop):
    """The reference shop; it notes the plans of saved copies, and crashes for one order."""

    digests: ClassVar[dict[tuple[Any, datetime], str]] = {}
    crashes_for: ClassVar[set[Any]] = set()

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        if self.crashes_for & {one.source_order_id for one in order_copies}:
            message = "The shop is on fire."
            raise RuntimeError(message)
        plans = super().plan(order_copies)
        for order_copy, plan in zip(order_copies, plans, strict=True):
            if order_copy.pk and order_copy.scheduled_for:
                key = (order_copy.order_subscription_id, order_copy.scheduled_for)
                self.digests[key] = plan.digest
        return plans


@pytest.fixture
def shop(settings: LazySettings) -> Iterator[type[WatchedShop]]:
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.WatchedShop"}
    yield WatchedShop
    WatchedShop.digests.clear()
    WatchedShop.crashes_for.clear()


def order_of(quantity: int = 1, stock: int = 1000, **attributes: Any) -> Order:
    """Return a placed order of one SKU, of which ``stock`` pieces are left."""
    sku = attributes.pop("sku", None) or SkuFactory(stock=stock + quantity)
    return placed_order(lines=[{"sku": sku, "quantity": quantity}], **attributes)


def seen(found: Forecast) -> list[tuple[OrderSubscription, timedelta, str]]:
    """Return subscription, time from now and result of each renewal."""
    return [(one.order_subscription, one.slot - NOW, str(one.result)) for one in found.renewals]


def slots(found: Forecast) -> list[timedelta]:
    return [one.slot - NOW for one in found.renewals]


def codes(found: Forecast) -> list[list[str]]:
    return [[reason.code for reason in one.reasons] for one in found.renewals]


# Slots


def test_forecast__has_every_slot_in_order_of_time(clock: Any) -> None:
    # given
    daily = subscribed(order_of(), NOW + 2 * HOUR)
    weekly = subscribed(order_of(), NOW + HOUR, frequency="weekly")
    monthly = subscribed(order_of(), NOW + 2 * HOUR, frequency="monthly")

    # when
    found = forecast(NOW + 2 * DAY, now=NOW)

    # then
    assert seen(found) == [
        (weekly, HOUR, "will_complete"),
        (daily, 2 * HOUR, "will_complete"),
        (monthly, 2 * HOUR, "will_complete"),
        (daily, DAY + 2 * HOUR, "will_complete"),
    ]
    assert (found.cut_at, found.notice) == (None, "")


def test_forecast__end_is_included(clock: Any) -> None:
    subscribed(order_of(), NOW + DAY)

    assert slots(forecast(NOW + 2 * DAY, now=NOW)) == [DAY, 2 * DAY]
    assert slots(forecast(NOW + DAY - datetime.resolution, now=NOW)) == []


def test_forecast__only_of_subscriptions_that_renew(clock: Any) -> None:
    # given
    stopped, cancelled = (subscribed(order_of(), NOW + HOUR) for _ in range(2))
    changes.deactivate([stopped], actor=WHO)
    changes.cancel([cancelled], actor=WHO)

    # then
    assert slots(forecast(NOW + 9 * DAY, now=NOW)) == []


def test_forecast__of_these_subscriptions_only(clock: Any) -> None:
    # given
    subscribed(order_of(), NOW + HOUR)
    other = subscribed(order_of(), NOW + HOUR)

    # when
    rows = OrderSubscription.objects.filter(pk=other.pk)
    found = forecast(NOW + DAY, now=NOW, order_subscriptions=rows)

    # then
    assert {renewal.order_subscription for renewal in found.renewals} == {other}


def test_forecast__ends_when_the_subscription_expires(clock: Any) -> None:
    subscribed(order_of(), NOW + HOUR, expires_at=NOW + 2 * DAY)

    assert slots(forecast(NOW + 9 * DAY, now=NOW)) == [HOUR, DAY + HOUR]


def test_forecast__expired_subscription_renews_no_more(clock: Any) -> None:
    # given a slot that was missed before the end
    one = subscribed(order_of(), NOW + HOUR, expires_at=NOW + 2 * HOUR)

    # then
    assert one.next_run_at == NOW + HOUR
    assert slots(forecast(NOW + 9 * DAY, now=NOW + 3 * HOUR)) == []


def test_forecast__skipped_slots_are_left_out(clock: Any) -> None:
    # given
    one = subscribed(order_of(), NOW + HOUR)
    changes.skip([one], actor=WHO)

    # then
    assert slots(forecast(NOW + 3 * DAY, now=NOW)) == [DAY + HOUR, 2 * DAY + HOUR]


@pytest.mark.parametrize("frequency", ["daily", "0 9 * * *"])
def test_forecast__continues_after_a_pause(clock: Any, frequency: str) -> None:
    # given
    one = subscribed(order_of(), NOW + HOUR, frequency=frequency)
    changes.update(one, {"resumes_at": NOW + 2 * DAY}, actor=WHO)

    # then
    assert slots(forecast(NOW + 4 * DAY, now=NOW)) == [2 * DAY + HOUR, 3 * DAY + HOUR]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("latest", [2, 3]), ("all", [0, 1, 2, 3]), ("none", [3])],
)
def test_forecast__overdue_slots_are_caught_up_as_the_setting_says(
    clock: Any, settings: LazySettings, catch_up: str, expected: list[int]
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"CATCH_UP": catch_up}
    one = subscribed(order_of(), NOW + HOUR)
    late = NOW + 2 * DAY + 5 * HOUR

    # when
    found = forecast(NOW + 3 * DAY + HOUR, now=late)

    # then
    assert slots(found) == [days * DAY + HOUR for days in expected]
    clock.move_to(late)
    run_due()
    done = one.order_factories.values_list("scheduled_for", flat=True).order_by("pk")
    assert [slot - NOW for slot in done] == slots(found)[:-1]


def test_forecast__running_subscription_continues_with_the_slot_after_that_of_its_copy(
    clock: Any,
) -> None:
    # given
    one = subscribed(order_of(), NOW + HOUR)
    clock.move_to(NOW + HOUR)
    OrderSubscription.objects.filter(pk=one.pk).update(
        status=SubscriptionStatus.RUNNING, running_for=NOW + HOUR, next_run_at=NOW + DAY + HOUR
    )

    # then
    assert slots(forecast(NOW + 2 * DAY, now=NOW + HOUR)) == [DAY + HOUR]


# Results


def test_forecast__stock_is_carried_from_slot_to_slot(clock: Any) -> None:
    # given five pieces: two runs of two, and nothing for the third
    subscribed(order_of(quantity=2, stock=5), NOW + HOUR)

    # when
    found = forecast(NOW + 3 * DAY, now=NOW)

    # then
    assert [one.result for one in found.renewals] == [
        Result.WILL_COMPLETE,
        Result.WILL_COMPLETE,
        Result.WILL_FAIL,
    ]
    assert codes(found)[:2] == [[], []]
    assert codes(found)[2]
    assert all(reason.message for reason in found.renewals[2].reasons)


def test_forecast__changed_line_is_at_risk() -> None:
    # given a plan that completes with fewer pieces
    reduced = forecasts.Outcome(
        forecasts.Action.REDUCED, name="Wine", code="stock", message="only 1 of 2 left"
    )
    copied = forecasts.Outcome(forecasts.Action.COPIED, name="Glass")
    plan = CopyPlan(place=True, cancel=False, skip_errors=False, outcomes=[copied, reduced])

    # then
    expected = (Result.AT_RISK, [Reason("line_items", "stock", "Wine: only 1 of 2 left")])
    assert forecasts._result(plan, OrderSubscription()) == expected
    assert forecasts._result(plan, OrderSubscription(subscription_model_id=1)) == expected


@pytest.mark.parametrize(
    ("subscription_model", "action", "result"),
    [
        (None, "changed", Result.AT_RISK),
        (1, "changed", Result.WILL_COMPLETE),
        (1, "repriced", Result.AT_RISK),
    ],
)
def test_forecast__price_is_at_risk_unless_it_is_agreed(
    subscription_model: int | None, action: str, result: Result
) -> None:
    # given
    outcome = forecasts.Outcome(forecasts.Action(action), name="Wine", code="any")
    plan = CopyPlan(place=True, cancel=False, skip_errors=False, outcomes=[outcome])
    one = OrderSubscription(subscription_model_id=subscription_model)

    # then
    assert forecasts._result(plan, one)[0] == result


@pytest.mark.parametrize("action", ["copied", "changed", "skipped", "added"])
def test_forecast__automatic_subscription_agrees_to_its_items(action: str) -> None:
    # given
    outcome = forecasts.Outcome(forecasts.Action(action), name="Wine", code="subscribed")
    plan = CopyPlan(place=True, cancel=False, skip_errors=False, outcomes=[outcome])

    # then
    one = OrderSubscription(subscription_model_id=1)
    assert forecasts._result(plan, one) == (Result.WILL_COMPLETE, [])


def test_forecast__deleted_source_fails_once(clock: Any) -> None:
    # given
    gone = pending_order()
    one, left = subscribed(gone, NOW + HOUR), subscribed(order_of(), NOW + HOUR)
    Order.objects.filter(pk=gone.pk).delete()

    # when
    found = forecast(NOW + 2 * DAY, now=NOW)

    # then
    assert seen(found) == [
        (one, HOUR, "will_fail"),
        (left, HOUR, "will_complete"),
        (left, DAY + HOUR, "will_complete"),
    ]
    assert codes(found)[0] == ["source_gone"]


def test_forecast__order_that_crashes_the_shop_fails_alone(
    clock: Any, shop: type[WatchedShop], caplog: pytest.LogCaptureFixture
) -> None:
    # given
    one, bad, other = (subscribed(order_of(), NOW + HOUR) for _ in range(3))
    shop.crashes_for.add(bad.source_order_id)

    # when
    found = forecast(NOW + DAY, now=NOW)

    # then
    assert seen(found) == [
        (one, HOUR, "will_complete"),
        (bad, HOUR, "will_fail"),
        (other, HOUR, "will_complete"),
    ]
    [reason] = found.renewals[1].reasons
    assert reason.code == "crashed"
    assert "RuntimeError" in reason.message
    assert str(bad) in caplog.text


def test_forecast__writes_nothing(clock: Any) -> None:
    # given
    subscribed(order_of(), NOW + HOUR)
    before = whole_database()

    # when
    forecast(NOW + 9 * DAY, now=NOW)

    # then
    assert whole_database() == before


# The law


def test_forecast__equals_the_runs_plan_by_plan(clock: Any, shop: type[WatchedShop]) -> None:
    """Each renewal has the digest of the plan that its run makes, and ends as forecast."""
    # given scarce stock that two subscriptions share, and other frequencies and options
    wine = SkuFactory(stock=15)
    subscribed(order_of(quantity=2, sku=wine), NOW + HOUR)
    subscribed(order_of(quantity=1, sku=wine), NOW + 2 * HOUR, frequency="0 */6 * * *")
    subscribed(order_of(), NOW + HOUR, frequency="weekly", expires_at=NOW + 8 * DAY)
    subscribed(order_of(wallet=False), NOW + 3 * HOUR)
    subscribed(order_of(wallet=False), NOW + 3 * HOUR, place_target_order=False)
    paused = subscribed(order_of(), NOW + 4 * HOUR)
    changes.update(paused, {"resumes_at": NOW + 3 * DAY}, actor=WHO)
    skipped = subscribed(order_of(), NOW + 5 * HOUR)
    changes.skip([skipped], actor=WHO)
    until = NOW + 10 * DAY

    # when
    found = forecast(until, now=NOW)
    for slot in sorted({NOW + 3 * DAY, *(one.slot for one in found.renewals)}):
        clock.move_to(slot)
        run_due()

    # then
    runs = OrderFactory.objects.exclude(order_subscription=None)
    statuses = {
        (one.order_subscription_id, one.scheduled_for): one.status for one in runs.iterator()
    }
    expected = {(one.order_subscription.pk, one.slot): one for one in found.renewals}
    assert {key: one.plan_digest for key, one in expected.items()} == shop.digests
    assert {key: one.result != Result.WILL_FAIL for key, one in expected.items()} == {
        key: status == "completed" for key, status in statuses.items()
    }
    assert {one.result for one in found.renewals} == set(Result)


def test_forecast__totals_are_those_of_the_new_order(clock: Any) -> None:
    # given
    one = subscribed(order_of(quantity=3), NOW + HOUR)

    # when
    [renewal] = forecast(NOW + DAY, now=NOW).renewals
    clock.move_to(NOW + HOUR)
    run_due()

    # then
    target = target_of(one.order_factories.get())
    assert renewal.currency_code == "EUR"
    assert renewal.target_total == target.total_amount_with_taxes_cents > 0
    assert renewal.target_totals["total_amount_cents"] == target.total_amount_cents


# Bounds


def test_forecast__cut_one_says_so(clock: Any) -> None:
    # given
    subscribed(order_of(), NOW + HOUR)

    # when
    found = forecast(NOW + 90 * DAY, now=NOW, limit=3)

    # then
    assert slots(found) == [HOUR, DAY + HOUR, 2 * DAY + HOUR]
    assert found.cut_at == NOW + 3 * DAY + HOUR
    assert found.notice == (
        "These are the first 3 renewals. Others, from 2027-02-02 09:00 UTC on, are left out: "
        "choose an earlier end."
    )


def test_forecast__subscriptions_that_were_not_read_end_it(clock: Any) -> None:
    # given two subscriptions of which one is not read, and whose first slot is late
    first = subscribed(order_of(), NOW + HOUR)
    subscribed(order_of(), NOW + DAY + 3 * HOUR)

    # when
    found = forecast(NOW + 90 * DAY, now=NOW, limit=1)

    # then
    assert seen(found) == [(first, HOUR, "will_complete")]
    assert found.cut_at == NOW + DAY + HOUR


def test_forecast__paused_subscriptions_that_were_not_read_end_it(clock: Any) -> None:
    # given
    for hours in (1, 2):
        one = subscribed(order_of(), NOW + hours * HOUR, frequency="yearly")
        changes.update(one, {"resumes_at": NOW + hours * DAY}, actor=WHO)

    # when
    found = forecast(NOW + 900 * DAY, now=NOW, limit=1)

    # then
    assert (found.renewals, found.cut_at) == ([], NOW + 2 * DAY)


def test_forecast__chunks_are_planned_in_order_of_time(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(forecasts, "CHUNK", 2)
    subscribed(order_of(), NOW + HOUR)

    # then
    found = forecast(NOW + 5 * DAY, now=NOW)
    assert slots(found) == [days * DAY + HOUR for days in range(5)]
    assert len(set(slots(found))) == len(found.renewals)


def test_forecast__costs_the_same_queries_for_one_and_for_many(clock: Any) -> None:
    """SELECT renewing and paused subscriptions, and what the shop reads to plan."""
    # given
    subscribed(order_of(), NOW + HOUR)
    with CaptureQueriesContext(connection) as one:
        forecast(NOW + DAY, now=NOW)
    for _ in range(3):
        subscribed(order_of(), NOW + HOUR)

    # when
    with CaptureQueriesContext(connection) as many:
        forecast(NOW + 5 * DAY, now=NOW)

    # then
    assert len(one) == len(many)


def test_days__count_results_and_sum_the_orders_that_will_be_made(clock: Any) -> None:
    # given
    subscribed(order_of(quantity=2, stock=2), NOW + HOUR)
    subscribed(order_of(), NOW + 2 * HOUR)

    # when
    first, second = forecast(NOW + 2 * DAY, now=NOW).days

    # then
    assert [first.date.day, second.date.day] == [30, 31]
    assert list(counts_of(first.renewals).values()) == [2, 0, 0]
    assert list(counts_of(second.renewals).values()) == [1, 0, 1]
    assert amounts_of(first.renewals) == {
        "EUR": sum(renewal.target_total for renewal in first.renewals)
    }
    assert amounts_of(second.renewals) == {"EUR": second.renewals[1].target_total}
