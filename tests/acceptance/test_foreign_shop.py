"""A shop with its own models, settings and serializers, in a process of its own.

The setting ``ORDER_MODEL`` cannot change within a process.
"""

import os
import subprocess
import sys
from pathlib import Path

from coverage import Coverage

FOLDER = Path(__file__).resolve().parents[1] / "foreign_shop"


def test_foreign_shop__serves_its_serializers() -> None:
    # given
    measured = ["coverage", "run", "--parallel-mode", "-m"] if Coverage.current() else []
    command = [sys.executable, "-m", *measured, "pytest", "-q", str(FOLDER)]
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist"]
    settings = ["--ds", "tests.foreign_shop.settings", "--confcutdir", str(FOLDER)]
    environment = {name: it for name, it in os.environ.items() if not name.startswith("PYTEST_")}

    # when
    done = subprocess.run(
        [*command, *plugins, *settings],
        cwd=FOLDER.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    # then
    assert done.returncode == 0, done.stdout + done.stderr
