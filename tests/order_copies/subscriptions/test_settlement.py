"""How runs end: counters, events, stopped subscriptions, failures and retries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.models import OpenPayment, OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from order_copies.worker.run import run_batch
from orders.lifecycle.gateways import Declined
from orders.models import CustomerPaymentSource, Order, StockItem
from tests import stories
from tests.audits import audited
from tests.bank import Bank
from tests.factories import SkuFactory, pending_order, placed_order
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
    names_of,
    renewed,
    scheduled,
    subscribed,
    use,
)

pytestmark = pytest.mark.django_db

Stop = Callable[[OrderSubscription, Clock], Any]


def cancel(one: OrderSubscription, clock: Clock) -> Any:
    return changes.cancel([one], actor=stories.WHO)


def deactivate(one: OrderSubscription, clock: Clock) -> Any:
    return changes.deactivate([one], actor=stories.WHO)


def pause(one: OrderSubscription, clock: Clock) -> Any:
    return changes.update(one, {"resumes_at": clock.now + HOUR}, actor=stories.WHO)


def expire(one: OrderSubscription, clock: Clock) -> Any:
    clock.now = FIRST + 2 * HOUR


def delete(one: OrderSubscription, clock: Clock) -> Any:
    deactivate(one, clock)
    return changes.delete([one], actor=stories.WHO)


STOPS = [cancel, deactivate, pause, expire, delete]
each_stop = pytest.mark.parametrize("stop", STOPS)


# Ends


def test_run__success_is_counted(clock: Clock, bank: Bank) -> None:
    # given
    one = subscribed()
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert (order_copy.status, stories.target_of(order_copy).status) == ("completed", "placed")
    assert counters(one) == ("active", 1, 0, True)
    one = fresh(one)
    assert (one.last_run_at, one.running_for, one.attention) == (FIRST, None, "")
    assert (one.next_run_at, one.due_at) == (FIRST + DAY, FIRST + DAY - HOUR)
    assert names_of(one) == ["create", "activate", "last_run_succeeded"]
    event = next(event for event in events_of(one) if event.name.endswith("last_run_succeeded"))
    assert event.who == {"worker": {"type": "order_copies", "id": "w1"}}
    assert event.changes == {
        "status": {"from": "running", "to": "active"},
        "last_run_at": {"from": None, "to": "2026-03-01T09:00:00.123Z"},
        "succeeded_on_last_run": {"from": None, "to": True},
        "occurrencies": {"from": 0, "to": 1},
    }
    assert len(bank.live) == 1


def test_run__copy_is_frozen(clock: Clock) -> None:
    # given
    source = placed_order()
    one = subscribed(source)
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert stories.contents(stories.target_of(order_copy)) == stories.contents(source)


def test_run__without_placing_leaves_a_draft_of_the_order(clock: Clock, bank: Bank) -> None:
    # given
    one = subscribed(place_target_order=False)
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert (order_copy.status, stories.target_of(order_copy).status) == ("completed", "pending")
    assert (counters(one), bank.requested_keys) == (("active", 1, 0, True), [])


def test_run__failure_is_counted_and_leaves_the_target(clock: Clock, bank: Bank) -> None:
    # given
    one, bank.declines = subscribed(), True
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert (order_copy.status, stories.target_of(order_copy).status) == ("failed", "pending")
    assert counters(one) == ("active", 1, 1, False)
    one = fresh(one)
    assert (one.attention, one.next_run_at) == ("payment_not_authorized", FIRST + DAY)
    assert (names_of(one)[-1], one.retry_at) == ("last_run_failed", None)


def test_run__success_after_a_failure_needs_no_attention(clock: Clock, bank: Bank) -> None:
    # given
    one, bank.declines = subscribed(), True
    clock.now = FIRST
    renewed(one)

    # when
    bank.declines = False
    clock.now = FIRST + DAY
    order_copy = renewed(one)

    # then
    assert (order_copy.status, order_copy.scheduled_for) == ("completed", FIRST + DAY)
    assert (counters(one), fresh(one).attention) == (("active", 2, 1, True), "")


def test_run__wallet_deleted_leaves_the_target_pending(clock: Clock, bank: Bank) -> None:
    # given
    one = subscribed()
    CustomerPaymentSource.objects.all().delete()
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert (order_copy.status, stories.target_of(order_copy).status) == ("failed", "pending")
    assert (counters(one), bank.requested_keys) == (("active", 1, 1, False), [])
    assert fresh(one).attention != ""


def test_run__customer_removed_from_the_order_leaves_the_target(clock: Clock, bank: Bank) -> None:
    # given
    source = placed_order(lines=1)
    one = subscribed(source)
    Order.objects.filter(pk=source.pk).update(customer=None, guest=True)
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert (order_copy.status, stories.target_of(order_copy).status) == ("failed", "pending")
    assert (counters(one), bank.requested_keys) == (("active", 1, 1, False), [])


def test_run__next_run_moved_while_running_stays(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    scheduled(one)

    # when
    later = FIRST + 3 * DAY + HOUR
    changes.update(one, {"next_run_at": later}, actor=stories.WHO)
    run_batch("w1")

    # then
    assert (counters(one), fresh(one).next_run_at) == (("active", 1, 0, True), later)
    clock.now = later
    assert renewed(one).scheduled_for == later
    assert fresh(one).next_run_at == later + DAY


def test_run__last_one_before_the_expiry(clock: Clock) -> None:
    # given
    one = subscribed(expires_at=FIRST + HOUR)
    clock.now = FIRST

    # when
    order_copy = renewed(one)
    waiting = fresh(one)
    clock.now = FIRST + HOUR
    schedule_due("w1")

    # then
    assert order_copy.status == "completed"
    assert (waiting.status, waiting.next_run_at, waiting.due_at) == ("active", None, FIRST + HOUR)
    assert counters(one) == ("cancelled", 1, 0, True)


# Stopped subscriptions


@each_stop
def test_stopped__between_request_and_run_nothing_is_charged(
    clock: Clock, bank: Bank, stop: Stop
) -> None:
    # given
    one = subscribed(expires_at=FIRST + 2 * HOUR)
    clock.now = FIRST
    order_copy = scheduled(one)

    # when
    orders = Order.objects.count()
    stop(one, clock)
    stories.run_all()

    # then
    order_copy = stories.fresh(order_copy)
    [outcome] = order_copy.outcomes
    assert (order_copy.status, order_copy.target_order) == ("aborted", None)
    assert outcome["code"] == "subscription_inactive"
    assert list(order_copy.errors_log) == ["order_subscription"]
    assert (bank.requested_keys, Order.objects.count(), audited(final=True)) == ([], orders, [])


@each_stop
def test_stopped__between_authorization_and_commit_the_payment_is_voided(
    clock: Clock, bank: Bank, stop: Stop
) -> None:
    # given
    one = subscribed(expires_at=FIRST + 2 * HOUR)
    clock.now = FIRST
    order_copy = scheduled(one)
    orders = Order.objects.count()
    bank.during_authorize = lambda: stop(one, clock)

    # when
    stories.run_all()
    clock.move(DAY)
    stories.run_all()

    # then
    order_copy = stories.fresh(order_copy)
    assert (order_copy.status, order_copy.outcomes[0]["code"]) == (
        "aborted",
        "subscription_inactive",
    )
    assert (len(bank.requested_keys), bank.live, bank.voided) == (1, [], ["auth_0"])
    assert (OpenPayment.objects.count(), Order.objects.count()) == (0, orders)


@pytest.mark.parametrize(
    ("stop", "status"), [(cancel, "cancelled"), (deactivate, "inactive"), (expire, "cancelled")]
)
def test_stopped__run_counts_but_has_not_failed(clock: Clock, stop: Stop, status: str) -> None:
    # given
    one = subscribed(expires_at=FIRST + 2 * HOUR)
    clock.now = FIRST
    scheduled(one)

    # when
    stop(one, clock)
    stories.run_all()

    # then
    assert counters(one) == (status, 1, 0, None)
    one = fresh(one)
    assert (one.last_run_at, one.attention, one.running_for, one.due_at) == (None, "", None, None)
    assert not {"last_run_failed", "last_run_succeeded"} & set(names_of(one))


def test_stopped__others_of_the_batch_run(clock: Clock, bank: Bank) -> None:
    # given
    subscriptions = [subscribed() for _ in range(5)]
    order_copy = stories.requested(placed_order(), place_target_order=True)
    clock.now = FIRST
    assert schedule_due("w1") == 5

    # when
    changes.cancel(subscriptions[1:3], actor=stories.WHO)
    stories.run_all()

    # then
    ends = [last_copy(one).status for one in subscriptions]
    assert ends == ["completed", "aborted", "aborted", "completed", "completed"]
    assert stories.fresh(order_copy).status == "completed"
    assert len(bank.live) == len(bank.requested_keys) == 4


def test_stopped__copy_retried_after_the_activation_runs(clock: Clock, bank: Bank) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = scheduled(one)
    deactivate(one, clock)
    stories.run_all()

    # when
    changes.activate([one], actor=stories.WHO)
    copying.retry([order_copy], actor=stories.WHO)
    stories.run_all()

    # then
    assert stories.fresh(order_copy).status == "completed"
    assert (counters(one), len(bank.live)) == (("active", 1, 0, True), 1)


def test_stopped__retry_of_a_copy_of_a_cancelled_subscription_charges_nothing(
    clock: Clock, bank: Bank
) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = scheduled(one)
    cancel(one, clock)
    stories.run_all()

    # when
    copying.retry([order_copy], actor=stories.WHO)
    stories.run_all()

    # then
    assert (stories.fresh(order_copy).status, bank.requested_keys) == ("aborted", [])


# Copies that people abort, retry or delete


def test_abort__of_the_copy_ends_the_run(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = scheduled(one)

    # when
    copying.abort([order_copy], actor=stories.WHO)

    # then
    assert (counters(one), fresh(one).attention) == (("active", 1, 1, False), "aborted")
    assert names_of(one)[-1] == "last_run_failed"
    assert events_of(one)[-1].who == stories.WHO


def test_abort__then_retry_counts_one_run(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = scheduled(one)
    copying.abort([order_copy], actor=stories.WHO)

    # when
    copying.retry([order_copy], actor=stories.WHO)
    stories.run_all()

    # then
    assert stories.fresh(order_copy).status == "completed"
    assert (counters(one), fresh(one).attention) == (("active", 1, 1, True), "")


def test_retry__of_an_older_run_says_nothing_about_the_last_one(clock: Clock, bank: Bank) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    older = scheduled(one)
    copying.abort([older], actor=stories.WHO)
    clock.now, bank.declines = FIRST + DAY, True
    renewed(one)

    # when
    bank.declines = False
    copying.retry([older], actor=stories.WHO)
    stories.run_all()

    # then
    assert stories.fresh(older).status == "completed"
    assert (counters(one), fresh(one).attention) == (
        ("active", 2, 2, False),
        "payment_not_authorized",
    )


def test_run__is_the_last_one_although_a_later_slot_is_skipped_for_good(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    scheduled(one)
    assert changes.skip([one], actor=stories.WHO) == [[]]

    # when the expiry keeps the skip as the last slot
    changes.update(one, {"expires_at": FIRST + DAY + HOUR}, actor=stories.WHO)
    run_batch("w1")

    # then
    one = fresh(one)
    assert (one.last_slot, one.last_run_at) == (FIRST + DAY, FIRST)
    assert (one.occurrencies, one.succeeded_on_last_run) == (1, True)


def test_delete__of_the_pending_copy_ends_the_run(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = scheduled(one)

    # when
    copying.delete([order_copy], actor=stories.WHO)

    # then
    assert (counters(one), fresh(one).attention) == (("active", 1, 1, False), "deleted")
    assert fresh(one).next_run_at == FIRST + DAY


def test_source_deleted__between_request_and_run_the_copy_is_aborted(clock: Clock) -> None:
    # given
    one = subscribed(pending_order(lines=1))
    clock.now = FIRST
    order_copy = scheduled(one)

    # when
    Order.objects.filter(pk=one.source_order_id).delete()
    stories.run_all()

    # then
    assert stories.ending(stories.fresh(order_copy)) == ("aborted", {"source_order": 1}, 1)
    assert (counters(one), fresh(one).attention) == (("active", 1, 1, False), "source_gone")


# Retries


def retrying(settings: LazySettings, *seconds: int) -> None:
    use(settings, RENEWAL_RETRIES=seconds)


def test_retries__succeed_with_one_order_and_a_payment_of_its_own(
    settings: LazySettings, clock: Clock, bank: Bank
) -> None:
    # given
    retrying(settings, 3600, 7200)
    one, bank.declines = subscribed(), True
    clock.now = FIRST
    orders = Order.objects.count()

    # when
    first = renewed(one)
    waiting = fresh(one)
    bank.declines = False
    clock.now = FIRST + HOUR
    second = renewed(one)

    # then
    assert (first.status, first.target_order, waiting.retry_at) == ("failed", None, FIRST + HOUR)
    assert (waiting.status, waiting.due_at) == ("active", FIRST + HOUR)
    assert (second.pk, second.status, second.retries) == (first.pk, "completed", 1)
    assert len(set(bank.requested_keys)) == len(bank.requested_keys) == 2
    assert (len(bank.live), Order.objects.count()) == (1, orders + 1)
    assert (counters(one), fresh(one).retry_at) == (("active", 1, 1, True), None)
    assert names_of(one)[-2:] == ["last_run_failed", "last_run_succeeded"]


def test_retries__last_attempt_leaves_the_target(
    settings: LazySettings, clock: Clock, bank: Bank
) -> None:
    # given
    retrying(settings, 3600, 7200)
    one, bank.declines = subscribed(), True
    orders = Order.objects.count()
    targets = []

    # when
    for instant in (FIRST, FIRST + HOUR, FIRST + 3 * HOUR, FIRST + 9 * HOUR):
        clock.now = instant
        targets.append(renewed(one).target_order is not None)

    # then
    assert targets == [False, False, True, True]
    assert (counters(one), fresh(one).run_retries) == (("active", 1, 3, False), 2)
    assert (len(set(bank.requested_keys)), bank.live) == (3, [])
    assert Order.objects.count() == orders + 1
    assert last_copy(one).retries == 2


def test_retries__none_after_a_payment_declined_for_good(
    settings: LazySettings, clock: Clock, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    retrying(settings, 3600)
    one = subscribed()
    declined = Declined("stolen", is_final=True)
    monkeypatch.setattr(
        "orders.lifecycle.gateways.LocalGateway.authorize", lambda *_, **__: declined
    )
    clock.now = FIRST

    # when
    order_copy = renewed(one)

    # then
    assert (order_copy.status, stories.target_of(order_copy).status) == ("failed", "pending")
    one = fresh(one)
    assert (one.retry_at, one.attention) == (None, "payment_declined_for_good")


def test_retries__wait_for_stock(settings: LazySettings, clock: Clock, bank: Bank) -> None:
    # given
    retrying(settings, 3600)
    sku = SkuFactory(stock=1)
    one = subscribed(placed_order(lines=[{"sku": sku}]))
    clock.now = FIRST
    sold_out = renewed(one)

    # when
    StockItem.objects.filter(sku=sku).update(quantity=5)
    clock.now = FIRST + HOUR
    order_copy = renewed(one)

    # then
    assert (sold_out.status, order_copy.status) == ("failed", "completed")
    assert (counters(one), len(bank.requested_keys)) == (("active", 1, 1, True), 1)


def test_retries__sold_out_after_the_authorization_voids_the_payment(
    settings: LazySettings, clock: Clock, bank: Bank
) -> None:
    # given
    retrying(settings, 3600)
    sku = SkuFactory(stock=5)
    one = subscribed(placed_order(lines=[{"sku": sku}]))
    clock.now = FIRST
    stock = StockItem.objects.filter(sku=sku)
    bank.during_authorize = lambda: stock.update(quantity=1)
    sold_out = renewed(one)

    # when
    clock.move(timedelta(minutes=1))
    run_batch("w1")
    live = bank.live
    stock.update(quantity=5)
    clock.now = FIRST + HOUR
    order_copy = renewed(one)

    # then
    assert (sold_out.status, sold_out.target_order) == ("failed", None)
    assert (live, order_copy.status, len(bank.live)) == ([], "completed", 1)
    assert len(set(bank.requested_keys)) == 2


def test_retries__end_with_the_next_slot(settings: LazySettings, clock: Clock, bank: Bank) -> None:
    # given
    retrying(settings, 3600, 3 * 86400)
    one, bank.declines = subscribed(), True
    for instant in (FIRST, FIRST + HOUR):
        clock.now = instant
        renewed(one)

    # when
    bank.declines = False
    clock.now = FIRST + DAY
    renewed(one)
    clock.now = FIRST + 4 * DAY - HOUR - timedelta(hours=12)

    # then
    assert [order_copy.status for order_copy in copies_of(one)] == ["failed", "completed"]
    assert (fresh(one).retry_at, fresh(one).run_retries) == (None, 0)
    assert counters(one) == ("active", 2, 2, True)


@pytest.mark.parametrize("act", ["retried", "deleted", "has a target"])
def test_retries__leave_a_copy_alone_that_a_person_handled(
    settings: LazySettings, clock: Clock, bank: Bank, act: str
) -> None:
    # given
    retrying(settings, 3600)
    one, bank.declines = subscribed(), True
    clock.now = FIRST
    order_copy = renewed(one)

    # when
    if act == "retried":
        bank.declines = False
        copying.retry([order_copy], actor=stories.WHO)
        stories.run_all()
    elif act == "deleted":
        copying.delete([order_copy], actor=stories.WHO)
    else:
        copies = OrderFactory.objects.filter(pk=order_copy.pk)
        copies.update(target_order=placed_order())
    clock.now = FIRST + HOUR
    count = schedule_due("w1")

    # then
    assert (count, fresh(one).retry_at, fresh(one).status) == (0, None, "active")


def test_retries__stop_with_the_subscription(
    settings: LazySettings, clock: Clock, bank: Bank
) -> None:
    # given
    retrying(settings, 3600)
    one, bank.declines = subscribed(), True
    clock.now = FIRST
    renewed(one)

    # when
    deactivate(one, clock)
    clock.now = FIRST + HOUR
    count = schedule_due("w1")

    # then
    assert (count, fresh(one).status, fresh(one).retry_at) == (0, "inactive", None)


def test_retries__others_of_the_batch_are_placed(
    settings: LazySettings, clock: Clock, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    retrying(settings, 3600)
    subscriptions = [subscribed() for _ in range(4)]
    authorize = bank.authorize

    def decline_second(**parameters: Any) -> Any:
        bank.declines = len(bank.requested_keys) == 1
        return authorize(**parameters)

    monkeypatch.setattr(
        "orders.lifecycle.gateways.LocalGateway.authorize", lambda _, **them: decline_second(**them)
    )
    clock.now = FIRST

    # when
    stories.run_all()

    # then
    copies = [last_copy(one) for one in subscriptions]
    assert sorted(one.status for one in copies) == ["completed", "completed", "completed", "failed"]
    assert len(bank.live) == 3
    assert len(set(bank.requested_keys)) == len(bank.requested_keys) == 4


# Costs


def statements_of(work: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        work()
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("place", [False, True], ids=["drafts", "placed"])
def test_settle__costs_the_same_for_one_and_for_many(
    clock: Clock, bank: Bank, *, place: bool
) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=10**6)}])
    costs = []

    # when
    for count in (1, 50):
        OrderSubscription.objects.all().delete()
        many(count, source, place_target_order=place)
        clock.now = FIRST
        costs.append(statements_of(lambda: run_batch("w1")))

    # then
    assert OrderFactory.objects.filter(status="completed").count() == 51
    assert len(costs[0]) == len(costs[1])


def test_settle__batch_without_subscriptions_costs_one_query_more(clock: Clock) -> None:
    """The query looks for due subscriptions."""
    # given
    stories.requested(placed_order())

    # when
    statements = statements_of(lambda: run_batch("w1"))

    # then
    table = OrderSubscription._meta.db_table
    looks = [sql for sql in statements if f"FROM `{table}`" in sql.replace('"', "`")]
    assert len(looks) == 1
