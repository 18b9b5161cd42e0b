"""Health of the queue: the counts, the system check and ``order_copies_health``."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies.checks.database import check_queue
from order_copies.models import Heartbeat, OrderCopy, OrderFactory, OrderSubscription
from order_copies.monitoring.health import Queue
from order_copies.worker import heartbeats, leases
from tests.factories import OrderCopyFactory, placed_order
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db


def ago(minutes: float) -> Any:
    return timezone.now() - timedelta(minutes=minutes)


def pending(minutes: float) -> OrderCopy:
    """Create a copy that has been pending for this number of minutes."""
    order_copy = OrderCopyFactory()
    OrderFactory.objects.filter(pk=order_copy.pk).update(queued_at=ago(minutes))
    return order_copy


def lease_lost(minutes: float) -> OrderCopy:
    """Create a copy whose lease expired this number of minutes ago."""
    return OrderCopyFactory(in_progress=True, lease_expires_at=ago(minutes))


def paused(minutes: float = 1, worker: str = "a worker") -> OrderCopy:
    """Create a crashed copy whose retry is due in this number of minutes."""
    order_copy = OrderCopyFactory(in_progress=True, worker=worker, lease_expires_at=ago(-minutes))
    assert leases.back_off(order_copy, timedelta(minutes=minutes)) == 1
    order_copy.refresh_from_db()
    return order_copy


def locked(minutes: float) -> OrderCopy:
    """Create a copy that has waited for locked rows for this number of minutes."""
    order_copy = OrderCopyFactory(in_progress=True, worker="a worker")
    assert leases.set_aside([order_copy], timedelta(hours=1)) == 1
    OrderFactory.objects.filter(pk=order_copy.pk).update(locked_since=ago(minutes))
    order_copy.refresh_from_db()
    return order_copy


def seen(minutes: float, worker: str = "elsewhere:1:a") -> Heartbeat:
    """Create the heartbeat of a worker that was seen this number of minutes ago."""
    return Heartbeat.objects.create(worker=worker, started_at=ago(99), seen_at=ago(minutes))


def warnings() -> list[tuple[Any, str]]:
    return [(found.id, found.msg) for found in check_queue(databases=["default"])]


def health(*arguments: str) -> str:
    """Return the output of the command. Raises CommandError if there is a problem."""
    out = io.StringIO()
    call_command("order_copies_health", *arguments, stdout=out)
    return out.getvalue()


# The queue


def due(minutes: float) -> OrderSubscription:
    """Create a subscription that has been due for this number of minutes."""
    one = subscribed(placed_order(), ago(-60))
    OrderSubscription.objects.filter(pk=one.pk).update(due_at=ago(minutes))
    return one


def test_queue__costs_four_queries() -> None:
    """SELECT counts of copies that have not ended, due subscriptions, workers seen and not seen."""
    # given
    now = timezone.now()
    for minutes in (1, 3, 2):
        pending(minutes)
    OrderCopyFactory(in_progress=True)
    paused()
    paused(-2)
    lease_lost(4)
    OrderCopyFactory(completed=True)
    OrderCopyFactory(failed=True)
    seen(0.5)
    seen(11, "elsewhere:2:b")

    # when
    with CaptureQueriesContext(connection) as queries:
        queue = Queue.at(now)

    # then
    assert (queue.pending, queue.running, queue.paused, queue.lost) == (3, 1, 1, 2)
    assert queue.oldest_pending.total_seconds() == pytest.approx(180, abs=5)
    assert queue.longest_lost.total_seconds() == pytest.approx(240, abs=5)
    assert (queue.workers, queue.silent_workers) == (1, 1)
    assert len(queries) == 4


def test_queue__empty_one_has_zero_counts() -> None:
    # when
    queue = Queue.at(timezone.now())

    # then
    assert queue == Queue(0, timedelta(), 0, 0, 0, timedelta(), 0, 0)
    assert str(queue) == "0 workers active, 0 not seen recently, 0 copies pending, 0 in progress"


def test_queue__text_separates_backoff_and_lost_leases_from_in_progress() -> None:
    # given
    OrderCopyFactory(in_progress=True)
    paused()
    lease_lost(1)

    # then
    output = str(Queue.at(timezone.now()))
    assert output.endswith("1 in progress, 1 waiting for a retry, 1 with an expired lease")


def test_locked_copies__are_counted_separately_and_the_first_is_named() -> None:
    # given
    now = timezone.now()
    first, second = locked(0.5), locked(0.2)
    paused()

    # when
    with CaptureQueriesContext(connection) as queries:
        queue = Queue.at(now)

    # then
    assert (queue.paused, queue.locked, queue.first_locked) == (1, 2, first)
    assert f", 1 waiting for a retry, 2 waiting for locked rows ({first} for 30 s)" in str(queue)
    assert str(second) not in str(queue)
    assert len(queries) == 5
    assert warnings() == []


def test_locked_copies__are_a_problem_after_a_minute() -> None:
    # given
    first = locked(1.5)
    locked(0.5)

    # when
    with pytest.raises(CommandError) as caught:
        health()

    # then
    message = f"2 copies wait for locked rows, {first} for 90 seconds."
    assert warnings() == [("order_copies.W010", message)]
    assert str(caught.value).startswith(f"{message} End the transaction that locks")


def test_due_subscriptions__are_a_problem_if_nothing_schedules_them() -> None:
    # given
    due(11)
    due(1)
    due(-5)

    # when
    with pytest.raises(CommandError) as caught:
        health()

    # then
    message = "2 subscriptions are due, the first for 660 seconds, and nothing schedules them."
    assert warnings() == [("order_copies.W013", message)]
    assert str(caught.value) == f"{message} Start a worker: manage.py order_copies_worker"


def test_due_subscriptions__recent_ones_are_counted() -> None:
    # given
    due(9)

    # then
    assert health().endswith("0 in progress, 1 subscription due.\n")
    assert warnings() == []


@contextmanager
def read_only() -> Iterator[None]:
    """Make the session of the database read-only."""
    refusals = {
        "postgresql": "SET default_transaction_read_only = on",
        "mysql": "SET SESSION TRANSACTION READ ONLY",
        "sqlite": "PRAGMA query_only = on",
    }
    with connection.cursor() as cursor:
        cursor.execute(refusals[connection.vendor])
    try:
        yield
    finally:
        allowed = {
            "postgresql": "SET default_transaction_read_only = off",
            "mysql": "SET SESSION TRANSACTION READ WRITE",
            "sqlite": "PRAGMA query_only = off",
        }
        with connection.cursor() as cursor:
            cursor.execute(allowed[connection.vendor])


@pytest.mark.django_db(transaction=True)
def test_read_only_database__is_a_problem_if_copies_are_pending() -> None:
    # given
    with read_only():
        without_copies = health()
    pending(1)
    seen(0.1)
    writable = health()

    # when
    with read_only(), pytest.raises(CommandError) as caught:
        health()

    # then
    assert without_copies.startswith("All is well")
    assert writable.startswith("All is well")
    assert str(caught.value) == (
        "1 copy waits, and the database is read-only. "
        "Make it writable, or connect the workers to the server that is."
    )


@pytest.mark.django_db(transaction=True)
def test_read_only_database__is_a_warning_of_the_system_check() -> None:
    # given
    pending(1)
    seen(0.1)

    # when
    with read_only():
        output = warnings()

    # then
    assert output == [("order_copies.W011", "1 copy waits, and the database is read-only.")]


def test_read_only_database__other_errors_are_not_reported_as_read_only() -> None:
    # given
    pending(1)

    def fail(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("gone away")
        return execute(sql, *arguments)

    # when
    with connection.execute_wrapper(fail), pytest.raises(CommandError) as caught:
        health()

    # then
    assert "read-only" not in str(caught.value)


# The system check


def test_check_queue__old_pending_copies_without_a_worker_are_a_warning() -> None:
    # given
    pending(11)
    pending(1)

    # when, then
    assert warnings() == [
        (
            "order_copies.W006",
            "2 copies wait, the first for 660 seconds, and no worker is active.",
        )
    ]


def test_check_queue__silent_worker_does_not_count() -> None:
    # given
    pending(11)
    seen(11)

    # when, then
    assert [id_ for id_, _ in warnings()] == ["order_copies.W006"]


def test_check_queue__copy_in_backoff_does_not_count_as_work() -> None:
    # given
    pending(11)
    paused(worker=seen(11).worker)

    # when, then
    assert [id_ for id_, _ in warnings()] == ["order_copies.W006"]


@pytest.mark.parametrize(
    "add_worker", [lambda: seen(0.5), lambda: OrderCopyFactory(in_progress=True)]
)
def test_check_queue__old_pending_copies_are_fine_with_a_worker(add_worker: Any) -> None:
    # given
    pending(11)
    add_worker()

    # when, then
    assert warnings() == []


def test_check_queue__recent_copies_are_fine() -> None:
    # given
    pending(9)
    lease_lost(9)

    # when, then
    assert warnings() == []


def test_check_queue__leases_expired_long_ago_are_a_warning() -> None:
    # given
    seen(0.5)
    lease_lost(11)

    # when, then
    assert warnings() == [
        (
            "order_copies.W007",
            "1 copy lost the worker 660 seconds ago, and no worker claimed them again.",
        )
    ]


def test_check_queue__hint_names_the_command() -> None:
    # given
    pending(11)
    out, err = io.StringIO(), io.StringIO()

    # when
    call_command("check", "--database", "default", stdout=out, stderr=err)

    # then
    assert "HINT: Start a worker: manage.py order_copies_worker" in err.getvalue()


@pytest.mark.parametrize("databases", [None, [], ["other"]])
def test_check_queue__runs_only_for_the_requested_database(databases: Any) -> None:
    pending(11)

    assert check_queue(databases=databases) == []


def test_check_queue__missing_tables_give_no_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Heartbeat._meta, "db_table", "not_there_yet")

    assert check_queue(databases=["default"]) == []


# The command


def test_health__no_problem_prints_the_counts() -> None:
    # given
    pending(9)
    seen(0.5)

    # when
    output = health()

    # then
    assert output == (
        "All is well: 1 worker active, 0 not seen recently, 1 copy pending, 0 in progress.\n"
    )


def test_health__error_lists_all_problems() -> None:
    # given
    pending(11)
    lease_lost(11)

    # when
    with pytest.raises(CommandError) as caught:
        health()

    # then
    hint = "Start a worker: manage.py order_copies_worker"
    assert str(caught.value).splitlines() == [
        f"1 copy waits, the first for 660 seconds, and no worker is active. {hint}",
        f"1 copy lost the worker 660 seconds ago, and no worker claimed them again. {hint}",
    ]
    assert caught.value.returncode == 1


def test_this_host__recent_heartbeat_passes() -> None:
    # given
    pending(11)
    seen(0.5, f"{heartbeats.this_host()}:1:a")

    # when, then
    assert health("--this-host").startswith("All is well")


def test_this_host__no_heartbeat_fails() -> None:
    seen(0.5)

    with pytest.raises(CommandError, match=f"No worker of {heartbeats.this_host()} has been seen"):
        health("--this-host")


def test_this_host__error_explains_that_only_polling_workers_have_heartbeats(
    settings: LazySettings,
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": "celery"}

    # when
    with pytest.raises(CommandError) as caught:
        health("--this-host")

    # then
    assert str(caught.value) == (
        f"No worker of {heartbeats.this_host()} has been seen recently. "
        'Only polling workers send heartbeats: check those of "celery" with its own tools.'
    )


def test_this_host__polling_worker_counts_with_any_engine(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": "celery"}
    seen(0.5, f"{heartbeats.this_host()}:1:a")

    # then
    assert health("--this-host").startswith("All is well")


def test_this_host__hanging_worker_fails() -> None:
    # given
    seen(0.5, f"{heartbeats.this_host()}:1:well")
    hanging = seen(15, f"{heartbeats.this_host()}:1:hangs")

    # when, then
    with pytest.raises(CommandError, match=f"Worker {hanging} hangs: not seen for 900 s"):
        health("--this-host")


def test_this_host__killed_worker_is_ignored() -> None:
    # given
    seen(0.5, f"{heartbeats.this_host()}:1:well")
    seen(15, f"{heartbeats.this_host()}:{2**22 + 1}:killed")

    # when, then
    assert health("--this-host").startswith("All is well: 1 worker active, 1 not seen recently")
