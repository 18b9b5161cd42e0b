"""Tell the story of each world, one after the other: see :mod:`tests.chaos`."""

import argparse
import subprocess
import sys
from secrets import randbelow
from tempfile import TemporaryFile

from tests.chaos.worlds import WORLDS


def main() -> int:
    """1 if anything is wrong; what is wrong is said again in the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("worlds", nargs="*", help=f"Of {', '.join(WORLDS)}. Default: all.")
    parser.add_argument("--seed", type=int, default=randbelow(10**6), help="Of all that is random.")
    parser.add_argument("--copies", type=int, default=1000, help="At least so many a database.")
    options = parser.parse_args()
    if unknown := set(options.worlds) - set(WORLDS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    sad = [
        story
        for world in options.worlds or WORLDS
        if (story := _tell(world, options.seed, options.copies))
    ]
    for story in sad:
        print("\n=== This went wrong ===\n", story, sep="\n", flush=True)
    return 1 if sad else 0


def _tell(world: str, seed: int, copies: int) -> str:
    """Print all that a world's process has said, and return it if that failed."""
    command = [sys.executable, "-m", "tests.chaos.one", world, str(seed), str(copies)]
    # A file, not a pipe: whoever is left over from a killed one would keep a pipe open.
    with TemporaryFile("w+") as file:
        status = subprocess.call(command, stdout=file, stderr=subprocess.STDOUT)
        file.seek(0)
        said = file.read()
    print(said, end="", flush=True)
    return f"{said}Exit status {status}." if status else ""


if __name__ == "__main__":
    sys.exit(main())
