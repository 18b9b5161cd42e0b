"""Shutdown of a worker by signals. ``tests/acceptance`` has the tests with real processes."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from order_copies.models import OrderFactory
from order_copies.worker import shutdown
from order_copies.worker.loop import Worker
from order_copies.worker.shutdown import Shutdown, TimeIsUpError
from tests.acceptance.shops import PATH, InterferedShop
from tests.factories import OrderCopyFactory, placed_order

LONG = 60.0


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutdown, "SIGNAL_WINDOW", 0.1)
    # A busy machine may interrupt a test late; the test must not exit the process for that.
    monkeypatch.setattr(shutdown, "GRACE", LONG)


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit statuses that were passed to ``os._exit``."""
    exits: list[int] = []
    monkeypatch.setattr("os._exit", exits.append)
    monkeypatch.setattr(shutdown, "GRACE", 0.1)
    monkeypatch.setattr(shutdown, "PATIENCE", 0.1)
    return exits


class DetachedWorker(Worker):
    """A worker that records calls of ``release``, and whether the main thread made them."""

    def __init__(self) -> None:
        super().__init__(interval=0)
        self.calls: list[tuple[str, bool]] = []

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def release(self) -> int:
        is_main = threading.current_thread() is threading.main_thread()
        self.calls.append(("release", is_main))
        raise OperationalError


