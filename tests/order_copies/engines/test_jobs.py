"""The job that a wake-up runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import InterfaceError, connection
from django.utils import timezone

from order_copies import conf
from order_copies.engines import jobs
from order_copies.engines import wake_ups as looks
from order_copies.models import OpenPayment, OrderFactory, OrderSubscription, Status
from tests import stories
from tests.acceptance.shops import PATH, InterferedShop
from tests.factories import placed_order
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db

WakeUps = list[datetime | None]
MARGIN = timedelta(seconds=0.5)


def crash(_: Any) -> None:
    message = "The shop is on fire."
    raise RuntimeError(message)


@pytest.fixture(autouse=True)
def shop(settings: LazySettings, wake_ups: WakeUps) -> Iterator[None]:
    """Batches of two copies, and a shop that tests can make crash."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "BATCH_SIZE": 2}
    yield
    InterferedShop.before.clear()
    InterferedShop.calls.clear()


def test_run_copies__runs_all_pending_copies_and_schedules_no_wake_up(wake_ups: WakeUps) -> None:
    # given
    order_copies = [stories.requested(placed_order()) for _ in range(5)]

    # when
    jobs.run_copies()

    # then
    assert [stories.fresh(one).status for one in order_copies] == [Status.COMPLETED] * 5
    assert wake_ups == []


def test_run_copies__empty_queue_schedules_no_wake_up(wake_ups: WakeUps) -> None:
    # when
    jobs.run_copies()

    # then
    assert wake_ups == []


