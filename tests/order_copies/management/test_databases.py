"""Error messages of the commands if the database is unreachable or not migrated."""

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

UNREACHABLE = 'The database does not answer: gone away. Check its server, and DATABASES["default"].'
NOT_MIGRATED = "The database is not migrated: no such table. Run: manage.py migrate"

COMMANDS = [
    ["audit_order_copies"],
    ["copy_order", "1271"],
    ["order_copies_health"],
    ["order_copies_prune", "--older-than", "90"],
    ["order_copies_worker", "--drain"],
]
# Inside a transaction, a failed query would also fail the queries that look for the cause.
outside_of_transactions = pytest.mark.django_db(transaction=True)
of_each_command = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])


def refusing(error: Exception, table: str = "") -> AbstractContextManager[None]:
    """Make each query that names the table fail; without a table, every query."""

    def refuse(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if table in sql:
            raise error
        return execute(sql, *rest)

    return connection.execute_wrapper(refuse)


@pytest.fixture
def unreachable(transactional_db: None) -> Iterator[None]:
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
    """Return the message and the exit status of a command that fails."""
    with pytest.raises(CommandError) as failed:
        call_command(*words, stdout=io.StringIO())
    return str(failed.value), failed.value.returncode


@outside_of_transactions
@pytest.mark.usefixtures("unreachable")
@of_each_command
def test_unreachable_database__fails_with_one_line(words: list[str]) -> None:
    assert failure(*words) == (UNREACHABLE, 1)


@outside_of_transactions
@pytest.mark.usefixtures("without_tables")
@of_each_command
def test_missing_tables__fail_with_the_command_to_run(words: list[str]) -> None:
    assert failure(*words) == (NOT_MIGRATED, 1)


@outside_of_transactions
@pytest.mark.usefixtures("without_tables")
def test_missing_tables__fail_a_polling_worker_too() -> None:
    assert failure("order_copies_worker") == (NOT_MIGRATED, 1)


@outside_of_transactions
@pytest.mark.parametrize(
    ("state", "message"), [("unreachable", UNREACHABLE), ("without_tables", NOT_MIGRATED)]
)
def test_health_of_this_host__passes_despite_database_errors(
    request: pytest.FixtureRequest, state: str, message: str
) -> None:
    # given
    request.getfixturevalue(state)
    out = io.StringIO()

    # when
    call_command("order_copies_health", "--this-host", stdout=out)

    # then
    assert out.getvalue() == f"{message}\n"


@outside_of_transactions
def test_other_database_errors__are_raised() -> None:
    with (
        refusing(OperationalError("disk full"), "order_copies_"),
        pytest.raises(OperationalError, match="disk full"),
    ):
        call_command("audit_order_copies")


@outside_of_transactions
def test_health__any_database_error_fails_with_one_line() -> None:
    with refusing(OperationalError("disk full\nand more"), "order_copies_"):
        assert failure("order_copies_health") == ("The database fails: disk full", 1)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("words", "place", "message"),
    [
        (["audit_order_copies"], "nowhere/shop.sqlite3", "does not answer"),
        (["order_copies_worker", "--drain"], "nowhere/shop.sqlite3", "does not answer"),
        (["order_copies_worker", "--drain"], "shop.sqlite3", "is not migrated"),
        (["order_copies_worker"], "shop.sqlite3", "is not migrated"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_database_errors__print_no_traceback(
    tmp_path: Path, words: list[str], place: str, message: str
) -> None:
    # given
    environment = os.environ | {"DATABASE": "sqlite", "DATABASE_NAME": str(tmp_path / place)}

    # when
    done = run(environment, sys.executable, "manage.py", *words)

    # then
    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: The database {message}: ")
    assert done.stderr.count("\n") == 1
