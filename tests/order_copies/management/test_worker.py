"""``order_copies_worker``: draining, polling, stopping and database errors."""

import io
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import InternalError, OperationalError, ProgrammingError, connection
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.events.recording import events_recorded
from order_copies.management.commands.order_copies_worker import Command
from order_copies.models import Heartbeat, OrderCopy, OrderFactory
from order_copies.worker import heartbeats, leases
from order_copies.worker.batches import Batch
from order_copies.worker.heartbeats import new_name
from order_copies.worker.loop import Worker
from tests import stories
from tests.factories import OrderCopyFactory, placed_order

GONE_AWAY = (2006, "Server has gone away")


class ReadOnlySqlTransactionError(Exception):
    """Has the attribute that psycopg sets."""

    sqlstate = "25006"


def backlog(count: int) -> None:
    """Create this number of pending copies of one order."""
    order = placed_order(lines=1)
    copying.request_copies([OrderCopy(source_order=order) for _ in range(count)], actor={})


def statuses() -> list[str]:
    return list(OrderCopy.objects.values_list("status", flat=True))


@pytest.mark.django_db
def test_drain__runs_all_copies_and_stops(caplog: pytest.LogCaptureFixture) -> None:
    # given
    backlog(5)
    out = io.StringIO()

    # when
    with caplog.at_level("INFO", "order_copies.worker"):
        call_command("order_copies_worker", "--drain", "--batch-size", "2", stdout=out)

    # then
    assert statuses() == ["completed"] * 5
    assert "5 copies to run" in out.getvalue()
    assert "2 of 5 copies (40%)" in out.getvalue()
    assert "5 of 5 copies (100%)" in out.getvalue()
    assert "stopped: 5 copies ended" in out.getvalue()
    batches = [
        record.getMessage() for record in caplog.records if record.name == "order_copies.worker"
    ]
    assert [message.split(": ")[1].split(" in ")[0] for message in batches] == [
        "2 claimed, 2 completed",
        "2 claimed, 2 completed",
        "1 claimed, 1 completed",
    ]


@pytest.mark.django_db
def test_drain__verbosity_0_prints_nothing() -> None:
    # given
    backlog(1)
    out = io.StringIO()

    # when
    call_command("order_copies_worker", "--drain", "--verbosity", "0", stdout=out)

    # then
    assert out.getvalue() == ""
    assert statuses() == ["completed"]


@pytest.mark.django_db
def test_progress__is_printed_on_one_line_of_a_terminal() -> None:
    # given
    backlog(2)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()

    # when
    call_command("order_copies_worker", "--drain", "--batch-size", "1", stdout=out, no_color=True)

    # then
    assert "1 of 2 copies (50%)\r" in out.getvalue()


@pytest.mark.django_db
def test_run__polls_until_it_is_stopped() -> None:
    # given
    backlog(1)
    worker = Worker(
        interval=0.01, on_batch=lambda batch: threading.Timer(0.05, worker.stop).start()
    )

    # when
    worker.run()

    # then
    assert statuses() == ["completed"]


@pytest.mark.django_db
def test_stop__ends_after_the_current_batch() -> None:
    # given
    backlog(3)
    worker = Worker(batch_size=1, on_batch=lambda batch: worker.stop())

    # when
    worker.run(drain=True)

    # then
    assert statuses() == ["completed", "pending", "pending"]


