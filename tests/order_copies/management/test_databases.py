"""What an operator reads where the database is away, or has no tables."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.recorder import MigrationRecorder

from tests.commands import run

AWAY = 'The database does not answer: gone away. Is its server up, and DATABASES["default"] right?'
NOT_MIGRATED = "The database is not migrated: no such table. Run: manage.py migrate"

COMMANDS = [
    ["audit_order_copies"],
    ["copy_order", "1271"],
    ["order_copies_health"],
    ["order_copies_prune", "--older-than", "90"],
    ["order_copies_worker", "--drain"],
]
# A transaction in which a query failed would refuse those that look for the reason.
outside_of_transactions = pytest.mark.django_db(transaction=True)
of_each_command = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])


def refusing(error: Exception, table: str = "") -> AbstractContextManager[None]:
    """A database that refuses whatever concerns these tables, or all there is."""

    def refuse(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if table in sql:
            raise error
        return execute(sql, *rest)

    return connection.execute_wrapper(refuse)


@pytest.fixture
def away(transactional_db: None) -> Iterator[None]:
    with refusing(OperationalError("gone away\nand more")):
        yield


@pytest.fixture
def without_tables(transactional_db: None) -> Iterator[None]:
    applied = MigrationRecorder(connection).migration_qs
    rows = list(applied.filter(app="order_copies"))
    applied.filter(app="order_copies").delete()
    with refusing(ProgrammingError("no such table\nLINE 1: SELECT"), "order"):
        yield
    applied.bulk_create(rows)


def failure(*words: str) -> tuple[str, int]:
    """What the command fails with: its words and the exit status."""
    with pytest.raises(CommandError) as failed:
        call_command(*words, stdout=io.StringIO())
    return str(failed.value), failed.value.returncode


@outside_of_transactions
@pytest.mark.usefixtures("away")
@of_each_command
def test_a_database_that_does_not_answer_is_told_in_a_line(words: list[str]) -> None:
    assert failure(*words) == (AWAY, 1)


@outside_of_transactions
@pytest.mark.usefixtures("without_tables")
@of_each_command
def test_tables_that_are_missing_are_told_with_what_to_type(words: list[str]) -> None:
    assert failure(*words) == (NOT_MIGRATED, 1)


@outside_of_transactions
@pytest.mark.usefixtures("without_tables")
def test_a_worker_that_stays_does_not_wait_for_tables() -> None:
    assert failure("order_copies_worker") == (NOT_MIGRATED, 1)


@outside_of_transactions
@pytest.mark.parametrize(("state", "told"), [("away", AWAY), ("without_tables", NOT_MIGRATED)])
def test_no_such_trouble_restarts_workers(
    request: pytest.FixtureRequest, state: str, told: str
) -> None:
    # given
    request.getfixturevalue(state)
    out = io.StringIO()

    # when
    call_command("order_copies_health", "--this-host", stdout=out)

    # then
    assert out.getvalue() == f"{told}\n"


@outside_of_transactions
def test_what_a_database_that_is_fit_raises_goes_through() -> None:
    with (
        refusing(OperationalError("disk full"), "order_copies_"),
        pytest.raises(OperationalError, match="disk full"),
    ):
        call_command("audit_order_copies")


@outside_of_transactions
def test_health_is_told_in_a_line_whatever_the_database_raises() -> None:
    with refusing(OperationalError("disk full\nand more"), "order_copies_"):
        assert failure("order_copies_health") == ("The database fails: disk full", 1)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("words", "place", "told"),
    [
        (["audit_order_copies"], "nowhere/shop.sqlite3", "does not answer"),
        (["order_copies_worker", "--drain"], "nowhere/shop.sqlite3", "does not answer"),
        (["order_copies_worker", "--drain"], "shop.sqlite3", "is not migrated"),
        (["order_copies_worker"], "shop.sqlite3", "is not migrated"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_nobody_has_to_read_a_traceback(
    tmp_path: Path, words: list[str], place: str, told: str
) -> None:
    # given
    environment = os.environ | {"DATABASE": "sqlite", "DATABASE_NAME": str(tmp_path / place)}

    # when
    done = run(environment, sys.executable, "manage.py", *words)

    # then
    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: The database {told}: ")
    assert done.stderr.count("\n") == 1
