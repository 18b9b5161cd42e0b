"""Measure the worker against the database itself: ``make bench``.

Each database runs both loops in one go and reports their ratio, so that the machine cancels out:

- the worker: ``run_batch`` on a backlog of frozen copies of 5-line orders, from claim to event;
- the bound: a bare loop of set-based ``INSERT … SELECT`` that makes the same rows of the same
  tables (orders, lines, options, addresses, events) and ends the same copies, with no plan, no
  fence and no Python in between.

Environment: ``BENCH_COPIES`` (default 5000) copies a loop, ``BENCH_MEMORY_COPIES`` (default 50000)
copies for the memory test, ``BENCH_DATABASES`` (default ``sqlite,postgresql``).
"""

import os
import subprocess
import sys
import tempfile


def main() -> int:
    """Run each database in a process of its own."""
    databases = os.environ.get("BENCH_DATABASES", "sqlite,postgresql").split(",")
    failed = [database for database in databases if run(database.strip())]
    return 1 if failed else 0


def run(database: str) -> int:
    """Measure one database; returns the exit code of its process."""
    with tempfile.TemporaryDirectory() as folder:
        name = "order_copies_bench" if database != "sqlite" else f"{folder}/bench.sqlite3"
        environment = {**os.environ, "DATABASE": database, "DATABASE_NAME": name}
        command = [sys.executable, "-m", "benchmarks.throughput"]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
