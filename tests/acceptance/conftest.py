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
    """The shop that tests interfere with; crashed copies and lapsed leases are retried at once."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "RETRY_PAUSE": -1}
    yield InterferedShop
    InterferedShop.before.clear()
    InterferedShop.calls.clear()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The template of all databases that processes of a shop of their own have."""
    with new_database(tmp_path_factory.mktemp("migrated")) as name:
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=PROJECT, env=environment_of(name), check=True)
        yield name


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_database: str
) -> Iterator[dict[str, str]]:
    """What processes of one shop need, with a database of their own.

    The script ``SHOP`` of the test's module fills it. It is a file in WAL mode with IMMEDIATE
    transactions, or a new database on the server.
    """
    with new_database(tmp_path, migrated_database) as name:
        environment = environment_of(name)
        run(environment, request.module.SHOP)
        yield environment
