"""Story: a worker is told to stop, by real signals, and nobody waits for what it was about."""

import signal
import subprocess
import time

import pytest
from django.db import connection

from tests.acceptance.processes import rows, run, start

SHOP = """
import django
django.setup()
from order_copies import copying
from order_copies.models import OrderCopy
from tests.factories import placed_order
source = placed_order(lines=1)
wanted = [OrderCopy(source_order=source, place_target_order=True) for _ in range(4)]
copying.request_copies(wanted, who={})
"""

#: A worker whose shop does something at a step of every batch of two.
WORKER = """
import time
import django
django.setup()
from django.conf import settings
from django.core.management import execute_from_command_line
from tests.acceptance.shops import PATH, InterferedShop
settings.ORDER_COPIES |= {"SHOP": PATH, "SHUTDOWN_TIMEOUT": LIMIT}

def sleep(_):
    print("asleep", flush=True)
    time.sleep(SECONDS)

def sleep_deeply(_):
    print("asleep", flush=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

InterferedShop.before["STEP"] = SLEEP
execute_from_command_line(["manage.py", "order_copies_worker", "--batch-size", "2"])
"""

#: A connection in a transaction that nobody leaves, and with an answer that is read by half.
INTERRUPTED = """
import django
django.setup()
from django.db import connection, transaction
from order_copies.models import OrderFactory
from order_copies.worker.shutdown import drop_connection
transaction.atomic().__enter__()
OrderFactory.objects.update(worker="interrupted")
cursor = connection.cursor()
cursor.execute("SELECT id FROM order_copies_orderfactory")
cursor.fetchone()
drop_connection()
drop_connection()
assert not connection.in_atomic_block
OrderFactory.objects.filter(worker="").update(worker="free")
print(cursor is not None)
"""

STATUSES = "SELECT status FROM order_copies_orderfactory ORDER BY id"
TARGETS = "SELECT COUNT(*) FROM orders_order"
HEARTBEATS = "SELECT COUNT(*) FROM order_copies_heartbeat"


def start_worker(
    environment: dict[str, str],
    *,
    step: str = "plan",
    sleep: str = "sleep",
    seconds: float = 60,
    timeout: float = 60,
) -> subprocess.Popen[str]:
    """A worker that is in the middle of its first batch."""
    script = WORKER.replace("STEP", step).replace("LIMIT", str(timeout))
    script = script.replace("SLEEP", sleep).replace("SECONDS", str(seconds))
    worker = start(environment, "-c", script)
    assert worker.stdout is not None
    said = ""
    while "asleep" not in said:
        line = worker.stdout.readline()
        assert line, said
        said += line
    return worker


def wait_until_idle(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    while " claimed" not in (line := worker.stdout.readline()):
        assert line, "the worker ended"


def ending(worker: subprocess.Popen[str], *signals: signal.Signals) -> tuple[int, float, str]:
    """Its exit status, how long it took to stop, and its last words."""
    began = time.monotonic()
    for number in signals:
        worker.send_signal(number)
        time.sleep(0.7)
    try:
        printed = worker.communicate(timeout=30)[0]
    finally:
        worker.kill()
    return worker.returncode, time.monotonic() - began, printed


def drain_without_waiting(environment: dict[str, str]) -> None:
    """Another worker finishes everything, within less than a lease."""
    began = time.monotonic()
    other = start(environment, "manage.py", "order_copies_worker", "--drain")
    printed = other.communicate(timeout=30)[0]
    assert time.monotonic() - began < 20
    assert rows(environment, STATUSES) == [("completed",)] * 4, printed
    assert rows(environment, TARGETS) == [(5,)], printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_with_nothing_to_do_stops_at_once(
    environment: dict[str, str], number: signal.Signals
) -> None:
    # given
    worker = start(environment, "manage.py", "order_copies_worker")
    wait_until_idle(worker)

    # when
    status, seconds, said = ending(worker, number)

    # then
    assert status == 0, said
    assert seconds < 5
    assert "stopped: 4 copies ended" in said
    assert "Traceback" not in said


def test_a_batch_that_ends_in_time_is_finished(environment: dict[str, str]) -> None:
    # given
    worker = start_worker(environment, seconds=1)

    # when
    status, _seconds, said = ending(worker, signal.SIGTERM)

    # then
    assert status == 0, said
    assert "stopped: 2 copies ended" in said
    assert rows(environment, STATUSES) == [("completed",)] * 2 + [("pending",)] * 2
    assert rows(environment, HEARTBEATS) == [(0,)]


@pytest.mark.parametrize("step", ["plan", "place"])
def test_a_batch_that_takes_too_long_is_handed_back(environment: dict[str, str], step: str) -> None:
    # given a worker before, or in the middle of, its transaction
    worker = start_worker(environment, step=step, timeout=1)

    # when
    status, seconds, said = ending(worker, signal.SIGTERM)

    # then
    assert status == 75, said
    assert "ran out of time: 2 copies released" in said
    assert 0.9 < seconds < 5
    assert rows(environment, STATUSES) == [("in_progress",)] * 2 + [("pending",)] * 2
    assert rows(environment, HEARTBEATS) == [(0,)]
    drain_without_waiting(environment)


def test_a_second_signal_hands_the_batch_back_at_once(environment: dict[str, str]) -> None:
    # given
    worker = start_worker(environment, timeout=60)

    # when
    status, seconds, said = ending(worker, signal.SIGINT, signal.SIGINT)

    # then
    assert status == 75, said
    assert "2 copies handed back" in said
    assert seconds < 5
    drain_without_waiting(environment)


def test_an_interrupted_transaction_is_let_go_of(environment: dict[str, str]) -> None:
    # when
    said = run(environment, INTERRUPTED)

    # then nobody was locked out, and what was interrupted is rolled back
    assert said == "True"
    workers = rows(environment, "SELECT DISTINCT worker FROM order_copies_orderfactory")
    assert workers == [("free",)]


@pytest.mark.parametrize("step", ["plan", "write"])
def test_a_worker_that_does_not_let_go_is_left_behind(
    environment: dict[str, str], step: str
) -> None:
    # given a shop that catches whatever comes
    worker = start_worker(environment, step=step, sleep="sleep_deeply", timeout=1)

    # when
    status, seconds, said = ending(worker, signal.SIGTERM)

    # then
    assert status == 75, said
    assert seconds < 6
    assert rows(environment, STATUSES) == [("in_progress",)] * 2 + [("pending",)] * 2
    if connection.vendor == "sqlite" and step == "write":
        # Its transaction is the only one that can write: the leases run out by themselves.
        return
    assert "releases 2 copies" in said
    drain_without_waiting(environment)
