"""Transient database errors: which ones they are, and how they are retried."""

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

from order_copies.db.retry import is_reachable, is_transient, with_retries
from order_copies.models import Heartbeat

SOON = timedelta(seconds=5)
AT_ONCE = timedelta(0)


class PostgreSQLError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("of PostgreSQL")
        self.sqlstate = sqlstate


def caused_by(cause: Exception, kind: type[DatabaseError] = OperationalError) -> DatabaseError:
    error = kind(*cause.args)
    error.__cause__ = cause
    return error


def sqlite_error(code: int) -> Exception:
    error = sqlite3.OperationalError("of SQLite")
    error.sqlite_errorcode = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    "error",
    [
        InterfaceError("connection already closed"),
        caused_by(sqlite_error(sqlite3.SQLITE_BUSY)),
        caused_by(sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT)),
        caused_by(sqlite_error(sqlite3.SQLITE_LOCKED_SHAREDCACHE)),
        caused_by(sqlite_error(sqlite3.SQLITE_PROTOCOL)),
        caused_by(sqlite_error(sqlite3.SQLITE_FULL)),
        caused_by(PostgreSQLError("40001")),
        caused_by(PostgreSQLError("40P01")),
        caused_by(PostgreSQLError("55P03")),
        caused_by(PostgreSQLError("57P01")),
        caused_by(PostgreSQLError("08006")),
        caused_by(PostgreSQLError("53300")),
        caused_by(PostgreSQLError("25006"), InternalError),
        caused_by(PostgreSQLError("25P03")),
        caused_by(PostgreSQLError(None)),
        OperationalError(1213, "Deadlock found"),
        OperationalError(1205, "Lock wait timeout exceeded"),
        OperationalError(1290, "The server is running with --read-only"),
        OperationalError(1792, "Cannot execute statement in a READ ONLY transaction"),
        OperationalError(2005, "Unknown server host"),
        OperationalError(2006, "Server has gone away"),
        OperationalError(2013, "Lost connection"),
    ],
)
def test_is_transient__connection_lock_and_read_only_errors(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError(),
        ConnectionResetError(),
        caused_by(sqlite_error(sqlite3.SQLITE_CONSTRAINT), IntegrityError),
        caused_by(PostgreSQLError("23505"), IntegrityError),
        caused_by(PostgreSQLError("57014")),
        caused_by(PostgreSQLError(None), DatabaseError),
        IntegrityError(1062, "Duplicate entry"),
        OperationalError(1054, "Unknown column"),
        OperationalError(),
    ],
)
def test_is_transient__not_other_errors(error: Exception) -> None:
    assert not is_transient(error)


#: The statements that make a session read-only, and writable again.
MODES = {
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
    "sqlite": ("PRAGMA query_only = on", "PRAGMA query_only = off"),
}


@pytest.mark.django_db(transaction=True)
def test_is_transient__error_of_a_read_only_session() -> None:
    # given
    read_only, writable = MODES[connection.vendor]

    # when
    with connection.cursor() as cursor:
        cursor.execute(read_only)
        with pytest.raises(DatabaseError) as refused:
            Heartbeat.objects.all().delete()
        cursor.execute(writable)

    # then
    assert is_transient(refused.value)


def raising(errors: list[Exception]) -> Callable[[], Any]:
    def work() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    return work


@pytest.mark.django_db(transaction=True)
def test_retry__transient_errors_are_retried() -> None:
    # given
    errors: list[Exception] = [OperationalError(1213, "Deadlock found")] * 3

    # when
    result = with_retries(raising(errors), patience=SOON)

    # then
    assert (result, errors) == ("done", [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "patience"),
    [(OperationalError(1213, "Deadlock found"), AT_ONCE), (IntegrityError(1062, "Twice"), SOON)],
)
def test_retry__permanent_errors_and_exhausted_patience_are_raised(
    error: Exception, patience: timedelta
) -> None:
    # given
    errors = [error] * 3

    # when
    with pytest.raises(type(error)):
        with_retries(raising(errors), patience=patience)

    # then
    assert len(errors) == 2


@pytest.mark.django_db(transaction=True)
def test_retry__patience_starts_with_the_first_error() -> None:
    # given
    errors: list[Exception] = [InterfaceError("connection already closed")]

    def work() -> Any:
        time.sleep(0.3 if errors else 0)
        return raising(errors)()

    # when
    result = with_retries(work, patience=timedelta(seconds=0.2))

    # then
    assert (result, errors) == ("done", [])


@pytest.mark.django_db
def test_answers__is_false_for_an_unreachable_database(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    there = is_reachable()

    def away() -> None:
        raise OperationalError(2006, "Server has gone away")

    monkeypatch.setattr(connection, "cursor", away)

    # then
    assert (there, is_reachable()) == (True, False)


@pytest.mark.django_db
def test_retry__one_attempt_inside_a_transaction() -> None:
    # given
    errors: list[Exception] = [OperationalError(1213, "Deadlock found")] * 3

    # when
    with pytest.raises(OperationalError):
        with_retries(raising(errors), patience=SOON)

    # then
    assert len(errors) == 2
