"""Story: a customer subscribes to an order, and gets one new order for each of its dates."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from order_copies import copying
from order_copies.models import OrderSubscription
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from order_copies.worker.run import run_batch
from orders.models import LineItem, Order
from tests import stories
from tests.acceptance.kills import STEP, run_kills
from tests.acceptance.races import run_race
from tests.audits import audited
from tests.bank import Bank, install_bank
from tests.factories import placed_order
from tests.subscriptions import (
    DAY,
    FIRST,
    HOUR,
    Clock,
    clock_at,
    copies_of,
    counters,
    fresh,
    last_copy,
    many,
    names_of,
    renewed,
    subscribed,
    use,
)

#: Each race creates its own rows.
SHOP = ""

needs_row_locks = pytest.mark.skipif(connection.vendor == "sqlite", reason="it has no row locks")


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The clock of all code: it shows the day before the first slot."""
    yield from clock_at(FIRST - DAY)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The payment gateway."""
    return install_bank(monkeypatch)


@pytest.mark.django_db
def test_subscription__renews_until_it_expires(clock: Clock, bank: Bank) -> None:
    # given a subscription from 31 January on, until the end of May
    first = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
    clock.now = first - DAY
    source = placed_order()
    one = subscribed(
        source,
        frequency="monthly",
        starts_at=first,
        expires_at=datetime(2026, 6, 1, tzinfo=UTC),
        renewal_alert_period=48,
    )

    # when workers run for half a year
    for _ in range(125):
        stories.run_all()
        clock.move(DAY)

    # then
    days = [(copy.scheduled_for.month, copy.scheduled_for.day) for copy in copies_of(one)]
    assert days == [(1, 31), (2, 28), (3, 31), (4, 30), (5, 31)]
    assert all(copy.status == "completed" for copy in copies_of(one))
    assert counters(one) == ("cancelled", 5, 0, True)
    assert names_of(one) == [
        *("create", "activate"),
        *("renewal", "last_run_succeeded") * 5,
        "cancel",
    ]
    targets = Order.objects.filter(source_order_factory__in=copies_of(one))
    assert {target.status for target in targets} == {"placed"}
    assert len(bank.live) == len(set(bank.requested_keys)) == 5
    assert audited(final=True) == []


@pytest.mark.django_db
def test_subscription__customer_skips_pauses_and_renews_early(clock: Clock, bank: Bank) -> None:
    # given
    one = subscribed()

    # when the first delivery is skipped, the second one runs, and a pause takes the next two
    changes.skip([one], actor=stories.WHO)
    clock.now = FIRST + DAY
    renewed(one)
    changes.update(one, {"resumes_at": FIRST + 3 * DAY + HOUR}, actor=stories.WHO)
    for _ in range(3):
        clock.move(DAY)
        stories.run_all()
    # and the customer wants the following one now
    early = FIRST + 4 * DAY + HOUR
    clock.now = early
    copying.renew([one], actor=stories.WHO)
    stories.run_all()
    clock.now = FIRST + 5 * DAY
    stories.run_all()

    # then
    slots = [(copy.scheduled_for - FIRST) // DAY for copy in copies_of(one)]
    assert slots == [1, 4, 5]
    assert last_copy(one).started_at == early
    assert (counters(one), len(bank.live)) == (("active", 3, 0, True), 3)


@pytest.mark.django_db
def test_subscription__manual_one_copies_what_its_source_order_has_now(clock: Clock) -> None:
    # given
    source = placed_order(lines=1)
    one = subscribed(source)
    LineItem.objects.filter(order=source, item_type="skus").update(name="Edited")
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert "Edited" in stories.lines(stories.target_of(order_copy), "name")


@pytest.mark.django_db
def test_subscription__keeps_the_wall_clock_of_its_zone(
    settings: LazySettings, clock: Clock
) -> None:
    # given a daily run at 02:30 in Rome, over the night in which the clock skips this time
    use(settings, SUBSCRIPTION_TIME_ZONE="Europe/Rome")
    start = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    one = subscribed(starts_at=start, place_target_order=False)

    # when
    clock.now = start
    while clock.now < start + 3 * DAY:
        stories.run_all()
        clock.move(timedelta(minutes=30))

    # then
    assert [f"{copy.scheduled_for:%d %H:%M}" for copy in copies_of(one)] == [
        "28 01:30",
        "29 01:30",
        "30 00:30",
        "31 00:30",
    ]


# Races


def test_race__two_schedulers_request_one_copy_a_slot(environment: dict[str, str]) -> None:
    assert run_race(environment, "schedulers") == {
        "scheduled": 1000,
        "copies": 1000,
        "subscriptions with one copy": 1000,
        "statuses": {"running": 1000},
        "events": 1000,
    }


def test_race__clients_cancel_while_workers_commit(environment: dict[str, str]) -> None:
    result = run_race(environment, "cancels")

    # A copy that was not aborted was placed before its subscription was cancelled.
    assert result.pop("completed") + result.pop("aborted") == 30
    assert result == {
        "statuses": {"cancelled": 30},
        "occurrencies": 30,
        "placed copies without a target": 0,
        "open payments": 0,
        "audit": [],
    }


def test_race__people_abort_copies_while_workers_end_them(environment: dict[str, str]) -> None:
    result = run_race(environment, "aborts")

    assert result.pop("completed") + result.pop("aborted") == 30
    assert result == {
        "statuses": {"active": 30},
        "occurrencies": 30,
        "errors": result["errors"],
        "open payments": 0,
        "audit": [],
    }


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_scheduler__does_not_wait_for_a_locked_source_order(
    settings: LazySettings, clock: Clock
) -> None:
    # given an order that another transaction is about to delete
    use(settings, LOCK_TIMEOUT=0.2)
    locked, *others = many(1) + many(1) + many(1)
    clock.now = FIRST
    counts = []

    # when
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=locked.source_order_id)
        thread = threading.Thread(target=_schedule, args=(counts, 2))
        thread.start()
        thread.join()

    # then
    assert counts == [2, 0]
    assert [fresh(one).status for one in (locked, *others)] == ["active", "running", "running"]
    clock.move(timedelta(seconds=15))
    assert (fresh(locked).attention, schedule_due("w1")) == ("", 1)


def _schedule(counts: list[int], times: int) -> None:
    counts += [schedule_due("w2") for _ in range(times)]
    connection.close()


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_scheduler__skips_subscriptions_that_are_locked(clock: Clock) -> None:
    # given
    locked = many(3)[1]
    clock.now = FIRST
    counts: list[int] = []

    # when
    with transaction.atomic():
        OrderSubscription.objects.select_for_update().get(pk=locked.pk)
        thread = threading.Thread(target=_schedule, args=(counts, 1))
        thread.start()
        thread.join()

    # then
    assert (counts, schedule_due("w1")) == ([2], 1)


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_cancel__waits_until_the_copy_that_is_written_has_ended(
    clock: Clock, bank: Bank, shop: Any
) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    schedule_due("w1")
    threads = []

    def cancel() -> None:
        changes.cancel([one], actor=stories.WHO)
        connection.close()

    def cancel_meanwhile(_runs: Any) -> None:
        threads.append(threading.Thread(target=cancel))
        threads[0].start()
        threads[0].join(0.2)

    # when
    shop.before["place"] = cancel_meanwhile
    run_batch("w1")
    threads[0].join()

    # then
    assert last_copy(one).status == "completed"
    assert counters(one) == ("cancelled", 1, 0, True)
    assert names_of(one)[-2:] == ["last_run_succeeded", "cancel"]


@pytest.mark.parametrize("first", range(1, STEP + 1))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_kill__at_every_statement_of_scheduling_and_settling(
    environment: dict[str, str], moment: str, first: int
) -> None:
    result = run_kills(environment, moment, first)

    assert result["wrong"] == []
    assert result["statements"] > 20
