import logging
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.models import OrderCopy, OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.factories import pending_order, placed_order
from tests.subscriptions import (
    DAY,
    FIRST,
    HOUR,
    Clock,
    copies_of,
    counters,
    events_of,
    fresh,
    last_copy,
    many,
    missed_by,
    names_of,
    renewed,
    scheduled,
    subscribed,
    use,
)

pytestmark = pytest.mark.django_db

WORKER = {"worker": {"type": "order_copies", "id": "w1"}}


def text_of(instant: Any) -> str:
    """Return an instant as the changes of events have it."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.123Z"


def test_schedule_due__requests_the_copy_of_the_slot(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST

    # when
    count = schedule_due("w1")

    # then
    order_copy, one = last_copy(one), fresh(one)
    assert count == 1
    assert stories.row(order_copy) | {"id": 0, "metadata": {}} == stories.row(
        OrderFactory(
            id=0,
            type="order_copies",
            status="pending",
            source_order_id=one.source_order_id,
            order_subscription=one,
            scheduled_for=FIRST,
            place_target_order=True,
            reuse_wallet=True,
            queued_at=FIRST,
            created_at=FIRST,
            updated_at=FIRST,
        )
    )
    assert (one.status, one.running_for, one.last_slot) == ("running", FIRST, FIRST)
    assert (one.next_run_at, one.due_at, one.occurrencies) == (FIRST + DAY, None, 0)
    requested, event = order_copy_events(order_copy)[0], events_of(one)[-1]
    assert (requested.name, requested.who) == ("order_copies.create", WORKER)
    assert (event.name, event.who, event.created_at) == ("", WORKER, FIRST)
    assert event.changes == {
        "status": {"from": "active", "to": "running"},
        "next_run_at": {"from": text_of(FIRST), "to": text_of(FIRST + DAY)},
    }


def order_copy_events(order_copy: OrderFactory) -> list[Any]:
    return list(copying.events_of(order_copy))


def test_schedule_due__automatic_subscription_has_recurring_copies(clock: Clock) -> None:
    # given
    source = placed_order()
    [one] = many(1, source, subscription_model=model_of("daily"))
    clock.now = FIRST

    # when
    order_copy = scheduled(one)

    # then
    assert order_copy.type == "recurring_order_copies"
    assert [event.name for event in order_copy_events(order_copy)] == [
        "recurring_order_copies.create"
    ]


def model_of(*frequencies: str) -> Any:
    model = OrderSubscription._meta.get_field("subscription_model").related_model
    return model.objects.create(name="Model", frequencies=list(frequencies))


def test_schedule_due__nothing_is_due_before_the_slot(clock: Clock) -> None:
    # given
    one = subscribed(renewal_alert_period=1)
    clock.now = FIRST - HOUR - timedelta(microseconds=1)

    # when
    with CaptureQueriesContext(connection) as queries:
        count = schedule_due("w1")

    # then
    assert (count, len(queries), copies_of(one)) == (0, 1, [])


def test_schedule_due__running_subscription_waits_for_its_copy(clock: Clock) -> None:
    # given
    one = subscribed(frequency="hourly")
    clock.now = FIRST
    scheduled(one)
    clock.move(5 * HOUR)

    # when
    counts = [schedule_due("w1"), schedule_due("w2")]

    # then
    assert (counts, len(copies_of(one))) == ([0, 0], 1)


# Catch-up


@pytest.mark.parametrize(
    ("catch_up", "slots", "missed"),
    [("latest", [719], [719]), ("none", [], [720])],
    ids=["latest", "none"],
)
def test_catch_up__thirty_days_down(
    settings: LazySettings, clock: Clock, catch_up: str, slots: list[int], missed: list[int]
) -> None:
    # given
    use(settings, CATCH_UP=catch_up)
    one = subscribed(frequency="hourly", place_target_order=False)
    clock.now = FIRST + 30 * DAY - timedelta(minutes=1)

    # when
    stories.run_all()

    # then
    assert [order_copy.scheduled_for for order_copy in copies_of(one)] == [
        FIRST + number * HOUR for number in slots
    ]
    one = fresh(one)
    assert missed_by(one) == missed
    assert (one.status, one.last_slot, one.next_run_at) == (
        "active",
        FIRST + 719 * HOUR,
        FIRST + 720 * HOUR,
    )
    [event] = [event for event in events_of(one) if "missed" in event.changes]
    assert event.changes["next_run_at"] == {
        "from": text_of(FIRST),
        "to": text_of(FIRST + 719 * HOUR),
    }


@pytest.mark.exhaustive
def test_catch_up__all_of_thirty_days_down(settings: LazySettings, clock: Clock) -> None:
    # given
    use(settings, CATCH_UP="all")
    one = subscribed(frequency="hourly", place_target_order=False)
    clock.now = FIRST + 30 * DAY - timedelta(minutes=1)

    # when
    stories.run_all()

    # then
    assert [order_copy.scheduled_for for order_copy in copies_of(one)] == [
        FIRST + number * HOUR for number in range(720)
    ]
    assert (missed_by(one), counters(one)) == ([], ("active", 720, 0, True))


def test_catch_up__all_runs_one_after_the_other(settings: LazySettings, clock: Clock) -> None:
    # given
    use(settings, CATCH_UP="all")
    one = subscribed(place_target_order=False)
    clock.now = FIRST + 2 * DAY

    # when
    counts = [run_batch("w1").scheduled for _ in range(4)]

    # then
    assert (counts, counters(one)) == ([1, 1, 1, 0], ("active", 3, 0, True))


def test_catch_up__none_runs_a_slot_that_is_late_by_less_than_stuck_after(
    settings: LazySettings, clock: Clock
) -> None:
    # given
    use(settings, CATCH_UP="none", STUCK_AFTER=600)
    one = subscribed()
    clock.now = FIRST + 3 * DAY + timedelta(seconds=599)

    # when
    order_copy = scheduled(one)

    # then
    assert (order_copy.scheduled_for, missed_by(one)) == (FIRST + 3 * DAY, [3])


def test_catch_up__missed_skip_cannot_be_taken_back(settings: LazySettings, clock: Clock) -> None:
    # given the first slot is skipped, and the second one is missed for good
    use(settings, CATCH_UP="none")
    one = subscribed()
    changes.skip([one], actor=stories.WHO)
    clock.now = FIRST + DAY + HOUR

    # when
    schedule_due("w1")

    # then
    assert (fresh(one).skipped_from, fresh(one).next_run_at) == (None, FIRST + 2 * DAY)
    changes.skip([one], actor=stories.WHO)
    assert changes.unskip([one], actor=stories.WHO) == [[]]
    assert fresh(one).next_run_at == FIRST + 2 * DAY


# Clocks


def test_clock_stepped_back__no_slot_runs_twice(clock: Clock) -> None:
    # given
    one = subscribed(frequency="hourly", place_target_order=False)
    clock.now = FIRST + 10 * HOUR
    renewed(one)
    clock.move(-5 * HOUR)

    # when
    counts = [schedule_due("w1")]
    changes.deactivate([one], actor=stories.WHO)
    changes.activate([one], actor=stories.WHO)
    counts.append(schedule_due("w1"))

    # then
    assert counts == [0, 0]
    assert fresh(one).next_run_at == FIRST + 11 * HOUR


# The other work of the scheduler


def test_alert__announces_each_slot_once(clock: Clock) -> None:
    # given
    one = subscribed(renewal_alert_period=24, place_target_order=False)
    told = []

    # when
    for instant in (FIRST - DAY, FIRST - HOUR, FIRST, FIRST + HOUR, FIRST + DAY, FIRST + DAY):
        clock.now = instant
        run_batch("w1")
        run_batch("w1")
        told.append(names_of(one).count("renewal"))

    # then
    assert told == [1, 1, 2, 2, 3, 3]
    event = next(event for event in events_of(one) if event.name.endswith("renewal"))
    assert (event.name, event.who) == ("order_subscriptions.renewal", WORKER)
    assert event.changes == {"next_run_at": {"from": text_of(FIRST), "to": text_of(FIRST)}}


def test_alert__is_due_its_period_before_the_slot(clock: Clock) -> None:
    # given
    one = subscribed(renewal_alert_period=2)

    # when
    due = fresh(one).due_at
    clock.now = FIRST - 2 * HOUR
    schedule_due("w1")

    # then
    assert (due, names_of(one)[-1], fresh(one).due_at) == (FIRST - 2 * HOUR, "renewal", FIRST)


def test_pause__ends_at_its_instant(clock: Clock) -> None:
    # given
    one = subscribed()
    changes.update(one, {"resumes_at": FIRST + 2 * DAY - HOUR}, actor=stories.WHO)
    paused = fresh(one)

    # when
    clock.now = FIRST + 2 * DAY - HOUR
    count = schedule_due("w1")

    # then
    assert (paused.status, paused.next_run_at, paused.due_at) == ("inactive", None, clock.now)
    one = fresh(one)
    assert (count, one.status, one.next_run_at) == (0, "active", FIRST + 2 * DAY)
    assert (one.resumes_at, names_of(one)[-3:]) == (None, ["deactivate", "activate", "renewal"])
    assert events_of(one)[-1].who == WORKER


def test_pause__that_ended_while_no_worker_ran_loses_no_slot(clock: Clock) -> None:
    # given a pause over the first two slots, and an outage over the two after it
    one = subscribed(place_target_order=False)
    changes.update(one, {"resumes_at": FIRST + DAY + HOUR}, actor=stories.WHO)
    clock.now = FIRST + 3 * DAY + HOUR

    # when
    order_copy = scheduled(one)

    # then
    assert (order_copy.scheduled_for, missed_by(one)) == (FIRST + 3 * DAY, [1])


def test_pause__expired_in_the_meantime(clock: Clock) -> None:
    # given
    one = subscribed(expires_at=FIRST + 3 * DAY)
    changes.update(one, {"resumes_at": FIRST + HOUR}, actor=stories.WHO)
    clock.now = FIRST + 3 * DAY

    # when
    count = schedule_due("w1")

    # then
    assert (count, fresh(one).status, copies_of(one)) == (0, "cancelled", [])


def test_expiry__cancels_the_subscription(clock: Clock) -> None:
    # given
    one = subscribed(expires_at=FIRST + HOUR)
    changes.skip([one], actor=stories.WHO)
    clock.now = FIRST + HOUR

    # when
    count = schedule_due("w1")

    # then
    one = fresh(one)
    assert (count, one.status, one.next_run_at, one.due_at) == (0, "cancelled", None, None)
    assert (copies_of(one), names_of(one)[-1], events_of(one)[-1].who) == ([], "cancel", WORKER)


def test_expiry__ends_a_pause_for_good(clock: Clock) -> None:
    # given
    one = subscribed(expires_at=FIRST + 3 * DAY)
    changes.update(one, {"resumes_at": FIRST + 3 * DAY - HOUR}, actor=stories.WHO)
    clock.now = FIRST + 3 * DAY - HOUR

    # when
    schedule_due("w1")

    # then
    assert fresh(one).status == "cancelled"


def test_source_deleted__subscription_is_deactivated_with_its_reason(clock: Clock) -> None:
    # given
    one = subscribed(pending_order(lines=1))
    Order.objects.filter(pk=one.source_order_id).delete()
    clock.now = FIRST

    # when
    count = schedule_due("w1")

    # then
    one = fresh(one)
    assert (count, copies_of(one)) == (0, [])
    assert (one.status, one.attention, one.due_at) == ("inactive", "source_gone", None)
    [problem] = changes.activate([one], actor=stories.WHO)[0]
    assert (problem.attribute, problem.code) == ("source_order", "source_gone")


# Subscriptions that raise errors


def test_bad_row__keeps_no_other_subscription_from_its_run(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    good, bad, other = (subscribed() for _ in range(3))
    OrderSubscription.objects.filter(pk=bad.pk).update(frequency="every blue moon")
    clock.now = FIRST

    # when
    counts = [schedule_due("w1"), schedule_due("w1")]

    # then
    assert counts == [2, 0]
    assert [fresh(one).status for one in (good, bad, other)] == ["running", "active", "running"]
    bad = fresh(bad)
    assert (bad.attention, bad.due_at, copies_of(bad)) == ("not_scheduled", FIRST + HOUR, [])
    assert events_of(bad)[-1].changes == {"attention": {"from": "", "to": "not_scheduled"}}
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert bad.number in record.getMessage()


def test_bad_row__runs_after_it_was_repaired(clock: Clock) -> None:
    # given
    one = subscribed(place_target_order=False)
    OrderSubscription.objects.filter(pk=one.pk).update(frequency="every blue moon")
    clock.now = FIRST
    schedule_due("w1")

    # when
    changes.update(one, {"frequency": "daily"}, actor=stories.WHO)
    clock.now = fresh(one).next_run_at
    order_copy = renewed(one)

    # then
    assert (order_copy.status, fresh(one).attention) == ("completed", "")


def test_bad_row__database_refuses_one_copy(clock: Clock) -> None:
    # given a slot that has a copy already, as after the restore of a backup
    others = many(20)
    bad = others[7]
    OrderCopy.objects.create(
        source_order_id=bad.source_order_id, order_subscription=bad, scheduled_for=FIRST
    )
    clock.now = FIRST

    # when
    count = schedule_due("w1")

    # then
    assert count == 19
    assert [one.pk for one in others if fresh(one).status != "running"] == [bad.pk]
    assert fresh(bad).attention == "not_scheduled"


def test_wrong_setting__blames_no_subscription_and_other_copies_run(
    settings: LazySettings, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    one, order_copy = subscribed(), stories.requested(placed_order())
    use(settings, SUBSCRIPTION_TIME_ZONE="Atlantis/Centre")
    clock.now = FIRST

    # when
    run_batch("w1")

    # then
    assert stories.fresh(order_copy).status == "completed"
    assert (fresh(one).attention, fresh(one).due_at) == ("", FIRST - HOUR)
    assert "Could not schedule subscriptions" in caplog.text


# Costs


@pytest.mark.parametrize("count", [1, 1000])
def test_schedule_due__costs_the_same_for_one_and_for_many(clock: Clock, count: int) -> None:
    """Look, lock, INSERT the copies and their events, UPDATE the subscriptions, INSERT events.

    And the limit on waiting for locks, if the database has one.
    """
    # given
    many(count)
    clock.now = FIRST

    # when
    with CaptureQueriesContext(connection) as queries:
        scheduled_copies = schedule_due("w1")

    # then
    statements = [
        query["sql"]
        for query in queries
        if not query["sql"].upper().startswith(("SAVEPOINT", "RELEASE"))
        and "lock_timeout" not in query["sql"]
        and "lock_wait_timeout" not in query["sql"]
    ]
    assert scheduled_copies == count
    assert len(statements) == 6, statements


@pytest.mark.parametrize("count", [1, 100])
def test_schedule_due__retries_cost_the_same_for_one_and_for_many(clock: Clock, count: int) -> None:
    # given
    retried = {"next_run_at": FIRST + DAY, "last_slot": FIRST, "retry_at": FIRST, "run_retries": 1}
    subscriptions = many(count, **retried)
    OrderCopy.objects.bulk_create(
        OrderCopy(
            source_order_id=one.source_order_id,
            order_subscription=one,
            scheduled_for=FIRST,
            status="failed",
            failed_at=FIRST,
        )
        for one in subscriptions
    )
    clock.now = FIRST

    # when
    with CaptureQueriesContext(connection) as queries:
        scheduled_copies = schedule_due("w1")

    # then
    statements = [
        query["sql"]
        for query in queries
        if query["sql"].startswith(("SELECT", "INSERT", "UPDATE"))
        and "lock_timeout" not in query["sql"]
        and "lock_wait_timeout" not in query["sql"]
    ]
    assert scheduled_copies == count
    assert len(statements) == 7, statements


def test_schedule_due__locks_no_more_than_its_limit(clock: Clock) -> None:
    # given
    many(3)
    clock.now = FIRST

    # when
    counts = [schedule_due("w1", limit=2) for _ in range(3)]

    # then
    assert counts == [2, 1, 0]
