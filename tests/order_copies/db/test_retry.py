"""Trouble that passes: what counts as such, and how it is waited out."""

import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
)

from order_copies.db.retry import answers, is_transient, steadily
from order_copies.models import Heartbeat

SOON = timedelta(seconds=5)
AT_ONCE = timedelta(0)


class PostgreSQLError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("of PostgreSQL")
        self.sqlstate = sqlstate


def because_of(cause: Exception, kind: type[DatabaseError] = OperationalError) -> DatabaseError:
    error = kind(*cause.args)
    error.__cause__ = cause
    return error


def of_sqlite(code: int) -> Exception:
    error = sqlite3.OperationalError("of SQLite")
    error.sqlite_errorcode = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    "error",
    [
        InterfaceError("connection already closed"),
        because_of(of_sqlite(sqlite3.SQLITE_BUSY)),
        because_of(of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT)),
        because_of(of_sqlite(sqlite3.SQLITE_LOCKED_SHAREDCACHE)),
        because_of(of_sqlite(sqlite3.SQLITE_PROTOCOL)),
        because_of(of_sqlite(sqlite3.SQLITE_FULL)),
        because_of(PostgreSQLError("40001")),
        because_of(PostgreSQLError("40P01")),
        because_of(PostgreSQLError("55P03")),
        because_of(PostgreSQLError("57P01")),
        because_of(PostgreSQLError("08006")),
        because_of(PostgreSQLError("53300")),
        because_of(PostgreSQLError("25006"), InternalError),
        because_of(PostgreSQLError("25P03")),
        because_of(PostgreSQLError(None)),
        OperationalError(1213, "Deadlock found"),
        OperationalError(1205, "Lock wait timeout exceeded"),
        OperationalError(1290, "The server is running with --read-only"),
        OperationalError(1792, "Cannot execute statement in a READ ONLY transaction"),
        OperationalError(2005, "Unknown server host"),
        OperationalError(2006, "Server has gone away"),
        OperationalError(2013, "Lost connection"),
    ],
)
def test_it_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError(),
        ConnectionResetError(),
        because_of(of_sqlite(sqlite3.SQLITE_CONSTRAINT), IntegrityError),
        because_of(PostgreSQLError("23505"), IntegrityError),
        because_of(PostgreSQLError("57014")),
        because_of(PostgreSQLError(None), DatabaseError),
        IntegrityError(1062, "Duplicate entry"),
        OperationalError(1054, "Unknown column"),
        OperationalError(),
    ],
)
def test_it_is_not_transient(error: Exception) -> None:
    assert not is_transient(error)


#: How a session is told that it may only read, and that it may write again.
MODES = {
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
    "sqlite": ("PRAGMA query_only = on", "PRAGMA query_only = off"),
}


@pytest.mark.django_db(transaction=True)
def test_what_a_database_that_may_only_be_read_says_is_transient() -> None:
    # given
    only_to_be_read, writable = MODES[connection.vendor]

    # when
    with connection.cursor() as cursor:
        cursor.execute(only_to_be_read)
        with pytest.raises(DatabaseError) as refused:
            Heartbeat.objects.all().delete()
        cursor.execute(writable)

    # then
    assert is_transient(refused.value)


def failing(errors: list[Exception]) -> Callable[[], Any]:
    def work() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    return work


@pytest.mark.django_db(transaction=True)
def test_what_passes_is_waited_out() -> None:
    # given
    errors: list[Exception] = [OperationalError(1213, "Deadlock found")] * 3

    # when
    result = steadily(failing(errors), patience=SOON)

    # then
    assert (result, errors) == ("done", [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "patience"),
    [(OperationalError(1213, "Deadlock found"), AT_ONCE), (IntegrityError(1062, "Twice"), SOON)],
)
def test_what_does_not_pass_is_raised(error: Exception, patience: timedelta) -> None:
    # given
    errors = [error] * 3

    # when
    with pytest.raises(type(error)):
        steadily(failing(errors), patience=patience)

    # then
    assert len(errors) == 2


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_waited_out_and_what_went_before_takes_no_patience() -> None:
    # given
    errors: list[Exception] = [InterfaceError("connection already closed")]

    def work() -> Any:
        time.sleep(0.3 if errors else 0)
        return failing(errors)()

    # when
    result = steadily(work, patience=timedelta(seconds=0.2))

    # then
    assert (result, errors) == ("done", [])


@pytest.mark.django_db
def test_a_database_answers_or_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    there = answers()

    def away() -> None:
        raise OperationalError(2006, "Server has gone away")

    monkeypatch.setattr(connection, "cursor", away)

    # then
    assert (there, answers()) == (True, False)


@pytest.mark.django_db
def test_there_is_one_try_inside_of_a_transaction() -> None:
    # given
    errors: list[Exception] = [OperationalError(1213, "Deadlock found")] * 3

    # when
    with pytest.raises(OperationalError):
        steadily(failing(errors), patience=SOON)

    # then
    assert len(errors) == 2
