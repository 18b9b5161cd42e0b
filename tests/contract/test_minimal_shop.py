"""The minimal shop keeps the contract, in a process of its own: it has another order model."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "minimal_shop"


def test_minimal_shop__keeps_the_contract() -> None:
    # given
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist"]
    options = ["-q", "--ds", "tests.contract.tea_settings", "--rootdir", str(SHOP)]
    environment = {name: it for name, it in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(SHOP)])
    environment["TEA_WORKER"] = os.environ.get("PYTEST_XDIST_WORKER", "")

    # when
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *plugins, str(SHOP / "tea" / "tests.py")],
        cwd=SHOP,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    # then
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
