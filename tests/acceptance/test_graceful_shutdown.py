"""Story: a worker that receives SIGTERM or SIGINT stops in time and releases its copies."""

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
order_copies = [OrderCopy(source_order=source, place_target_order=True) for _ in range(4)]
copying.request_copies(order_copies, actor={})
"""

#: A worker whose shop sleeps at a step of each batch of two copies.
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

def sleep_uninterruptibly(_):
    print("asleep", flush=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

InterferedShop.before["STEP"] = SLEEP
execute_from_command_line(["manage.py", "order_copies_worker", "--batch-size", "2"])
"""

#: A connection with an open transaction and a half-read result.
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
    """Start a worker; return once it sleeps inside its first batch."""
    script = WORKER.replace("STEP", step).replace("LIMIT", str(timeout))
    script = script.replace("SLEEP", sleep).replace("SECONDS", str(seconds))
    worker = start(environment, "-c", script)
    assert worker.stdout is not None
    output = ""
    while "asleep" not in output:
        line = worker.stdout.readline()
        assert line, output
        output += line
    return worker


def wait_until_idle(worker: subprocess.Popen[str]) -> None:
    """Return once the worker has logged its first batch."""
    assert worker.stdout is not None
    while " claimed" not in (line := worker.stdout.readline()):
        assert line, "the worker ended"


def stop(worker: subprocess.Popen[str], *signals: signal.Signals) -> tuple[int, float, str]:
    """Send signals; return exit status, seconds until the worker stopped, and its output."""
    began = time.monotonic()
    for number in signals:
        worker.send_signal(number)
        time.sleep(0.7)
    try:
        printed = worker.communicate(timeout=120)[0]
    finally:
        worker.kill()
    return worker.returncode, time.monotonic() - began, printed


def drain_without_waiting(environment: dict[str, str]) -> None:
    """Finish all copies by another worker, in less time than a lease."""
    began = time.monotonic()
    other = start(environment, "manage.py", "order_copies_worker", "--drain")
    printed = other.communicate(timeout=120)[0]
    assert time.monotonic() - began < 20
    assert rows(environment, STATUSES) == [("completed",)] * 4, printed
    assert rows(environment, TARGETS) == [(5,)], printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown__idle_worker_stops_at_once(
    environment: dict[str, str], number: signal.Signals
) -> None:
    # given
    worker = start(environment, "manage.py", "order_copies_worker")
    wait_until_idle(worker)

    # when
    status, seconds, output = stop(worker, number)

    # then
    assert status == 0, output
    assert seconds < 20
    assert "stopped: 4 copies ended" in output
    assert "Traceback" not in output


def test_shutdown__batch_that_ends_in_time_is_finished(environment: dict[str, str]) -> None:
    # given
    worker = start_worker(environment, seconds=1)

    # when
    status, _seconds, output = stop(worker, signal.SIGTERM)

    # then
    assert status == 0, output
    assert "stopped: 2 copies ended" in output
    assert rows(environment, STATUSES) == [("completed",)] * 2 + [("pending",)] * 2
    assert rows(environment, HEARTBEATS) == [(0,)]


@pytest.mark.parametrize("step", ["plan", "place"])
def test_shutdown__batch_that_exceeds_the_timeout_is_released(
    environment: dict[str, str], step: str
) -> None:
    # given a worker before its transaction, or inside it
    worker = start_worker(environment, step=step, timeout=1)

    # when
    status, seconds, output = stop(worker, signal.SIGTERM)

    # then
    assert status == 75, output
    assert "ran out of time: 2 copies released" in output
    assert 0.9 < seconds < 20
    assert rows(environment, STATUSES) == [("in_progress",)] * 2 + [("pending",)] * 2
    assert rows(environment, HEARTBEATS) == [(0,)]
    drain_without_waiting(environment)


def test_shutdown__second_signal_releases_the_batch_at_once(environment: dict[str, str]) -> None:
    # given
    worker = start_worker(environment, timeout=60)

    # when
    status, seconds, output = stop(worker, signal.SIGINT, signal.SIGINT)

    # then
    assert status == 75, output
    assert "2 copies released" in output
    assert seconds < 20
    drain_without_waiting(environment)


def test_interrupted_transaction__rolled_back_and_connection_dropped(
    environment: dict[str, str],
) -> None:
    # when
    output = run(environment, INTERRUPTED)

    # then the transaction was rolled back and the connection works again
    assert output == "True"
    workers = rows(environment, "SELECT DISTINCT worker FROM order_copies_orderfactory")
    assert workers == [("free",)]


@pytest.mark.parametrize("step", ["plan", "write"])
def test_shutdown__exits_although_the_shop_catches_the_interrupt(
    environment: dict[str, str], step: str
) -> None:
    # given a shop that catches every exception
    worker = start_worker(environment, step=step, sleep="sleep_uninterruptibly", timeout=1)

    # when
    status, seconds, output = stop(worker, signal.SIGTERM)

    # then
    assert status == 75, output
    assert seconds < 20
    assert rows(environment, STATUSES) == [("in_progress",)] * 2 + [("pending",)] * 2
    if connection.vendor == "sqlite" and step == "write":
        # SQLite has one writer, which is the hanging transaction: the leases expire instead.
        return
    assert "releases 2 copies" in output
    drain_without_waiting(environment)
