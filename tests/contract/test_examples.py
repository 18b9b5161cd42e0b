"""The shops of examples/ keep the contract, each in a process: the order model is a setting."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.minimal_shop.test_minimal_shop import EXAMPLES, ROOT, settings

CONTRACTS = Path(__file__).parent / "examples"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("minimal_shop", []),
        pytest.param("shop_with_stock", ["shop_with_batches"], marks=pytest.mark.exhaustive),
    ],
)
def test_example__keeps_the_contract(name: str, others: list[str], tmp_path: Path) -> None:
    # given
    for folder in ("minimal_shop", name, *others):
        shutil.copytree(EXAMPLES / folder, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "tea/migrations", ignore_errors=True)
    shutil.copy(CONTRACTS / f"{name}.py", tmp_path / "tea/tests.py")
    (tmp_path / "tested.py").write_text(settings().replace("_tea", "_tea_contract"))

    # when
    options = ["-q", "--ds", "tested", "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    environment = {name: it for name, it in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(tmp_path)])
    # makemigrations connects to the database, and only SQLite creates a missing one.
    commands = {
        "settings": ["manage.py", "makemigrations", "tea", "-v0"],
        "tested": ["-m", "pytest", *options, "-p", "no:xdist", "tea/tests.py"],
    }
    for module, command in commands.items():
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**environment, "DJANGO_SETTINGS_MODULE": module},
            capture_output=True,
            text=True,
            check=False,
        )
        # then
        assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
