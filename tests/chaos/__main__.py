"""Tell the story of each world, one after the other: see :mod:`tests.chaos`."""

import argparse
import subprocess
import sys
from secrets import randbelow

from tests.chaos.worlds import WORLDS


def main() -> int:
    """1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("worlds", nargs="*", help=f"Of {', '.join(WORLDS)}. Default: all.")
    parser.add_argument("--seed", type=int, default=randbelow(10**6), help="Of all that is random.")
    parser.add_argument("--copies", type=int, default=1000, help="At least so many a database.")
    options = parser.parse_args()
    if unknown := set(options.worlds) - set(WORLDS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    numbers = [str(options.seed), str(options.copies)]
    statuses = [
        subprocess.call([sys.executable, "-m", "tests.chaos.one", world, *numbers])
        for world in options.worlds or WORLDS
    ]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
