import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.acceptance.processes import PROJECT, environment_of, new_database, run
from tests.acceptance.shops import PATH, InterferedShop


@pytest.fixture
def shop(settings: LazySettings) -> Iterator[type[InterferedShop]]:
    """The shop with hooks for tests; crashed copies and expired leases are retried at once."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "RETRY_PAUSE": -1}
    yield InterferedShop
    InterferedShop.before.clear()
    InterferedShop.calls.clear()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated, empty database: the template of the databases of process tests."""
    with new_database(tmp_path_factory.mktemp("migrated")) as name:
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=PROJECT, env=environment_of(name), check=True)
        yield name


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_database: str
) -> Iterator[dict[str, str]]:
    """Environment variables of processes that share one new database.

    The database is a SQLite file (WAL mode, IMMEDIATE transactions) or a database on the server.
    The script ``SHOP`` of the test's module fills it.
    """
    with new_database(tmp_path, migrated_database) as name:
        environment = environment_of(name)
        run(environment, request.module.SHOP)
        yield environment
