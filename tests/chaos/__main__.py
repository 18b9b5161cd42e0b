"""Run the scenario with each configuration in turn: see :mod:`tests.chaos`."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from secrets import randbelow
from tempfile import TemporaryFile

from tests.chaos.configurations import CONFIGURATIONS
from tests.chaos.run_one import LOGS

#: The number of lines of each log that are repeated after a failure.
LINES = 100


def main() -> int:
    """Return 1 if a run failed; its output and the ends of its logs are repeated at the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument(
        "configurations", nargs="*", help=f"Of {', '.join(CONFIGURATIONS)}. Default: all."
    )
    parser.add_argument(
        "--seed", type=int, default=randbelow(10**6), help="Seed of all random choices."
    )
    parser.add_argument(
        "--copies", type=int, default=1000, help="Minimum number of copies per configuration."
    )
    parser.add_argument(
        "--kills", type=int, default=2, help="Minimum number of kills at each step."
    )
    options = parser.parse_args()
    if unknown := set(options.configurations) - set(CONFIGURATIONS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    names = options.configurations or CONFIGURATIONS
    outputs = [_run(name, options.seed, options.copies, options.kills) for name in names]
    failures = [output for output in outputs if output]
    for output in failures:
        print("\n=== Failed ===\n", output, sep="\n", flush=True)
    return 1 if failures else 0


def _run(name: str, *numbers: int) -> str:
    """Run one configuration and print its output; return the output if it failed."""
    command = [sys.executable, "-m", "tests.chaos.run_one", name, *map(str, numbers)]
    # A file, not a pipe: orphaned children of a killed process would keep a pipe open.
    with TemporaryFile("w+") as file:
        status = subprocess.call(command, stdout=file, stderr=subprocess.STDOUT)
        file.seek(0)
        output = file.read()
    print(output, end="", flush=True)
    return "\n".join([output, f"Exit status {status}.", *_ends_of_logs(name)]) if status else ""


def _ends_of_logs(name: str) -> Iterator[str]:
    for log in sorted(LOGS.glob(f"{name}*.log")):
        lines = log.read_text(errors="replace").splitlines()
        yield "\n".join([f"\n--- {log} ---", *lines[-LINES:]])


if __name__ == "__main__":
    sys.exit(main())
