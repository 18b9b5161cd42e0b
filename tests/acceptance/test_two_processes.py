"""Story: real worker processes share one database, and one of them is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

PROJECT = Path(settings.BASE_DIR)

BACKLOG = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.db import transaction
from order_copies import copying
from order_copies.models import OrderCopy
from tests.factories import SkuFactory, placed_order
with transaction.atomic():
    sku = SkuFactory(stock=450)
    source = placed_order(lines=[{"sku": sku, "quantity": 1}])
    wanted = [OrderCopy(source_order=source, place_target_order=True) for _ in range(400)]
    copying.request_copies(wanted, who={})
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Processes of one shop, with a backlog and a database of their own.

    A file in WAL mode with IMMEDIATE transactions, or a new database on the server.
    """
    with database(tmp_path) as name:
        environment = os.environ | {
            "DATABASE_NAME": name,
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }
        subprocess.run([sys.executable, "-c", BACKLOG], cwd=PROJECT, env=environment, check=True)
        yield environment


@contextmanager
def database(tmp_path: Path) -> Iterator[str]:
    """The name of an empty database of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        yield str(tmp_path / "shop.sqlite3")
        return
    name = f"two_processes_{uuid4().hex[:8]}"
    with server("postgres") as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        with server("postgres") as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server(name: str) -> Iterator[Any]:
    """A cursor on a database of the kind that the tests run on, outside Django."""
    if connection.vendor == "sqlite":
        opened: Any = sqlite3.connect(name)
    else:
        database = import_module("psycopg")
        server = settings.DATABASES["default"]
        opened = database.connect(
            f"host={server['HOST']} user={server['USER']} dbname={name}", autocommit=True
        )
    with closing(opened), closing(opened.cursor()) as cursor:
        yield cursor
        opened.commit()


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(environment: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def let_leases_run_out(environment: dict[str, str]) -> None:
    with server(environment["DATABASE_NAME"]) as cursor:
        cursor.execute(
            "UPDATE order_copies_orderfactory SET lease_expires_at = '2000-01-01 00:00:00'"
            " WHERE status = 'in_progress'"
        )


def test_two_processes_on_one_backlog_give_each_copy_one_target(
    environment: dict[str, str],
) -> None:
    drain = ("manage.py", "order_copies_worker", "--drain", "--batch-size", "7")

    workers = [start(environment, *drain) for _ in range(2)]
    output = [worker.communicate(timeout=60)[0] for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0], output
    assert rows(
        environment,
        "SELECT status, errors_count, attempt, COUNT(*), COUNT(DISTINCT target_order_id)"
        " FROM order_copies_orderfactory GROUP BY 1, 2, 3",
    ) == [("completed", 0, 1, 400, 400)], output
    assert rows(environment, "SELECT COUNT(*), COUNT(DISTINCT number) FROM orders_order") == [
        (401, 401)
    ]
    assert rows(environment, "SELECT quantity, reserved FROM orders_stockitem") == [(450, 401)]
    assert rows(environment, "SELECT COUNT(*) FROM orders_stockreservation") == [(401,)]
    assert rows(
        environment,
        "SELECT name, COUNT(*), COUNT(DISTINCT resource_id) FROM order_copies_events_event"
        " WHERE resource_type = 'order_copies' GROUP BY 1 ORDER BY 1",
    ) == [
        ("order_copies.complete", 400, 400),
        ("order_copies.create", 400, 400),
        ("order_copies.start", 400, 400),
    ]


def test_a_process_that_is_killed_leaves_nothing_that_another_cannot_finish(
    environment: dict[str, str],
) -> None:
    worker = start(environment, "manage.py", "order_copies_worker", "--batch-size", "3")
    assert worker.stdout is not None
    while " claimed" not in (line := worker.stdout.readline()):
        assert line, "the worker ended"
    worker.send_signal(signal.SIGKILL)
    worker.communicate()

    # One statement sees one moment, even if the server is still busy with the last commit.
    [(in_progress, completed, orders, reserved)] = rows(
        environment,
        "SELECT COUNT(*) FILTER (WHERE status = 'in_progress'),"
        " COUNT(*) FILTER (WHERE status = 'completed'),"
        " (SELECT COUNT(*) FROM orders_order), (SELECT reserved FROM orders_stockitem)"
        " FROM order_copies_orderfactory",
    )
    assert in_progress <= 3
    assert completed > 0
    assert (orders, reserved) == (completed + 1, completed + 1)

    let_leases_run_out(environment)
    other = start(environment, "manage.py", "order_copies_worker", "--drain")
    output = other.communicate(timeout=60)[0]

    assert rows(
        environment,
        "SELECT status, COUNT(*), COUNT(DISTINCT target_order_id)"
        " FROM order_copies_orderfactory GROUP BY 1",
    ) == [("completed", 400, 400)], output
    assert rows(environment, "SELECT COUNT(*) FROM orders_order") == [(401,)]
    assert rows(environment, "SELECT reserved FROM orders_stockitem") == [(401,)]
