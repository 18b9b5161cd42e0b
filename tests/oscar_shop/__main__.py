"""Run the tests of the shop: on SQLite with those of its forks and the coverage of the adapter.

On a server only the shop itself, without Oscar's 100 migrations: the forks override Python, and
migrations and coverage are the same.
"""

import os
import subprocess
import sys

SHOP = "tests/oscar_shop"
COVERAGE = ["--cov", "--cov-config", f"{SHOP}/coverage.toml"]
OF_THE_SHOP = [SHOP, "--ignore", f"{SHOP}/forked", "--ds", "tests.oscar_shop.settings"]
ON_SQLITE = [
    [*OF_THE_SHOP, *COVERAGE, "--cov-report="],
    # A fork has its own migrations, which Oscar copies into it: tables without them do here.
    [
        *[f"{SHOP}/forked", "--ds", "tests.oscar_shop.forked.settings", "--no-migrations"],
        *[*COVERAGE, "--cov-append", "--cov-report=term", "--cov-fail-under=100"],
    ],
]
ON_A_SERVER = [[*OF_THE_SHOP, "--no-migrations"]]


def main() -> int:
    """Return the exit status of the first run that fails."""
    options = ["--confcutdir", SHOP]
    # Oscar calls what the newest Django deprecates.
    for category in ("DeprecationWarning", "PendingDeprecationWarning"):
        options += ["-W", f"ignore::{category}"]
    is_on_sqlite = os.environ.get("DATABASE", "sqlite") == "sqlite"
    for run in ON_SQLITE if is_on_sqlite else ON_A_SERVER:
        command = [sys.executable, "-m", "pytest", *run, *options, *sys.argv[1:]]
        if status := subprocess.call(command):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