def test_run_copies__ends_after_its_time_slice_and_wakes_another_worker(
    wake_ups: WakeUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(jobs, "SLICE", 0)
    for _ in range(5):
        stories.requested(placed_order())

    # when
    jobs.run_copies()

    # then
    assert OrderFactory.objects.pending().count() == 3
    assert wake_ups == [None]


def test_run_copies__crashed_copies_schedule_one_wake_up_after_the_backoff(
    wake_ups: WakeUps,
) -> None:
    # given
    order_copies = [stories.requested(placed_order()) for _ in range(3)]
    InterferedShop.before["plan"] = crash

    # when
    jobs.run_copies()

    # then
    leases = [stories.fresh(one).lease_expires_at for one in order_copies]
    [at] = wake_ups
    assert at == min(leases) + MARGIN
    assert at >= max(leases)


def test_run_copies__each_backoff_schedules_its_own_wake_up(
    wake_ups: WakeUps, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 60}
    first, second = (stories.requested(placed_order()) for _ in range(2))
    OrderFactory.objects.filter(pk=second.pk).update(
        status=Status.IN_PROGRESS,
        attempt=1,
        started_at=timezone.now(),
        lease_expires_at=timezone.now() - timedelta(seconds=1),
    )
    InterferedShop.before["plan"] = crash

    # when
    jobs.run_copies()

    # then
    assert wake_ups == [stories.fresh(one).lease_expires_at + MARGIN for one in (first, second)]


def test_run_copies__copies_of_another_worker_schedule_no_wake_up(wake_ups: WakeUps) -> None:
    # given
    order_copy = stories.requested(placed_order())
    OrderFactory.objects.filter(pk=order_copy.pk).update(
        status=Status.IN_PROGRESS,
        attempt=1,
        worker="another",
        started_at=timezone.now(),
        lease_expires_at=timezone.now() + timedelta(seconds=60),
    )

    # when
    jobs.run_copies()

    # then
    assert wake_ups == []


def test_run_copies__copies_locked_by_another_transaction_schedule_a_wake_up(
    wake_ups: WakeUps,
) -> None:
    # given a copy that is locked during the claim, and claimable after it
    def appear(execute: Any, sql: str, *arguments: Any) -> Any:
        # The first SELECT of both pending copies and expired leases looks for claimable copies.
        if sql.startswith("SELECT") and " OR " in sql and "lease_expires_at" in sql and not held:
            held.append(stories.requested(placed_order()))
        return execute(sql, *arguments)

    held: list[Any] = []
    started = timezone.now()

    # when
    with connection.execute_wrapper(appear):
        jobs.run_copies()

    # then
    [at] = wake_ups
    assert at is not None
    assert held
    assert started + MARGIN <= at <= timezone.now() + MARGIN


def open_payments(count: int, due_at: datetime | None = None) -> None:
    """Create open payments whose copies are deleted."""
    gone = stories.requested(placed_order())
    for index in range(count):
        due = due_at or timezone.now()
        OpenPayment.objects.create(key=f"{index}", order_factory=gone, retries=0, due_at=due)
    OrderFactory.objects.all().delete()


def test_run_copies__failed_voids_schedule_one_wake_up(wake_ups: WakeUps) -> None:
    # given
    open_payments(3)
    InterferedShop.before["void"] = crash

    # when
    jobs.run_copies()
    jobs.run_copies()

    # then
    first = OpenPayment.objects.earliest("due_at")
    assert first.failures == 1
    assert wake_ups == [first.due_at + MARGIN]


def test_run_copies__remaining_voids_schedule_a_wake_up(wake_ups: WakeUps) -> None:
    # given
    open_payments(2)
    OpenPayment.objects.update(failures=1)
    InterferedShop.before["void"] = crash
    started = timezone.now()

    # when
    jobs.run_copies()

    # then
    [at] = wake_ups
    assert at is not None
    assert started + MARGIN <= at <= timezone.now() + MARGIN
    assert sorted(OpenPayment.objects.values_list("failures", flat=True)) == [1, 2]


def test_run_copies__voids_in_backoff_schedule_no_second_wake_up(wake_ups: WakeUps) -> None:
    # given
    open_payments(1, due_at=timezone.now() + timedelta(seconds=60))

    # when
    jobs.run_copies()

    # then
    assert wake_ups == []


def test_run_copies__lost_connection_schedules_a_wake_up_after_the_lease(wake_ups: WakeUps) -> None:
    # given a connection that is lost during the job
    def lose(execute: Any, sql: str, *arguments: Any) -> Any:
        message = "connection already closed"
        raise InterfaceError(message)

    started = timezone.now()
    pause = conf.settings.LEASE + MARGIN

    # when
    with pytest.raises(InterfaceError), connection.execute_wrapper(lose):
        jobs.run_copies()

    # then
    [at] = wake_ups
    assert at is not None
    assert started + pause <= at <= timezone.now() + pause


# Subscriptions


@pytest.fixture
def no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has scheduled no look for due subscriptions."""
    monkeypatch.setattr(looks, "_next_look", None)


def due_in(span: timedelta) -> datetime:
    """Create a subscription for which there is something to do after this time; return when."""
    one = subscribed(placed_order(), timezone.now() + timedelta(days=9))
    due_at = timezone.now() + span
    OrderSubscription.objects.filter(pk=one.pk).update(due_at=due_at)
    return due_at


def run_in(span: timedelta) -> None:
    """Create a subscription whose run is due after this time."""
    one = subscribed(placed_order(), timezone.now() + timedelta(days=9))
    instant = timezone.now() + span
    OrderSubscription.objects.filter(pk=one.pk).update(next_run_at=instant, due_at=instant)


def test_run_copies__schedules_a_wake_up_for_the_next_due_subscription(
    wake_ups: WakeUps, no_look: None
) -> None:
    # given
    due_in(timedelta(minutes=20))
    first = due_in(timedelta(minutes=10))

    # when
    jobs.run_copies()
    jobs.run_copies()

    # then the second job leaves it at that
    assert wake_ups == [first + MARGIN]


def test_run_copies__schedules_an_earlier_wake_up_for_an_earlier_subscription(
    wake_ups: WakeUps, no_look: None
) -> None:
    # given
    late = due_in(timedelta(minutes=20))
    jobs.run_copies()
    early = due_in(timedelta(minutes=10))

    # when
    jobs.run_copies()

    # then
    assert wake_ups == [late + MARGIN, early + MARGIN]


def test_run_copies__schedules_the_next_look_after_the_last_one(
    wake_ups: WakeUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(looks, "_next_look", timezone.now() - timedelta(seconds=1))
    due_at = due_in(timedelta(minutes=10))

    # when
    jobs.run_copies()

    # then
    assert wake_ups == [due_at + MARGIN]


def test_run_copies__looks_again_within_an_hour(wake_ups: WakeUps, no_look: None) -> None:
    # given
    due_in(timedelta(days=5))
    started = timezone.now()

    # when
    jobs.run_copies()

    # then
    [at] = wake_ups
    assert at is not None
    assert started <= at - looks.LOOK_AHEAD - MARGIN <= timezone.now()


def test_run_copies__runs_what_is_due_and_wakes_workers_for_further_batches(
    wake_ups: WakeUps, no_look: None
) -> None:
    # given three batches of two
    for _ in range(5):
        run_in(timedelta(seconds=-1))

    # when
    jobs.run_copies()

    # then
    assert OrderFactory.objects.filter(status=Status.COMPLETED).count() == 5
    assert wake_ups[:2] == [None, None]
    assert len(wake_ups) == 3
    assert wake_ups[2] is not None


def test_run_copies__subscriptions_that_others_lock_schedule_a_wake_up(
    wake_ups: WakeUps, no_look: None
) -> None:
    # given one that becomes due after the last look
    def appear(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("SELECT") and " OR " in sql and "lease_expires_at" in sql and not held:
            held.append(due_in(timedelta(seconds=-1)))
        return execute(sql, *arguments)

    held: list[Any] = []
    started = timezone.now()

    # when
    with connection.execute_wrapper(appear):
        jobs.run_copies()

    # then
    [at] = wake_ups
    assert at is not None
    assert started + MARGIN <= at <= timezone.now() + MARGIN


# Wake-ups for copies of killed workers


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has scheduled no wake-up yet."""
    monkeypatch.setattr(jobs, "_next_guard", 0.0)


def run_by_another(*, seconds_left: float) -> OrderFactory:
    """A copy under the lease of another worker, which ends in ``seconds_left``."""
    order_copy = stories.requested(placed_order())
    now = timezone.now()
    stories.start("another", order_copy, now=now, expires_at=now + timedelta(seconds=seconds_left))
    return stories.fresh(order_copy)


def test_wake_after_lease__schedules_one_wake_up_per_lease(
    wake_ups: WakeUps, unguarded: None
) -> None:
    # given
    run_by_another(seconds_left=60)
    started = timezone.now()

    # when
    jobs.wake_after_lease()
    jobs.wake_after_lease()

    # then
    [at] = wake_ups
    assert at is not None
    assert (
        started + conf.settings.LEASE + MARGIN
        <= at
        <= timezone.now() + conf.settings.LEASE + MARGIN
    )


def test_wake_after_lease__schedules_nothing_if_all_copies_have_ended(
    wake_ups: WakeUps, unguarded: None
) -> None:
    # given
    stories.copied(placed_order())

    # when
    jobs.wake_after_lease()

    # then
    assert wake_ups == []


@pytest.mark.parametrize(
    ("seconds_left", "woken"), [([], []), ([60], []), ([-1], [None]), ([-1, 60], [])]
)
def test_wake_for_abandoned__wakes_if_copies_wait_and_no_worker_runs_any(
    wake_ups: WakeUps, seconds_left: list[float], woken: WakeUps
) -> None:
    # given
    for seconds in seconds_left:
        run_by_another(seconds_left=seconds)

    # when
    jobs.wake_for_abandoned()

    # then
    assert wake_ups == woken


def test_wake_for_abandoned__wakes_for_pending_copies(wake_ups: WakeUps) -> None:
    # given
    stories.requested(placed_order())
    wake_ups.clear()

    # when
    jobs.wake_for_abandoned()

    # then
    assert wake_ups == [None]


@pytest.mark.parametrize(("seconds_left", "woken"), [(-1, [None]), (60, [])])
def test_wake_for_abandoned__wakes_for_due_subscriptions(
    wake_ups: WakeUps, seconds_left: int, woken: WakeUps
) -> None:
    # given
    due_in(timedelta(seconds=seconds_left))

    # when
    jobs.wake_for_abandoned()

    # then
    assert wake_ups == woken


def test_wake_after_lease__schedules_a_wake_up_if_subscriptions_are_due(
    wake_ups: WakeUps, unguarded: None
) -> None:
    # given
    due_in(timedelta(seconds=-1))

    # when
    jobs.wake_after_lease()

    # then
    assert len(wake_ups) == 1


def test_wake_for_abandoned__logs_database_errors(
    wake_ups: WakeUps, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    def fail(*_: Any) -> None:
        raise InterfaceError("connection already closed")

    # when
    with connection.execute_wrapper(fail):
        jobs.wake_for_abandoned()

    # then
    assert wake_ups == []
    assert "Could not look for abandoned copies: connection already closed" in caplog.text
