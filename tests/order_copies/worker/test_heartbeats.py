"""Heartbeats of workers: when they count as alive, and when they are deleted."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies.models import Heartbeat
from order_copies.worker import heartbeats
from order_copies.worker.batches import Batch
from order_copies.worker.loop import Worker
from tests.factories import OrderCopyFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=2)
INIT = 1


def a_heartbeat(
    *, host: str = "", process_id: int = INIT, minutes: float = 0, name: str = "1f"
) -> Heartbeat:
    """Create the heartbeat of a worker that was seen this number of minutes ago."""
    return Heartbeat.objects.create(
        worker=f"{host or heartbeats.this_host()}:{process_id}:{name}",
        started_at=LONG_AGO,
        seen_at=NOW - timedelta(minutes=minutes),
    )


def a_dead_process() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_heartbeat__is_created_updated_and_deleted() -> None:
    # given
    heartbeats.begin("w:1:a")
    Heartbeat.objects.update(seen_at=LONG_AGO)
    before = timezone.now()

    # when
    heartbeats.beat("w:1:a")

    # then
    heartbeat = Heartbeat.objects.get()
    assert str(heartbeat) == "w:1:a"
    assert heartbeat.seen_at >= before
    assert heartbeat.started_at <= before

    # when
    heartbeats.end("w:1:a")

    # then
    assert not Heartbeat.objects.exists()


def test_begin__deletes_heartbeats_of_dead_workers() -> None:
    # given
    a_heartbeat(process_id=os.getpid(), name="reused process id")
    a_heartbeat(process_id=a_dead_process())
    a_heartbeat(host="elsewhere", minutes=60 * 25)
    kept = [
        a_heartbeat(minutes=60, name="hangs"),
        a_heartbeat(host="elsewhere", process_id=a_dead_process(), minutes=60 * 23),
    ]

    # when
    heartbeats.begin("another:1:a")

    # then
    left = Heartbeat.objects.exclude(worker="another:1:a")
    assert set(left) == set(kept)


@pytest.mark.parametrize(("minutes", "is_alive"), [(0, True), (9.9, True), (10.1, False)])
def test_alive__until_the_time_limit_of_a_batch(minutes: float, is_alive: bool) -> None:
    # given
    a_heartbeat(minutes=minutes)

    # when, then
    assert heartbeats.responsive(NOW).exists() is is_alive
    assert heartbeats.hanging(NOW).exists() is not is_alive


@pytest.mark.parametrize(
    ("lease", "is_at_work"), [(None, False), (timedelta(seconds=-1), False), (timedelta(), True)]
)
def test_at_work__silent_worker_counts_while_it_holds_a_lease(
    lease: timedelta | None, *, is_at_work: bool
) -> None:
    # given a worker that was silent for longer than a lease, and a copy of another worker
    heartbeat = a_heartbeat(minutes=1.1)
    OrderCopyFactory(in_progress=True, worker="another", lease_expires_at=NOW)

    # when
    if lease is not None:
        OrderCopyFactory(in_progress=True, worker=heartbeat.worker, lease_expires_at=NOW + lease)

    # then
    assert heartbeats.active(NOW).exists() is is_at_work
    assert heartbeats.stale(NOW).exists() is not is_at_work


def test_at_work__recent_heartbeat_counts() -> None:
    # given
    a_heartbeat(minutes=0.9)

    # when, then
    assert heartbeats.active(NOW).exists()
    assert not heartbeats.stale(NOW).exists()


def test_silent__time_limit_is_a_setting(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"BATCH_TIME_LIMIT": 30}
    a_heartbeat(minutes=1)

    # when, then
    assert heartbeats.hanging(NOW).exists()


def test_of_this_host__compares_the_whole_host_name() -> None:
    # given
    here = a_heartbeat()
    a_heartbeat(host=f"{heartbeats.this_host()}2")

    # when, then
    assert list(heartbeats.of_this_host(heartbeats.responsive(NOW))) == [here]


def test_is_running__includes_processes_of_other_users(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    def kill(process_id: int, number: int) -> None:
        raise PermissionError

    ours, dead = a_heartbeat(), a_heartbeat(process_id=a_dead_process())

    # then
    assert [heartbeats.is_running(one) for one in (ours, dead)] == [True, False]

    # when
    monkeypatch.setattr("os.kill", kill)

    # then
    assert heartbeats.is_running(ours)


def test_worker__has_a_heartbeat_only_while_it_runs() -> None:
    # given
    OrderCopyFactory()
    seen = []
    worker = Worker(on_batch=lambda batch: seen.append(Heartbeat.objects.get().worker))

    # when
    worker.run(drain=True)

    # then
    assert seen == [worker.name]
    assert not Heartbeat.objects.exists()


def test_worker__does_not_write_its_heartbeat_with_every_batch() -> None:
    # given
    OrderCopyFactory.create_batch(3)
    batches: list[Batch] = []
    worker = Worker(batch_size=1, on_batch=batches.append)

    # when
    with CaptureQueriesContext(connection) as queries:
        worker.run(drain=True)

    # then
    table = Heartbeat._meta.db_table
    written = [query["sql"].split()[0] for query in queries if table in query["sql"]]
    assert len(batches) == 3
    assert written.count("INSERT") + written.count("UPDATE") <= 3


def test_new_name__is_unique_and_short() -> None:
    # when
    names = {heartbeats.new_name() for _ in range(50)}

    # then
    assert len(names) == 50
    assert all(len(name) <= 128 for name in names)
