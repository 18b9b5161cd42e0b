"""What a worker does that was woken."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import InterfaceError, connection
from django.utils import timezone

from order_copies import conf
from order_copies.engines import jobs
from order_copies.models import OpenPayment, OrderFactory, Status
from tests import stories
from tests.acceptance.shops import PATH, InterferedShop
from tests.factories import placed_order

pytestmark = pytest.mark.django_db

Rung = list[datetime | None]
MARGIN = timedelta(seconds=0.5)


def crash(_: Any) -> None:
    message = "The shop is on fire."
    raise RuntimeError(message)


@pytest.fixture(autouse=True)
def shop(settings: LazySettings, rung: Rung) -> Iterator[None]:
    """Batches of two, of a shop that can be made to crash."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "BATCH_SIZE": 2}
    yield
    InterferedShop.before.clear()
    InterferedShop.calls.clear()


def test_it_runs_all_that_there_is_and_wakes_nobody(rung: Rung) -> None:
    # given
    order_copies = [stories.requested(placed_order()) for _ in range(5)]

    # when
    jobs.run_copies()

    # then
    assert [stories.fresh(one).status for one in order_copies] == [Status.COMPLETED] * 5
    assert rung == []


def test_it_finds_nothing_to_do(rung: Rung) -> None:
    # when
    jobs.run_copies()

    # then
    assert rung == []


def test_after_a_while_it_lets_another_one_go_on(
    rung: Rung, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(jobs, "SLICE", 0)
    for _ in range(5):
        stories.requested(placed_order())

    # when
    jobs.run_copies()

    # then
    assert OrderFactory.objects.pending().count() == 3
    assert rung == [None]


def test_copies_that_crash_wake_somebody_when_it_is_time_to_try_them_again(rung: Rung) -> None:
    # given
    order_copies = [stories.requested(placed_order()) for _ in range(3)]
    InterferedShop.before["plan"] = crash

    # when
    jobs.run_copies()

    # then
    leases = [stories.fresh(one).lease_expires_at for one in order_copies]
    [at] = rung
    assert at == min(leases) + MARGIN
    assert at >= max(leases)


def test_copies_that_wait_for_different_times_wake_somebody_at_each(
    rung: Rung, settings: LazySettings
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
    assert rung == [stories.fresh(one).lease_expires_at + MARGIN for one in (first, second)]


def test_copies_of_another_worker_wake_nobody(rung: Rung) -> None:
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
    assert rung == []


def test_copies_that_somebody_held_for_a_moment_wake_somebody_after_it(rung: Rung) -> None:
    # given a copy that nobody could claim, and that is there a moment later
    def appear(execute: Any, sql: str, *arguments: Any) -> Any:
        if " OR " in sql and not held:  # the look at what is claimable, pending or expired
            held.append(stories.requested(placed_order()))
        return execute(sql, *arguments)

    held: list[Any] = []
    started = timezone.now()

    # when
    with connection.execute_wrapper(appear):
        jobs.run_copies()

    # then
    [at] = rung
    assert at is not None
    assert held
    assert started + MARGIN <= at <= timezone.now() + MARGIN


def open_payments(count: int, due_at: datetime | None = None) -> None:
    """So many payments of copies that are no more."""
    gone = stories.requested(placed_order())
    for index in range(count):
        due = due_at or timezone.now()
        OpenPayment.objects.create(key=f"{index}", order_factory=gone, retries=0, due_at=due)
    OrderFactory.objects.all().delete()


def test_payments_that_could_not_be_given_back_wake_somebody_once(rung: Rung) -> None:
    # given
    open_payments(3)
    InterferedShop.before["void"] = crash

    # when
    jobs.run_copies()
    jobs.run_copies()

    # then
    first = OpenPayment.objects.earliest("due_at")
    assert first.failures == 1
    assert rung == [first.due_at + MARGIN]


def test_whoever_is_woken_for_payments_wakes_somebody_for_the_others(rung: Rung) -> None:
    # given
    open_payments(2)
    OpenPayment.objects.update(failures=1)
    InterferedShop.before["void"] = crash
    started = timezone.now()

    # when
    jobs.run_copies()

    # then
    [at] = rung
    assert at is not None
    assert started + MARGIN <= at <= timezone.now() + MARGIN
    assert sorted(OpenPayment.objects.values_list("failures", flat=True)) == [1, 2]


def test_payments_that_wait_for_their_time_wake_nobody_again(rung: Rung) -> None:
    # given
    open_payments(1, due_at=timezone.now() + timedelta(seconds=60))

    # when
    jobs.run_copies()

    # then
    assert rung == []


def test_trouble_with_the_database_wakes_somebody_when_the_leases_are_over(rung: Rung) -> None:
    # given a connection that is lost for a moment
    def lose(execute: Any, sql: str, *arguments: Any) -> Any:
        message = "connection already closed"
        raise InterfaceError(message)

    started = timezone.now()
    pause = conf.settings.LEASE + MARGIN

    # when
    with pytest.raises(InterfaceError), connection.execute_wrapper(lose):
        jobs.run_copies()

    # then
    [at] = rung
    assert at is not None
    assert started + pause <= at <= timezone.now() + pause


# Wake-ups against the death of workers


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has scheduled no wake-up yet."""
    monkeypatch.setattr(jobs, "_next_guard", 0.0)


def run_by_another(*, seconds_left: float) -> OrderFactory:
    """A copy under the lease of another worker, which ends in ``seconds_left``."""
    order_copy = stories.requested(placed_order())
    now = timezone.now()
    OrderFactory.objects.filter(pk=order_copy.pk).start(
        now, worker="another", lease_expires_at=now + timedelta(seconds=seconds_left)
    )
    return stories.fresh(order_copy)


def test_wake_after_lease__schedules_one_wake_up_in_a_lease(rung: Rung, unguarded: None) -> None:
    # given
    run_by_another(seconds_left=60)
    started = timezone.now()

    # when
    jobs.wake_after_lease()
    jobs.wake_after_lease()

    # then
    [at] = rung
    assert at is not None
    assert (
        started + conf.settings.LEASE + MARGIN
        <= at
        <= timezone.now() + conf.settings.LEASE + MARGIN
    )


def test_wake_after_lease__schedules_nothing_where_all_have_ended(
    rung: Rung, unguarded: None
) -> None:
    # given
    stories.copied(placed_order())

    # when
    jobs.wake_after_lease()

    # then
    assert rung == []


@pytest.mark.parametrize(
    ("seconds_left", "woken"), [([], []), ([60], []), ([-1], [None]), ([-1, 60], [])]
)
def test_wake_for_abandoned__wakes_where_copies_wait_and_no_worker_runs_any(
    rung: Rung, seconds_left: list[float], woken: Rung
) -> None:
    # given
    for seconds in seconds_left:
        run_by_another(seconds_left=seconds)

    # when
    jobs.wake_for_abandoned()

    # then
    assert rung == woken


def test_wake_for_abandoned__wakes_for_pending_copies(rung: Rung) -> None:
    # given
    stories.requested(placed_order())
    rung.clear()

    # when
    jobs.wake_for_abandoned()

    # then
    assert rung == [None]


def test_wake_for_abandoned__logs_what_keeps_it_from_looking(
    rung: Rung, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    def fail(*_: Any) -> None:
        raise InterfaceError("connection already closed")

    # when
    with connection.execute_wrapper(fail):
        jobs.wake_for_abandoned()

    # then
    assert rung == []
    assert "Could not look for abandoned copies: connection already closed" in caplog.text
