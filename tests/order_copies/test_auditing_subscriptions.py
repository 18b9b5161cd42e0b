"""Findings of the audit about subscriptions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.auditing import Audit
from order_copies.events.models import Event
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from tests.factories import SkuFactory, placed_order
from tests.stories import WHO
from tests.subscriptions import run_due, subscribed

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def found(**options: Any) -> list[tuple[str, str]]:
    """Return code and id of the findings about subscriptions."""
    findings = Audit(**options).run()
    return [
        (one.code, one.resource_id)
        for one in findings
        if one.resource_type == "order_subscriptions"
    ]


def change(one: OrderSubscription, **values: Any) -> None:
    """Update the row without an event."""
    OrderSubscription.objects.filter(pk=one.pk).update(**values)


def renewed(clock: Any, days: int = 3) -> OrderSubscription:
    """Return a daily subscription that has run on some days, of which the last one failed."""
    sku = SkuFactory(stock=1 + days - 1)
    order = placed_order(lines=[{"sku": sku, "quantity": 1}])
    one = subscribed(order, NOW + HOUR)
    for day in range(days):
        clock.move_to(NOW + day * DAY + HOUR)
        assert run_due() == 1
    one.refresh_from_db()
    assert (one.occurrencies, one.errors_count) == (days, 1)
    return one


def test_audit__consistent_subscriptions_have_no_findings(
    clock: Any, settings: LazySettings
) -> None:
    # given everything that a subscription goes through
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"CATCH_UP": "latest"}
    ran = renewed(clock)
    start = clock.move_to(NOW + 3 * DAY)
    assert start is None
    now = NOW + 3 * DAY
    skipped, paused, moved, missed, expiring, stopped, cancelled, ran_now = (
        subscribed(placed_order(), now + HOUR) for _ in range(8)
    )
    changes.skip([skipped], actor=WHO)
    changes.update(paused, {"resumes_at": now + DAY}, actor=WHO)
    changes.update(moved, {"next_run_at": now + 5 * HOUR}, actor=WHO)
    changes.update(expiring, {"expires_at": now + 2 * DAY}, actor=WHO)
    changes.cancel([cancelled], actor=WHO)
    copying.renew([ran_now], actor=WHO)
    run_due()
    clock.move_to(now + HOUR)
    schedule_due("w1")
    changes.deactivate([stopped], actor=WHO)
    run_due()
    clock.move_to(now + 4 * DAY)
    run_due()
    [failed] = OrderFactory.objects.filter(order_subscription=ran, status="failed")[:1]
    copying.retry([failed], actor=WHO)
    run_due()

    # then
    assert missed.order_factories.count() == 2
    assert OrderFactory.objects.filter(order_subscription=stopped, status="aborted").exists()
    assert found(final=True) == []


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"due_at": None}, ["due_disagrees"]),
        ({"next_run_at": NOW + 9 * DAY}, ["due_disagrees", "events_disagree"]),
        ({"next_run_at": None, "due_at": None}, ["next_run_missing", "events_disagree"]),
        ({"occurrencies": 2}, ["runs_miscounted"]),
        ({"occurrencies": 4}, ["runs_miscounted"]),
        ({"errors_count": 0}, ["errors_miscounted"]),
        ({"last_slot": None}, ["slots_disagree"]),
        ({"last_slot": NOW}, ["slots_disagree"]),
        (
            {"status": "inactive", "next_run_at": None, "due_at": None},
            ["events_disagree"],
        ),
        (
            {"status": "running", "running_for": NOW, "due_at": None},
            ["copy_missing", "events_disagree"],
        ),
    ],
)
def test_audit__changed_row_is_a_finding(
    clock: Any, values: dict[str, Any], codes: list[str]
) -> None:
    # given
    one = renewed(clock)

    # when
    change(one, **values)

    # then
    assert found() == [(code, one.public_id) for code in codes]


def test_audit__overdue_subscription_is_a_finding(clock: Any) -> None:
    # given
    one = subscribed(placed_order(), NOW + 2 * HOUR)

    # then
    clock.move_to(NOW + HOUR + timedelta(minutes=14))
    assert found() == []
    clock.move_to(NOW + HOUR + timedelta(minutes=16))
    assert found() == [("overdue", one.public_id)]


def test_audit__subscription_that_was_set_aside_is_no_finding(clock: Any) -> None:
    # given a slot that could not be scheduled
    one = subscribed(placed_order(), NOW + 2 * HOUR)
    clock.move_to(NOW + HOUR)

    # then the scheduler must look again within an hour
    change(one, due_at=NOW + 2 * HOUR)
    assert found() == []
    change(one, due_at=NOW + 3 * HOUR)
    assert found() == [("due_disagrees", one.public_id)]


def event_of(one: OrderSubscription, *columns: str) -> Event:
    """Return the last event that changed these columns."""
    events = Event.objects.filter(resource_type="order_subscriptions", resource_id=str(one.pk))
    found = [event for event in events.order_by("-pk") if {*columns} <= event.changes.keys()]
    return found[0]


@pytest.mark.parametrize("column", ["status", "next_run_at"])
def test_audit__slot_that_was_passed_over_without_an_event_is_a_finding(
    clock: Any, column: str
) -> None:
    # given
    one = renewed(clock)

    # when
    event_of(one, column).delete()

    # then
    codes = {code for code, _id in found()}
    assert "events_disagree" in codes


def test_audit__deleted_event_in_the_middle_is_a_finding(clock: Any) -> None:
    # given the event by which the second run began
    one = renewed(clock)
    events = Event.objects.filter(resource_type="order_subscriptions", resource_id=str(one.pk))
    began = [event for event in events.order_by("pk") if "next_run_at" in event.changes]

    # when
    began[-2].delete()

    # then
    assert found() == [("events_disagree", one.public_id)]


def test_audit__pruned_events_are_no_finding(clock: Any) -> None:
    # given
    one = renewed(clock)
    events = Event.objects.filter(resource_type="order_subscriptions", resource_id=str(one.pk))

    # when
    for event in events.order_by("pk")[: events.count() - 2]:
        event.delete()

    # then
    assert found() == []


def test_audit__pruned_copies_are_no_finding(clock: Any) -> None:
    # given
    renewed(clock)

    # when
    copying.delete(list(OrderFactory.objects.all()), actor=WHO)

    # then
    assert found() == []


def test_audit__missed_slots_are_recorded(clock: Any, settings: LazySettings) -> None:
    # given slots that are too late to run
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"CATCH_UP": "none"}
    one = subscribed(placed_order(), NOW + HOUR)
    clock.move_to(NOW + 3 * DAY)

    # when
    run_due()

    # then
    assert one.order_factories.count() == 0
    assert found() == []


def test_audit__since_leaves_out_unchanged_subscriptions(clock: Any) -> None:
    # given
    one = renewed(clock)
    change(one, due_at=None)

    # then
    assert found(since=one.updated_at + timedelta(seconds=1)) == []
    assert found(since=one.updated_at) == [("due_disagrees", one.public_id)]


def test_audit__costs_the_same_queries_for_one_and_for_many(clock: Any) -> None:
    """SELECT subscriptions, what their copies say, and their events, twice of the former."""

    # given
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            audit = Audit()
            assert list(audit.run()) == []
        counts.append(audit.order_subscriptions)
        return len(queries)

    counts: list[int] = []
    subscribed(placed_order(), NOW + HOUR)
    one = cost()
    for _ in range(3):
        subscribed(placed_order(), NOW + HOUR)

    # then
    assert cost() == one
    assert counts == [1, 4]
