"""PostgreSQL: the throughput of two workers against one, as real processes."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from django.db import connection, transaction
from django.db.models import Count, Max, Min

from benchmarks.databases import analyze, drop_database, make_database
from benchmarks.shop import make_orders, request
from order_copies.models import OrderFactory, Status

COPIES = int(os.environ.get("BENCH_COPIES", "5000"))
ROUNDS = 5
ROOT = Path(__file__).resolve().parents[1]
WORKER = ["manage.py", "order_copies_worker", "--verbosity", "0", "--interval", "0.02"]


def main() -> None:
    """Measure one worker and two workers in turn, and report the ratio of their rates."""
    if connection.vendor != "postgresql":
        return
    logging.getLogger("order_copies").setLevel(logging.WARNING)
    make_database()
    keys = make_orders(2000)
    rate(keys, workers=2)
    measured = [(rate(keys, workers=1), rate(keys, workers=2)) for _ in range(ROUNDS)]
    ratios = [two / one for one, two in measured]
    one, two = (median(rates) for rates in zip(*measured, strict=True))
    print("postgresql: frozen copies of 5-line orders, batches of 100, real processes")
    print(f"  one worker {one:6.0f} copies/s   two workers {two:6.0f} copies/s")
    print(f"  ratio  {median(ratios):.2f} (of {', '.join(f'{r:.2f}' for r in sorted(ratios))})")
    drop_database()


def rate(keys: list[int], *, workers: int) -> float:
    """Return copies per second over a new backlog, from the first start to the last end."""
    analyze()
    with running(workers):
        with transaction.atomic():
            request(keys, COPIES)
            backlog = OrderFactory.objects.filter(status=Status.PENDING)
            first = backlog.earliest("pk").pk
        while OrderFactory.objects.exclude(status=Status.COMPLETED).exists():
            time.sleep(0.1)
    copies = OrderFactory.objects.filter(pk__gte=first)
    totals = copies.aggregate(
        count=Count("pk"),
        workers=Count("worker", distinct=True),
        seconds=Max("completed_at") - Min("started_at"),
    )
    assert (totals["count"], totals["workers"]) == (COPIES, workers)
    return COPIES / totals["seconds"].total_seconds()


@contextmanager
def running(workers: int) -> Iterator[None]:
    """Run this number of polling workers."""
    command = [sys.executable, *WORKER]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) for _ in range(workers)
    ]
    # Each worker is connected once it polls.
    while _connections() <= workers:
        time.sleep(0.1)
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _connections() -> int:
    """Count the connections to this database, including our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])
