"""Shops with their own models and settings, each in a process of its own.

The setting ``ORDER_MODEL`` cannot change within a process. ``foreign_shop`` has its own serializers
and its own API, ``wine_shop`` declares models of every structure.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import Coverage

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("foreign_shop", "not exhaustive"),
        ("wine_shop", "not exhaustive"),
        pytest.param("wine_shop", "exhaustive", marks=pytest.mark.exhaustive),
    ],
)
def test_foreign_shop__passes_its_tests(name: str, marks: str) -> None:
    # given
    measured = ["coverage", "run", "--parallel-mode", "-m"] if Coverage.current() else []
    command = [sys.executable, "-m", *measured, "pytest", "-q", str(TESTS / name)]
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "--nomigrations", "-m", marks]
    settings = ["--ds", f"tests.{name}.settings", "--confcutdir", str(TESTS / name)]
    environment = {name: it for name, it in os.environ.items() if not name.startswith("PYTEST_")}
    database = os.environ.get("TEST_DATABASE_NAME", "test_order_copies")
    environment["TEST_DATABASE_NAME"] = f"{database}_{name}"

    # when
    done = subprocess.run(
        [*command, *options, *settings],
        cwd=TESTS.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    # then
    assert done.returncode == 0, done.stdout + done.stderr