@pytest.mark.django_db
def test_unreachable_database__is_polled_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"POLL_INTERVAL": 0.01}
    calls = []

    def run_batch(*_args: object, **_kwargs: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            worker.stop()
        raise OperationalError(*GONE_AWAY)

    monkeypatch.setattr("order_copies.worker.loop.run_batch", run_batch)
    monkeypatch.setattr("order_copies.worker.loop.connection.close", lambda: None)
    worker = Worker()

    # when
    worker.run()

    # then
    assert len(calls) == 3
    with_traceback = [bool(record.exc_info) for record in caplog.records]
    assert with_traceback == [True, False, False]
    assert "the database fails; looking again soon" in caplog.text


@pytest.mark.django_db
def test_unreachable_database__worker_may_start_before_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    backlog(1)
    monkeypatch.setattr("order_copies.worker.loop.connection.close", lambda: None)
    refusals = ["the first heartbeat", "the backlog"]
    out = io.StringIO()

    def refuse(execute: Callable[..., Any], *arguments: Any) -> Any:
        if refusals:
            refusals.pop()
            raise OperationalError(*GONE_AWAY)
        return execute(*arguments)

    def stop(events: Sequence[Event], **_: Any) -> None:
        if events[0].name == "order_copies.complete":
            os.kill(os.getpid(), signal.SIGTERM)

    # when
    events_recorded.connect(stop)
    try:
        with connection.execute_wrapper(refuse):
            call_command("order_copies_worker", "--interval", "0.01", stdout=out)
    finally:
        events_recorded.disconnect(stop)

    # then
    assert statuses() == ["completed"]
    assert "0 copies to run" in out.getvalue()
    assert "the database fails; looking again soon" in caplog.text
    assert not Heartbeat.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "drain"),
    [(OperationalError(*GONE_AWAY), True), (ProgrammingError(1146, "No such table"), False)],
)
def test_database_errors__are_raised_by_a_drain_and_if_permanent(
    monkeypatch: pytest.MonkeyPatch, error: Exception, *, drain: bool
) -> None:
    def run_batch(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr("order_copies.worker.loop.run_batch", run_batch)

    with pytest.raises(type(error)):
        Worker().run(drain=drain)


@pytest.mark.django_db(transaction=True)
def test_read_only_database__is_retried(caplog: pytest.LogCaptureFixture) -> None:
    """After a failover, the old server is read-only until the address names the new one."""
    # given
    backlog(1)
    worker = Worker(interval=0.01, on_batch=lambda batch: worker.stop())
    refusals = ["a heartbeat"]

    def refuse(execute: Callable[..., Any], *arguments: Any) -> Any:
        if refusals:
            raise InternalError(refusals.pop()) from ReadOnlySqlTransactionError
        return execute(*arguments)

    # when
    with connection.execute_wrapper(refuse):
        worker.run()

    # then
    assert statuses() == ["completed"]
    assert "the database fails; looking again soon" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_heartbeats__are_saved_between_distant_polls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    monkeypatch.setattr(heartbeats, "INTERVAL", 0.01)
    worker = Worker(interval=3600)
    beats: list[str] = []
    errors = [OperationalError(*GONE_AWAY)]

    def record(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE") and Heartbeat._meta.db_table in sql:
            beats.append(sql)
            if len(beats) == 2:
                raise errors.pop()
            if len(beats) == 4:
                worker.stop()
        return execute(sql, *rest)

    timeout = threading.Timer(30, worker.stop)
    timeout.start()

    # when
    with connection.execute_wrapper(record):
        worker.run()
    timeout.cancel()

    # then
    assert len(beats) == 4


def test_new_name__is_unique_and_short() -> None:
    # when
    names = {new_name() for _ in range(50)}

    # then
    assert len(names) == 50
    assert all(len(name) <= 128 for name in names)


@pytest.mark.parametrize("size", ["0", "-3", "many"])
def test_batch_size__invalid_one_is_refused(size: str) -> None:
    with pytest.raises(CommandError, match="batch-size"):
        call_command("order_copies_worker", f"--batch-size={size}")


@pytest.mark.parametrize("interval", ["-1", "nan", "often"])
def test_interval__invalid_one_is_refused(interval: str) -> None:
    with pytest.raises(CommandError, match="interval"):
        call_command("order_copies_worker", "--drain", f"--interval={interval}")


@pytest.mark.django_db(transaction=True)
def test_release__is_retried_after_a_deadlock() -> None:
    # given
    backlog(2)
    worker = Worker()
    now = timezone.now()
    stories.start(worker.name, expires_at=now + timedelta(hours=1))
    deadlocks = [OperationalError(1213, "Deadlock found when trying to get lock")]

    def refuse(execute: Callable[..., Any], *arguments: Any) -> Any:
        if deadlocks:
            raise deadlocks.pop()
        return execute(*arguments)

    # when
    with connection.execute_wrapper(refuse):
        count = worker.release()

    # then
    assert count == 2
    assert OrderFactory.objects.expired(timezone.now()).count() == 2


@pytest.mark.django_db
def test_release__leaves_copies_in_backoff() -> None:
    # given
    worker = Worker()
    row = OrderCopyFactory(in_progress=True, worker=worker.name)
    assert leases.back_off(row, timedelta(minutes=1))

    # when, then
    assert worker.release() == 0
    assert OrderFactory.objects.get().hand_backs == 0


@pytest.mark.django_db
def test_release__database_error_fails_the_command() -> None:
    # given
    def refuse(*_: Any) -> None:
        message = "server closed the connection"
        raise OperationalError(message)

    # then
    with (
        connection.execute_wrapper(refuse),
        pytest.raises(CommandError, match="leases must expire: server closed") as raised,
    ):
        # when
        Command().release(Worker())
    assert raised.value.returncode == 75


@contextmanager
def full_disk(failures: int) -> Iterator[list[str]]:
    """Limit the size of the database until this number of statements have failed."""
    refused: list[str] = []

    def look(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        try:
            return execute(sql, *arguments)
        except OperationalError as error:
            refused.append(str(error))
            if len(refused) == failures:
                connection.connection.execute("PRAGMA max_page_count = 1073741823")
            raise

    with connection.cursor() as cursor:
        # Pages that other tests have freed would be room left on the disk.
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    with connection.execute_wrapper(look):
        yield refused
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1073741823")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="limits the file of SQLite")
@pytest.mark.parametrize(("lease", "failures"), [(60, 3), (1, 12)], ids=["short", "long"])
def test_full_disk__worker_survives_it_and_no_attempt_counts(
    settings: LazySettings, lease: float, failures: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"LEASE": lease, "MAX_ATTEMPTS": 1}
    source = placed_order(lines=40)
    order_copies = [stories.requested(source) for _ in range(30)]

    def stop_at_the_end(_batch: Batch) -> None:
        if not OrderFactory.objects.exclude(status="completed").exists():
            worker.stop()

    worker = Worker(interval=0.05, on_batch=stop_at_the_end)
    too_long = threading.Timer(60, worker.stop)

    # when
    too_long.start()
    with full_disk(failures) as refused:
        worker.run()
    too_long.cancel()

    # then
    # The thread that renews leases shares the database in memory, whose tables it may lock.
    assert set(refused) - {"database table is locked"} == {"database or disk is full"}
    found = [stories.fresh(order_copy) for order_copy in order_copies]
    assert {(one.status, one.tries) for one in found} == {("completed", 1)}
