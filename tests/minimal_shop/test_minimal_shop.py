"""The shops of examples/. Each is a project of its own, so it is tested in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SETTINGS = """
from settings import *
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""


def settings() -> str:
    """Return the shop's settings, with the server that the suite runs on if that is not SQLite."""
    if connection.vendor == "sqlite":
        return SETTINGS
    names = ("ENGINE", "HOST", "PORT", "USER", "PASSWORD", "OPTIONS")
    server = {name: connection.settings_dict[name] for name in names}
    test = {**connection.settings_dict["TEST"], "NAME": f"{connection.settings_dict['NAME']}_tea"}
    databases = {"default": {**server, "NAME": "tea", "TEST": test}}
    return f"{SETTINGS}DATABASES = {databases!r}\n"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["minimal_shop", "shop_with_stock"])
def test_shop__copies_orders_in_every_way(name: str, tmp_path: Path) -> None:
    # given
    shutil.copytree(EXAMPLES / "minimal_shop", tmp_path, dirs_exist_ok=True)
    shutil.copytree(EXAMPLES / name, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "tea/migrations", ignore_errors=True)
    shutil.copy(ROOT / "tests/minimal_shop/walk.py", tmp_path / "tea/tests.py")
    (tmp_path / "tested.py").write_text(settings())

    # when, then
    # makemigrations connects to the database, and only SQLite creates a missing one.
    steps = {"settings": ["makemigrations", "tea", "-v0"], "tested": ["test", "--noinput", "-v0"]}
    for module, command in steps.items():
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=tmp_path,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": module, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