def kill(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def wait_for(worker: DetachedWorker) -> None:
    while not worker.is_stopping:
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Check that signal handlers and threads are as before the test."""
    before = [signal.getsignal(number) for number in shutdown.SIGNALS]
    threads = threading.active_count()
    yield
    assert [signal.getsignal(number) for number in shutdown.SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1
    # On a busy machine a thread ends some time after the call that it was for.
    deadline = time.monotonic() + LONG
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == threads


def test_shutdown__no_signal_has_no_effect() -> None:
    worker = DetachedWorker()

    with Shutdown(worker, LONG):
        pass

    # The watcher thread ends with the block.
    assert worker.calls == []


@pytest.mark.parametrize("number", shutdown.SIGNALS)
def test_shutdown__first_signal_stops_the_worker(number: signal.Signals) -> None:
    # given
    worker = DetachedWorker()

    # when
    with Shutdown(worker, LONG):
        assert not worker.is_stopping
        kill(number)
        wait_for(worker)

    # then
    assert worker.calls == []


def test_shutdown__other_signals_keep_their_handlers() -> None:
    # given
    worker = DetachedWorker()
    received = []
    before = signal.signal(signal.SIGUSR1, lambda *_: received.append("SIGUSR1"))

    # when
    try:
        with Shutdown(worker, LONG):
            kill(signal.SIGUSR1)
            time.sleep(0.1)
            assert not worker.is_stopping
    finally:
        signal.signal(signal.SIGUSR1, before)

    # then
    assert received == ["SIGUSR1"]


def test_shutdown__timeout_interrupts_the_worker() -> None:
    # given
    worker = DetachedWorker()
    began = time.monotonic()

    def work() -> None:
        kill()
        time.sleep(LONG)

    # when
    with pytest.raises(TimeIsUpError), Shutdown(worker, 0.3):
        work()

    # then
    assert 0.3 <= time.monotonic() - began < LONG / 2


def test_shutdown__second_signal_interrupts_the_worker_at_once() -> None:
    # given
    worker = DetachedWorker()
    began = time.monotonic()

    def work() -> None:
        kill()
        wait_for(worker)
        time.sleep(0.2)
        kill(signal.SIGINT)
        time.sleep(LONG)

    # when
    with pytest.raises(TimeIsUpError), Shutdown(worker, LONG):
        work()

    # then
    assert time.monotonic() - began < LONG / 2


def test_shutdown__lost_interruption_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a signal that arrives between the check for signals and the wait
    send, sent = signal.pthread_kill, []

    def lose_the_first(thread: int, number: int) -> None:
        sent.append(number)
        if len(sent) > 1:
            send(thread, number)

    monkeypatch.setattr("signal.pthread_kill", lose_the_first)
    began = time.monotonic()

    def work() -> None:
        kill()
        time.sleep(LONG)

    # when
    with pytest.raises(TimeIsUpError), Shutdown(DetachedWorker(), 0.1):
        work()

    # then
    assert len(sent) >= 2
    assert time.monotonic() - began < LONG / 2


def test_shutdown__interrupt_that_a_database_error_replaces_is_still_one() -> None:
    # given the cleanup of a transaction that fails after an interrupt of COMMIT
    error = ProgrammingError("can't change 'autocommit' now")

    def work() -> None:
        try:
            kill()
            time.sleep(LONG)
        except TimeIsUpError:
            raise error from None

    # when
    with pytest.raises(TimeIsUpError) as caught, Shutdown(DetachedWorker(), 0.1):
        work()

    # then
    assert caught.value.__cause__ is error


def test_shutdown__database_error_without_an_interrupt_is_raised() -> None:
    with pytest.raises(ProgrammingError), Shutdown(DetachedWorker(), LONG):
        raise ProgrammingError


def test_shutdown__cleanup_is_not_interrupted_again() -> None:
    # given
    cleanups = []

    def work() -> None:
        try:
            kill()
            time.sleep(LONG)
        finally:
            kill(signal.SIGINT)
            cleanups.append("to the end")

    # when
    with pytest.raises(TimeIsUpError), Shutdown(DetachedWorker(), 0.1):
        work()

    # then
    assert cleanups == ["to the end"]


def test_shutdown__signals_within_a_moment_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(shutdown, "SIGNAL_WINDOW", LONG)
    worker = DetachedWorker()

    # when
    with Shutdown(worker, LONG):
        kill(signal.SIGINT)
        kill(signal.SIGTERM)
        time.sleep(0.3)

    # then
    assert worker.is_stopping


def test_shutdown__process_that_ignores_the_interruption_exits(exits: list[int]) -> None:
    # given
    worker = DetachedWorker()

    # when
    with Shutdown(worker, 0.1):
        kill()
        while len(exits) < 2:
            with suppress(TimeIsUpError):
                time.sleep(0.05)

    # then
    # The database does not answer, so that the leases must run out. The second exit is that of
    # the timer, which is the first one if the release hangs.
    assert worker.calls == [("release", False)]
    assert exits == [shutdown.RELEASED] * 2


@pytest.mark.django_db
def test_release__affects_only_leases_of_this_worker() -> None:
    # given
    worker = Worker()
    now = timezone.now()
    held = OrderCopyFactory(in_progress=True, worker=worker.name)
    others = [
        OrderCopyFactory(in_progress=True, worker="another"),
        OrderCopyFactory(completed=True, worker=worker.name),
        OrderCopyFactory(
            in_progress=True, worker=worker.name, lease_expires_at=now - timedelta(hours=1)
        ),
    ]
    before = list(OrderFactory.objects.filter(pk__in=[one.pk for one in others]).values())

    # when
    count = worker.release()

    # then
    assert count == 1
    assert list(OrderFactory.objects.expired(timezone.now()).order_by("pk")) == [held, others[2]]
    held.refresh_from_db()
    assert (held.attempt, held.tries, held.status) == (1, 0, "in_progress")
    assert list(OrderFactory.objects.filter(pk__in=[one.pk for one in others]).values()) == before


@pytest.mark.django_db(transaction=True)
def test_command__reports_the_released_copies(settings: LazySettings) -> None:
    # given a shop that receives the signal during a batch, and continues
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "SHUTDOWN_TIMEOUT": 0.2}
    order_copy = OrderCopyFactory(source_order=placed_order(lines=1))

    def take_time(_: object) -> None:
        kill()
        time.sleep(LONG)

    InterferedShop.before["plan"] = take_time

    # when
    try:
        with pytest.raises(CommandError, match="ran out of time: 1 copy released") as stopped:
            call_command("order_copies_worker", "--drain", "-v0")
    finally:
        InterferedShop.before.clear()
        InterferedShop.calls.clear()

    # then
    assert stopped.value.returncode == 75
    order_copy.refresh_from_db()
    assert order_copy.status == "in_progress"
    assert order_copy.lease_expires_at <= timezone.now()


@pytest.mark.django_db
def test_command__interrupted_worker_without_copies_reports_none_released(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a worker that is interrupted between two batches
    def run(worker: Worker, *, drain: bool) -> None:
        raise TimeIsUpError

    monkeypatch.setattr(Worker, "run", run)

    # when
    call_command("order_copies_worker", "--drain")

    # then
    assert "stopped: 0 copies ended" in capsys.readouterr().out
