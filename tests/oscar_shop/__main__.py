"""Run the tests of the shop, then those of its forks, and report the coverage of both."""

import subprocess
import sys

SHOP = "tests/oscar_shop"
RUNS = [
    [SHOP, "--ignore", f"{SHOP}/forked", "--ds", "tests.oscar_shop.settings", "--cov-report="],
    # A fork has its own migrations, which Oscar copies into it: tables without them do here.
    [
        *[f"{SHOP}/forked", "--ds", "tests.oscar_shop.forked.settings", "--no-migrations"],
        *["--cov-append", "--cov-report=term", "--cov-fail-under=100"],
    ],
]


def main() -> int:
    """Return the exit status of the first run that fails."""
    options = ["--confcutdir", SHOP, "--cov", "--cov-config", f"{SHOP}/coverage.toml"]
    # Oscar calls what the newest Django deprecates.
    for category in ("DeprecationWarning", "PendingDeprecationWarning"):
        options += ["-W", f"ignore::{category}"]
    for run in RUNS:
        command = [sys.executable, "-m", "pytest", *run, *options, *sys.argv[1:]]
        if status := subprocess.call(command):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
